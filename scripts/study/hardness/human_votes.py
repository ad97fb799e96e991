"""What people said about the images: votes from files that the user supplies, and what follows from them.

- `cifar10h`: about 50 votes on each official test image of CIFAR-10, `cifar10h-counts.npy`. J. C. Peterson et al., "Human
  uncertainty makes classification more robust", ICCV 2019.
- `cifar10n`: three votes on each official training image, `CIFAR-10_human.pt`. J. Wei et al., "Learning with noisy labels
  revisited: a study using real-world human annotations", ICLR 2022.
- `label_errors`: five reviews of test images whose label an algorithm doubted, `cifar10_mturk.json`. C. G. Northcutt,
  A. Athalye and J. Mueller, "Pervasive label errors in test sets destabilize machine learning benchmarks", NeurIPS 2021.
- `csv`: votes of one's own, a table `image_id, n_votes, <a column of votes for each class>`.
"""

import csv
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import entropy

from study.data.index import Index
from study.data.pickles import load_arrays
from study.errors import StudyError
from study.files import read_csv, read_json

# From this share of dissenting people on, an image counts as hard for people.
HARD_FOR_PEOPLE = 0.25
ROUNDS = ("random_label1", "random_label2", "random_label3")
REVIEW_ANSWERS = ("given", "guessed", "neither", "both")


@dataclass(frozen=True)
class HumanVotes:
    """How people answered, image by image.

    Attributes:
        image_ids: int64, n, each once.
        votes: int64, n×A; how many people gave each of A answers, at least one an image.
        label: int64, n; the answer that stands for the image's label.
        reviews: whether people were asked about the label itself, and not for the class.
    """

    image_ids: np.ndarray
    votes: np.ndarray
    label: np.ndarray
    reviews: bool = False


def read_votes(kind: str, path: str | Path, index: Index) -> HumanVotes:
    """Read people's votes.

    Args:
        kind: `cifar10h`, `cifar10n`, `label_errors` or `csv`, see this module.
        path: the file.
        index: all images of the data set, in whose order the published files are.

    Raises:
        StudyError: the file is not what its kind says, is for other images or in another order.
        OSError: the file cannot be read.
    """
    return READERS[kind](Path(path), index)


def human_targets(people: HumanVotes) -> pd.DataFrame:
    """Return what people's votes say of each image.

    Returns:
        One row an image: `image_id`; `human_error`, the share of people whose answer is not the label; `human_entropy` of the
        answers, in nats; `human_rejects`, whether people took the image for something else: another answer has more
        votes than the label, and at least two, or, in reviews, fewer than half confirmed the label; `human_hard`, whether
        `human_error` is at least `HARD_FOR_PEOPLE`.
    """
    votes, total = people.votes, people.votes.sum(axis=1)
    rows = np.arange(len(votes))
    agreeing = votes[rows, people.label]
    if people.reviews:
        rejects = 2 * agreeing < total
    else:
        others = votes.copy()
        others[rows, people.label] = 0
        most = others.max(axis=1)
        rejects = (most > agreeing) & (most >= 2)
    error = 1 - agreeing / total
    return pd.DataFrame(
        {
            "image_id": people.image_ids,
            "human_error": error,
            # Sorted, so that like votes for other classes give the same entropy to the last bit: ties stay ties.
            "human_entropy": entropy(np.sort(votes, axis=1), axis=1),
            "human_rejects": rejects,
            "human_hard": error >= HARD_FOR_PEOPLE,
        }
    )


def human_columns(
    sources: Mapping[str, HumanVotes], classes: Sequence[str], n: int
) -> pd.DataFrame:
    """Return what people said of each image, in columns that stand beside what runs say of it.

    Args:
        sources: votes by the name of their source; of two sources for one image the first counts.
        classes: K names.
        n: how many images the data set has.

    Returns:
        n rows, in order of image_id. Of votes for classes: `human_source` and `human_top` (the answer that most people gave, of equal ones
        the first; "none" if most chose no class), empty where nobody was asked; `human_n` people; `human_error`, `human_entropy` and
        `human_rejects` as `human_targets` says. Of reviews of labels: `review_<answer>`, how many gave it. No columns without
        sources of a kind.
    """
    answers = np.array([*classes, "none"])
    columns = pd.DataFrame(index=pd.RangeIndex(n))
    for name, people in sources.items():
        if people.reviews:
            table = pd.DataFrame(
                people.votes, people.image_ids, [f"review_{answer}" for answer in REVIEW_ANSWERS]
            )
            table = table.astype("Int64")
        else:
            table = human_targets(people).set_index("image_id").drop(columns="human_hard")
            table.insert(0, "human_source", name)
            table.insert(1, "human_n", pd.array(people.votes.sum(axis=1), "Int64"))
            table.insert(4, "human_top", answers[people.votes.argmax(axis=1)])
            table["human_rejects"] = table["human_rejects"].astype("boolean")
        new = table.reindex(columns.index)
        order = list(dict.fromkeys([*columns, *new]))
        columns = columns.combine_first(new)[order]
    return columns


