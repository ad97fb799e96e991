"""People's votes on images, read from files that the user supplies.

- `cifar10h`: about 50 votes on each official test image of CIFAR-10, `cifar10h-counts.npy`.
  J. C. Peterson et al., "Human uncertainty makes classification more robust", ICCV 2019.
- `cifar10n`: three votes on each official training image, `CIFAR-10_human.pt`. J. Wei et al.,
  "Learning with noisy labels revisited: a study using real-world human annotations", ICLR 2022.
- `label_errors`: five reviews of test images whose label an algorithm doubted,
  `cifar10_mturk.json`. C. G. Northcutt, A. Athalye and J. Mueller, "Pervasive label errors in test
  sets destabilize machine learning benchmarks", NeurIPS 2021.
- `csv`: your own votes, a table `image_id, n_votes, <a column of votes for each class>`.
- `verdicts`: what people said in the gallery, `verdicts.csv`.
"""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from study.data.index import Index
from study.data.pickles import load_arrays
from study.data.verdicts import read_verdicts
from study.errors import StudyError
from study.files import read_csv, read_json
from study.hardness.human_votes import REVIEW_ANSWERS, HumanVotes

ROUNDS = ("random_label1", "random_label2", "random_label3")
# Of one image; beyond it not every whole number has a float of its own.
_MOST_VOTES = 2**53
_COUNTS_ADVICE = "take cifar10h-counts.npy as it was published"
_PT_ADVICE = "take CIFAR-10_human.pt as it was published"
_REVIEWS_ADVICE = "take cifar10_mturk.json as it was published"


def read_votes(kind: str, path: str | Path, index: Index) -> HumanVotes:
    """Read people's votes.

    Args:
        kind: of `READERS`, see this module.
        path: the file.
        index: all images of the data set, in whose order the published files are. Of images that
            were left out there are no votes, nor reviews of labels that were corrected since.

    Raises:
        StudyError: the file is not what its kind says, is for other images or in another order.
        OSError: the file cannot be read.
    """
    votes = READERS[kind](Path(path), index.as_given())
    if index.given is None:
        return votes
    ids, kept = votes.image_ids, ~index.left_out[votes.image_ids]
    if votes.reviews:
        kept &= index.labels[ids] == index.given[ids]
    label = votes.label if votes.reviews else index.labels[ids]
    return HumanVotes(ids[kept], votes.votes[kept], label[kept], votes.reviews)


def _read_cifar10h(path: Path, index: Index) -> HumanVotes:
    image_ids = index.publishers_test
    shape = (len(image_ids), len(index.classes))
    try:
        votes = np.load(path)
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise StudyError(
            f"{path}: not an array in .npy form ({error}); {_COUNTS_ADVICE}"
        ) from error
    is_array = isinstance(votes, np.ndarray)
    if not is_array or votes.shape != shape or votes.dtype.kind not in "iuf":
        content = f"{votes.dtype} of {_size(votes.shape)}" if is_array else "several arrays"
        raise StudyError(
            f"{path}: holds {content}, expected counts of {_size(shape)}, the official test images "
            f"by the classes; {_COUNTS_ADVICE}"
        )
    votes = _counted(path, votes, image_ids, f"{_COUNTS_ADVICE}, not probabilities")
    labels = index.labels[image_ids]
    agreeing = (votes.argmax(axis=1) == labels).mean()
    if agreeing < 0.5:
        raise StudyError(
            f"{path}: most people agree with the label of {agreeing:.0%} of the images only, so "
            f"the rows are not in CIFAR-10's official test order; {_COUNTS_ADVICE}"
        )
    return HumanVotes(image_ids, votes, labels)


