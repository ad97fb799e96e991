"""The kinds of checks that a study's files go through, one by one."""

import math
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from study.data.splits import ROLES, union
from study.errors import StudyError, one_line
from study.runs.predictions import Predictions, roles_in_run
from study.runs.untrained import imported_roles

# The summary has six decimals.
TOLERANCE = 2e-6
# Logits that are computed again may differ from the stored ones by this share of their standard
# deviation. Another number of threads or processor changes them by less than a thousandth of it,
# a GPU that multiplies in TF32 by two thousandths.
LOGIT_TOLERANCE = 0.01
# Answers of two trainings never correlate so closely.
_SAME_MODEL = 0.9999

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


# What a file raises whose content is of another form than the project writes.
MALFORMED = (LookupError, TypeError, ValueError, AttributeError, StudyError)


def malformed(path: Path, error: Exception) -> Check:
    """Return the failed check of a file that lacks what it must hold."""
    reason = f"is not what the project writes ({type(error).__name__}: {one_line(str(error))})"
    return held("files can be read", path, reason)


def looked_at(
    check: str, path: Path, read: Callable[[Path], T], judge: Callable[[T], str]
) -> Check:
    """Return the check of a file by what `judge` says of what `read` makes of it, "" if right."""
    try:
        return held(check, path, judge(opened(read, path)))
    except Unreadable as error:
        return error.check
    except MALFORMED as error:
        return malformed(path, error)


def held(check: str, path: Path, problem: str, *others: Path) -> Check:
    """Return a check of a file, which is to be made again with `others` if there is a problem."""
    remake = " ".join(map(str, (path, *others))) if problem else ""
    return Check(check, str(path), problem, remake)


def roles_hold(
    predictions: Predictions,
    combo: Sequence[Mapping[str, np.ndarray]],
    imported: Mapping[str, str] | None = None,
) -> str:
    """Return how the roles stored with a run's logits differ from its splits, or "".

    Args:
        predictions: of the run.
        combo: its splits.
        imported: what an imported run's record says of this: `saw` and `sha256`. Roles that only
            the file stated are taken as stored, but those of the test images.
    """
    ids = {role: union(combo, role) for role in ROLES}
    expected = roles_in_run(len(predictions.roles), ids)
    if imported:
        if predictions.imported != imported["sha256"]:
            return "were imported from another file than the run's record says"
        stated = imported["saw"] == "stated"
        expected = imported_roles("nothing" if stated else imported["saw"], len(expected), ids)
        if stated:
            seen = predictions.has_role("train", "val")
            seen[ids["test"]] = False
            expected = np.where(seen, predictions.roles, expected)
    wrong = np.flatnonzero(expected != predictions.roles)
    if not len(wrong):
        return ""
    return f"image {wrong[0]} and {len(wrong) - 1} more have another role than in the splits"


def answers_differ(stored: np.ndarray, again: np.ndarray) -> str:
    """Return how logits, n×K, differ from those that the stored weights give again, or ""."""
    if stored.shape != again.shape:
        return "the weights answer for another number of classes"
    if np.isnan(stored).all() or not np.isfinite(again).all():
        both = np.isnan(stored).all() and not np.isfinite(again).all()
        return "" if both else "either predictions or weights are of a training that diverged"
    spread = float(stored.std()) or 1.0
    far = (np.abs(stored - again) > LOGIT_TOLERANCE * spread).any(axis=1)
    if not far.any():
        return ""
    other = int((stored.argmax(axis=1) != again.argmax(axis=1)).sum())
    return (
        f"are not those of the weights: predicted again, {far.sum()} of {len(far)} images have "
        f"other logits, {other} another most probable class"
    )


def same_answers(logits: np.ndarray) -> list[tuple[int, int]]:
    """Return the positions of runs that answer alike, as those of one model would.

    Args:
        logits: R×n×K, of R runs for the same images.
    """
    centred = (logits - logits.mean(axis=1, keepdims=True)).reshape(len(logits), -1)
    lengths = np.linalg.norm(centred, axis=1)
    # A model that says the same of each image tells nothing of whose it is.
    varied = np.flatnonzero(lengths > 1e-6)
    vectors = centred[varied] / lengths[varied, None]
    pairs = np.argwhere(np.triu(vectors @ vectors.T > _SAME_MODEL, 1))
    return [(int(varied[one]), int(varied[other])) for one, other in pairs]


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