def _read_cifar10h(path: Path, index: Index) -> HumanVotes:
    advice = "take cifar10h-counts.npy as it was published"
    image_ids = np.flatnonzero(index.source_split == "test")
    expected = (len(image_ids), len(index.classes))
    try:
        votes = np.load(path)
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise StudyError(f"{path}: not an array in .npy form ({error}); {advice}") from error
    if (
        not isinstance(votes, np.ndarray)
        or votes.shape != expected
        or votes.dtype.kind not in "iuf"
    ):
        found = (
            f"{votes.dtype} of {_size(votes.shape)}"
            if isinstance(votes, np.ndarray)
            else "several arrays"
        )
        raise StudyError(
            f"{path}: holds {found}, expected counts of {_size(expected)}, the official test images by the classes; {advice}"
        )
    votes = _counted(path, votes, image_ids, f"{advice}, not probabilities")
    labels = index.labels[image_ids]
    agreeing = (votes.argmax(axis=1) == labels).mean()
    if agreeing < 0.5:
        raise StudyError(
            f"{path}: most people agree with the label of {agreeing:.0%} of the images only, so the rows are not in CIFAR-10's "
            f"official test order; {advice}"
        )
    return HumanVotes(image_ids, votes, labels)


def _read_cifar10n(path: Path, index: Index) -> HumanVotes:
    image_ids = np.flatnonzero(index.source_split == "train")
    content = _load_pt(path)
    given, *rounds = (
        _class_column(path, content, key, image_ids, index.classes)
        for key in ("clean_label", *ROUNDS)
    )
    labels = index.labels[image_ids]
    if (given != labels).any():
        raise StudyError(
            f"{path}: 'clean_label' differs from the labels of {(given != labels).sum()} images, first of image "
            f"{image_ids[given != labels][0]}: the file is not in CIFAR-10's official training order (that for TensorFlow is not); "
            f"{_PT_ADVICE}"
        )
    votes = np.sum([chosen[:, None] == np.arange(len(index.classes)) for chosen in rounds], axis=0)
    return HumanVotes(image_ids, votes, labels)


_PT_ADVICE = "take CIFAR-10_human.pt as it was published"


def _load_pt(path: Path) -> dict[Any, Any]:
    """Return the dictionary of arrays that torch.save, or pickle, wrote; without torch, and running nothing of the file's."""
    try:
        content = path.read_bytes()
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                name = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
                content = archive.read(name)
        value = load_arrays(content)
    except OSError:
        raise
    except StopIteration:
        raise StudyError(
            f"{path}: a zip archive without 'data.pkl', so torch.save did not write it; {_PT_ADVICE}"
        ) from None
    except (
        Exception
    ) as error:  # a damaged archive or pickle can fail in any way; all mean the same here
        raise StudyError(
            f"{path}: not a dictionary of numpy arrays ({error}); {_PT_ADVICE}"
        ) from error
    if not isinstance(value, dict):
        raise StudyError(
            f"{path}: holds a {type(value).__name__}, expected a dictionary of numpy arrays; {_PT_ADVICE}"
        )
    return value


def _class_column(
    path: Path, content: dict[Any, Any], key: str, image_ids: np.ndarray, classes: list[str]
) -> np.ndarray:
    if key not in content:
        raise StudyError(
            f"{path}: no {key!r}; expected 'clean_label', {', '.join(map(repr, ROUNDS))}; {_PT_ADVICE}"
        )
    values = content[key]
    if (
        not isinstance(values, np.ndarray)
        or values.size != len(image_ids)
        or values.dtype.kind not in "iuf"
    ):
        found = (
            f"{values.size} {values.dtype}"
            if isinstance(values, np.ndarray)
            else f"a {type(values).__name__}"
        )
        raise StudyError(
            f"{path}: {key!r} holds {found}, expected {len(image_ids)} class numbers, one for each of the official training images; {_PT_ADVICE}"
        )
    values = values.reshape(-1)
    wrong = ~np.isin(values, range(len(classes)))
    if wrong.any():
        raise StudyError(
            f"{path}: {key!r} says {values[wrong][0]} of image {image_ids[wrong][0]}, expected a class number 0–{len(classes) - 1}; "
            f"{_PT_ADVICE}"
        )
    return values.astype(np.int64)