def _read_cifar10n(path: Path, index: Index) -> HumanVotes:
    image_ids = np.flatnonzero(index.source_split == "train")
    content = _load_pt(path)
    given, *rounds = (
        _class_column(path, content, key, image_ids, len(index.classes))
        for key in ("clean_label", *ROUNDS)
    )
    labels = index.labels[image_ids]
    if (given != labels).any():
        raise StudyError(
            f"{path}: 'clean_label' differs from the labels of {(given != labels).sum()} images, "
            f"first of image {image_ids[given != labels][0]}: the file is not in CIFAR-10's "
            f"official training order (that for TensorFlow is not); {_PT_ADVICE}"
        )
    votes = np.sum([chosen[:, None] == np.arange(len(index.classes)) for chosen in rounds], axis=0)
    return HumanVotes(image_ids, votes, labels)


def _load_pt(path: Path) -> dict[Any, Any]:
    """Return the dictionary of arrays that torch.save or pickle wrote.

    Without torch; nothing of the file is executed.
    """
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
            f"{path}: a zip archive without 'data.pkl', so torch.save did not write it; "
            f"{_PT_ADVICE}"
        ) from None
    # A damaged archive or pickle can fail in any way; all mean the same here.
    except Exception as error:
        raise StudyError(
            f"{path}: not a dictionary of numpy arrays ({error}); {_PT_ADVICE}"
        ) from error
    if not isinstance(value, dict):
        raise StudyError(
            f"{path}: holds a {type(value).__name__}, expected a dictionary of numpy arrays; "
            f"{_PT_ADVICE}"
        )
    return value


def _class_column(
    path: Path, content: dict[Any, Any], key: str, image_ids: np.ndarray, n_classes: int
) -> np.ndarray:
    """Return one array of class numbers, int64, after checking it."""
    if key not in content:
        expected = ", ".join(map(repr, ("clean_label", *ROUNDS)))
        raise StudyError(f"{path}: no {key!r}; expected {expected}; {_PT_ADVICE}")
    values = content[key]
    is_array = isinstance(values, np.ndarray)
    if not is_array or values.size != len(image_ids) or values.dtype.kind not in "iuf":
        holds = f"{values.size} {values.dtype}" if is_array else f"a {type(values).__name__}"
        raise StudyError(
            f"{path}: {key!r} holds {holds}, expected {len(image_ids)} class numbers, one for "
            f"each of the official training images; {_PT_ADVICE}"
        )
    values = values.reshape(-1)
    wrong = ~np.isin(values, range(n_classes))
    if wrong.any():
        raise StudyError(
            f"{path}: {key!r} says {values[wrong][0]} of image {image_ids[wrong][0]}, expected a "
            f"class number 0–{n_classes - 1}; {_PT_ADVICE}"
        )
    return values.astype(np.int64)


def _read_label_errors(path: Path, index: Index) -> HumanVotes:
    test = index.publishers_test
    try:
        reviews = read_json(path)
        ids = np.array([review["id"] for review in reviews], float)
        given = np.array([review["given_original_label"] for review in reviews], float)
        votes = np.array(
            [[review["mturk"][answer] for answer in REVIEW_ANSWERS] for review in reviews], float
        )
    except (ValueError, TypeError, KeyError) as error:
        raise StudyError(
            f"{path}: not a list of reviews ({error}), each with numbers 'id', "
            f"'given_original_label' and 'mturk' ({', '.join(REVIEW_ANSWERS)}); {_REVIEWS_ADVICE}"
        ) from error
    image_ids = test[_checked_ids(path, ids, len(test), "rows of the official test images")]
    votes = _counted(path, votes, image_ids, _REVIEWS_ADVICE)
    wrong = index.labels[image_ids] != given
    if wrong.any():
        raise StudyError(
            f"{path}: 'given_original_label' differs from the labels of {wrong.sum()} of "
            f"{len(wrong)} images, first with id {ids[wrong][0]:g}: the ids are not in CIFAR-10's "
            f"official test order; {_REVIEWS_ADVICE}"
        )
    label = np.full(len(votes), REVIEW_ANSWERS.index("given"))
    return HumanVotes(image_ids, votes, label, reviews=True)


