"""The kinds of checks that a study's files go through, one by one."""

import math
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from study.errors import StudyError, one_line
from study.files import file_digest
from study.runs.predictions import Predictions, roles_in_run

# The summary has six decimals.
TOLERANCE = 2e-6

T = TypeVar("T")


class Check(NamedTuple):
    """What was looked at, and how it was found.

    Attributes:
        check: what kind of check.
        subject: the file or run.
        problem: what is wrong, or "".
        remake: files that put it right when they are made again, with a space between; or "".
    """

    check: str
    subject: str
    problem: str
    remake: str = ""


class Unreadable(Exception):
    """A file that has to be looked into is missing or damaged."""

    def __init__(self, path: Path, error: Exception):
        missing = isinstance(error, FileNotFoundError)
        problem = "is missing" if missing else f"cannot be read ({one_line(str(error))})"
        self.check = Check("files can be read", str(path), problem, str(path))
        super().__init__(f"{path} {problem}")


def opened(read: Callable[[Path], T], path: Path) -> T:
    """Return what `read` makes of a file.

    Raises:
        Unreadable: it is missing, cut off or otherwise damaged.
    """
    try:
        return read(path)
    except (
        OSError,
        EOFError,
        ValueError,
        LookupError,
        zipfile.BadZipFile,
        zlib.error,
        StudyError,
    ) as error:
        raise Unreadable(path, error) from error


def problems(checks: Iterable[Check]) -> list[Check]:
    """Return the checks that found something wrong."""
    return [check for check in checks if check.problem]


def recorded_digests(records: Mapping[str, str], folder: Path, check: str) -> Iterator[Check]:
    """Check files of a folder against their recorded sha256, by name; "" if none was recorded."""
    for name, digest in records.items():
        path = folder / name
        problem = ""
        if Path(name).is_absolute() or ".." in Path(name).parts:  # a record may be somebody else's
            problem = "lies outside the study"
        elif not path.is_file():
            problem = "is missing"
        elif not digest:
            problem = "has no recorded sha256: an earlier version of the project made it"
        elif file_digest(path) != digest:
            problem = "is not the file that was recorded: its sha256 differs"
        yield Check(check, str(path), problem, str(path) if problem else "")


def splits_hold(
    partitions: Mapping[str, np.ndarray],
    splits: Mapping[tuple[str, int], Mapping[str, np.ndarray]],
    n: int,
) -> Iterator[Check]:
    """Check that partitions are disjoint, and that each split divides its partition completely.

    From that follows that no test image of a seed is in any training or validation set of it.

    Args:
        partitions: image_ids by name.
        splits: image_ids by role, by name of the partition and seed.
        n: images of the data set.
    """
    owner: dict[int, str] = {}
    for name, ids in partitions.items():
        shared = [image for image in ids.tolist() if image in owner]
        foreign = [image for image in ids.tolist() if not 0 <= image < n]
        problem = f"no image has number {foreign[0]}" if foreign else ""
        if shared:
            problem = f"image {shared[0]} is in {owner[shared[0]]} too"
        yield Check("partitions are disjoint", name, problem)
        owner |= dict.fromkeys(ids.tolist(), name)
    for (name, seed), roles in splits.items():
        members = [image for ids in roles.values() for image in ids.tolist()]
        problem = ""
        if len(members) != len(set(members)):
            problem = "an image has two roles"
        elif set(members) != set(partitions[name].tolist()):
            problem = "does not divide its partition"
        yield Check("splits divide partitions", f"{name}, seed {seed}", problem)


def official_split_holds(split: Mapping[str, np.ndarray], source_split: np.ndarray) -> str:
    """Return what is wrong with a split of the combo official, or "".

    Args:
        split: image_ids by role.
        source_split: "train" or "test", N; of each image, as its publisher divided them.
    """
    members = np.concatenate(list(split.values()))
    if len(members) != len(np.unique(members)):
        return "an image has two roles"
    if not np.array_equal(split["test"], np.flatnonzero(source_split == "test")):
        return "does not test on the publisher's test images"
    if len(members) != len(source_split):
        return "does not divide all images"
    return ""


def roles_hold(predictions: Predictions, combo: Sequence[Mapping[str, np.ndarray]]) -> str:
    """Return how the roles stored with a run's logits differ from its splits, or ""."""
    expected = np.zeros(len(predictions.roles), np.uint8)
    for split in combo:
        expected = np.maximum(expected, roles_in_run(len(expected), split))
    wrong = np.flatnonzero(expected != predictions.roles)
    if not len(wrong):
        return ""
    return f"image {wrong[0]} and {len(wrong) - 1} more have another role than in the splits"


def first_difference(found: Any, computed: Any, name: str = "") -> str:
    """Return the first value in which recorded numbers differ from those computed again, or "".

    Args:
        found: what a file says: a number, a text, None, or a mapping of these.
        computed: the same, computed again; keys that only `found` has are passed over.
        name: of the value, for the message.
    """
    if isinstance(computed, Mapping):
        for key, value in computed.items():
            if not isinstance(found, Mapping) or key not in found:
                return f"it has no {name}{key}"
            if problem := first_difference(found[key], value, f"{name}{key} "):
                return problem
        return ""
    if _same(found, computed):
        return ""
    return f"{name.strip()} is {found}, computed again {computed}"


def _same(found: Any, computed: Any) -> bool:
    if isinstance(computed, str) or isinstance(found, str):
        return found == computed
    one, other = (math.nan if value is None else float(value) for value in (found, computed))
    return (math.isnan(one) and math.isnan(other)) or abs(one - other) <= TOLERANCE


def accuracy_without_near_duplicates(
    predictions: Predictions, labels: np.ndarray, test: np.ndarray, judged: np.ndarray
) -> tuple[int, float]:
    """Return how many test images have a near-duplicate that the run saw, and the accuracy without.

    Args:
        predictions: of the run.
        labels: int, N.
        test: image_ids that the run is tested on.
        judged: bool, N; images that the run may judge.
    """
    kept = judged[test]
    right = predictions.logits[test].argmax(axis=1) == labels[test]
    return int((~kept).sum()), float(right[kept].mean()) if kept.any() else math.nan