def _read_label_errors(path: Path, index: Index) -> HumanVotes:
    advice = "take cifar10_mturk.json as it was published"
    test = np.flatnonzero(index.source_split == "test")
    try:
        reviews = read_json(path)
        ids = np.array([review["id"] for review in reviews], float)
        given = np.array([review["given_original_label"] for review in reviews], float)
        votes = np.array(
            [[review["mturk"][answer] for answer in REVIEW_ANSWERS] for review in reviews], float
        )
    except (ValueError, TypeError, KeyError) as error:
        raise StudyError(
            f"{path}: not a list of reviews ({error}), each with numbers 'id', 'given_original_label' and 'mturk' "
            f"({', '.join(REVIEW_ANSWERS)}); {advice}"
        ) from error
    image_ids = test[_checked_ids(path, ids, len(test), "rows of the official test images")]
    votes = _counted(path, votes, image_ids, advice)
    wrong = index.labels[image_ids] != given
    if wrong.any():
        raise StudyError(
            f"{path}: 'given_original_label' differs from the labels of {wrong.sum()} of {len(wrong)} images, first with id "
            f"{ids[wrong][0]:g}: the ids are not in CIFAR-10's official test order; {advice}"
        )
    return HumanVotes(
        image_ids, votes, np.full(len(votes), REVIEW_ANSWERS.index("given")), reviews=True
    )


def _read_csv(path: Path, index: Index) -> HumanVotes:
    expected = ["image_id", "n_votes", *index.classes]
    try:
        rows = read_csv(path)
    except (UnicodeDecodeError, csv.Error) as error:
        raise StudyError(f"{path}: not a table of comma-separated values ({error})") from error
    columns = list(rows[0]) if rows else []
    if set(columns) != set(expected):
        odd = [name for name in columns if name not in expected]
        missing = [name for name in expected if name not in columns]
        raise StudyError(
            f"{path}: {f'unknown column {odd[0]!r}' if odd else f'no column {missing[0]!r}' if rows else 'no rows'}; write a row an "
            f"image with the columns {', '.join(expected)}"
        )
    try:
        table = {name: np.array([float(row[name]) for row in rows]) for name in expected}
    except (ValueError, TypeError) as error:
        raise StudyError(
            f"{path}: {error}; expected a number in every cell of {', '.join(expected)}"
        ) from error
    image_ids = _checked_ids(
        path, table["image_id"], len(index.labels), "image_ids of the data set"
    )
    votes = np.stack([table[name] for name in index.classes], axis=1)
    # Who chose none of the classes stands for an answer of its own.
    none = table["n_votes"] - votes.sum(axis=1)
    if (none < 0).any():
        raise StudyError(
            f"{path}: the classes of image {image_ids[none < 0][0]} have more votes than its n_votes; n_votes counts all people who "
            "were asked, those who chose no class too"
        )
    votes = _counted(
        path, np.column_stack([votes, none]), image_ids, "leave out images that nobody voted on"
    )
    return HumanVotes(image_ids, votes, index.labels[image_ids])


def _checked_ids(path: Path, ids: np.ndarray, n: int, meaning: str) -> np.ndarray:
    """Return float ids as int64 after checking that each is one of 0 … n - 1 and is there once."""
    wrong = ~np.isin(ids, np.arange(n))
    if wrong.any() or len(ids) == 0:
        raise StudyError(
            f"{path}: {f'id {ids[wrong][0]:g}' if len(ids) else 'no image'}; expected {meaning}, 0–{n - 1}"
        )
    values, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        raise StudyError(
            f"{path}: id {values[counts > 1][0]:g} is there more than once; give each image one row"
        )
    return ids.astype(np.int64)


def _counted(path: Path, votes: np.ndarray, image_ids: np.ndarray, advice: str) -> np.ndarray:
    """Return votes as int64 after checking that they are counts and that somebody voted on each image."""
    wrong = np.argwhere(~(votes >= 0) | (votes % 1 != 0))
    if len(wrong):
        row, answer = wrong[0]
        raise StudyError(
            f"{path}: an answer of image {image_ids[row]} has {votes[row, answer]:g} votes, expected whole numbers from 0 on; {advice}"
        )
    silent = votes.sum(axis=1) == 0
    if silent.any():
        raise StudyError(
            f"{path}: image {image_ids[silent][0]} has no votes, expected at least one; {advice}"
        )
    return votes.astype(np.int64)


def _size(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "one number"


# By the kind that a configuration names.
READERS = {
    "cifar10h": _read_cifar10h,
    "cifar10n": _read_cifar10n,
    "label_errors": _read_label_errors,
    "csv": _read_csv,
}