def _read_csv(path: Path, index: Index) -> HumanVotes:
    table = _columns(path, ["image_id", "n_votes", *index.classes])
    image_ids = _checked_ids(
        path, table["image_id"], len(index.labels), "image_ids of the data set"
    )
    votes = np.stack([table[name] for name in index.classes], axis=1)
    # Who chose none of the classes stands for an answer of its own.
    none = table["n_votes"] - votes.sum(axis=1)
    if (none < 0).any():
        raise StudyError(
            f"{path}: the classes of image {image_ids[none < 0][0]} have more votes than its "
            "n_votes; n_votes counts all people who were asked, those who chose no class too"
        )
    votes = _counted(
        path, np.column_stack([votes, none]), image_ids, "leave out images that nobody voted on"
    )
    return HumanVotes(image_ids, votes, index.labels[image_ids])


def _read_verdicts(path: Path, index: Index) -> HumanVotes:
    verdicts = read_verdicts(path, index)
    if not verdicts:
        raise StudyError(f"{path}: no verdict is in it; mark images in the gallery and save them")
    # As reviews of labels: it is given, another one is meant, neither fits, or both do.
    answers = [("fine", "wrong label", "leave out", "ambiguous").index(v.verdict) for v in verdicts]
    image_ids, rows = np.unique([verdict.image_id for verdict in verdicts], return_inverse=True)
    votes = np.zeros((len(image_ids), len(REVIEW_ANSWERS)), np.int64)
    np.add.at(votes, (rows, answers), 1)
    label = np.full(len(votes), REVIEW_ANSWERS.index("given"))
    return HumanVotes(image_ids, votes, label, reviews=True)


def _columns(path: Path, expected: list[str]) -> dict[str, np.ndarray]:
    """Return the columns of a table of numbers that must have exactly these, float."""
    try:
        rows = read_csv(path) if path.stat().st_size else []
    except ValueError as error:
        raise StudyError(f"{path}: not a table of comma-separated values ({error})") from error
    columns = list(rows[0]) if rows else []
    if set(columns) != set(expected):
        odd = [f"unknown column {name!r}" for name in columns if name not in expected]
        missing = [f"no column {name!r}" for name in expected if name not in columns]
        problem = [*odd, *missing][0] if rows else "no rows"
        raise StudyError(
            f"{path}: {problem}; write one row per image with the columns {', '.join(expected)}"
        )
    try:
        return {name: np.array([float(row[name]) for row in rows]) for name in expected}
    except (ValueError, TypeError) as error:
        raise StudyError(
            f"{path}: {error}; expected a number in every cell of {', '.join(expected)}"
        ) from error


def _checked_ids(path: Path, ids: np.ndarray, n: int, meaning: str) -> np.ndarray:
    """Return float ids as int64 after checking that each is one of 0 … n - 1 and is there once."""
    wrong = ~np.isin(ids, np.arange(n))
    if wrong.any() or len(ids) == 0:
        problem = f"id {ids[wrong][0]:g}" if len(ids) else "no image"
        raise StudyError(f"{path}: {problem}; expected {meaning}, 0–{n - 1}")
    values, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        raise StudyError(
            f"{path}: id {values[counts > 1][0]:g} is there more than once; give each image one row"
        )
    return ids.astype(np.int64)


def _counted(path: Path, votes: np.ndarray, image_ids: np.ndarray, advice: str) -> np.ndarray:
    """Return votes as int64 after checking that they are counts, with some for each image."""
    wrong = np.argwhere(~((votes >= 0) & (votes <= _MOST_VOTES)) | (votes % 1 != 0))
    if len(wrong):
        row, answer = wrong[0]
        raise StudyError(
            f"{path}: an answer of image {image_ids[row]} has {votes[row, answer]:g} votes, "
            f"expected whole numbers from 0 on, to 2 to the power of 53; {advice}"
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
    "verdicts": _read_verdicts,
}
