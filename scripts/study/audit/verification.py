"""Whether a study's files are what they were, hold together, and say what its summary says.

The numbers of the summary are computed anew from the stored logits, by other code than that which made them: scikit-learn's metrics,
statsmodels' interval and plain loops over bins and sets, where `study.runs.metrics` and `study.runs.calibration` have their own.
"""

import itertools
import math
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pandas as pd
from scipy.special import logsumexp, softmax
from sklearn import metrics as sk
from statsmodels.stats.proportion import proportion_confint

from study.data.index import Index
from study.errors import StudyError, one_line
from study.files import file_digest
from study.runs.predictions import ROLE_CODES, Predictions

# The summary has six decimals.
TOLERANCE = 2e-6

T = TypeVar("T")


class Check(NamedTuple):
    """What was looked at, and how it was found.

    Attributes:
        check: what kind of check.
        subject: the file or run.
        problem: what is wrong, or "".
        remake: files that put it right when they are made anew, with a space between; "" where nothing is wrong.
    """

    check: str
    subject: str
    problem: str
    remake: str = ""


class Unreadable(Exception):
    """A file that has to be looked into is missing or damaged."""

    def __init__(self, path: Path, error: Exception):
        problem = (
            "is missing"
            if isinstance(error, FileNotFoundError)
            else f"cannot be read ({one_line(str(error))})"
        )
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


def recorded_digests(records: Mapping[str, str], folder: Path, check: str) -> Iterator[Check]:
    """Check files of a folder against the sha256 that was recorded when they were written, by name; "" if none was."""
    for name, digest in records.items():
        path = folder / name
        problem = ""
        if not path.exists():
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
    """Check that partitions are disjoint, and that each split divides its partition without rest or overlap.

    From that follows that no test image of a seed is in any training or validation set of that seed.

    Args:
        partitions: image_ids by name.
        splits: image_ids by role, by name of the partition and seed.
        n: images of the data set.
    """
    owner: dict[int, str] = {}
    for name, ids in partitions.items():
        shared = [image for image in ids.tolist() if image in owner]
        foreign = [image for image in ids.tolist() if not 0 <= image < n]
        problem = (
            f"image {shared[0]} is in {owner[shared[0]]} too"
            if shared
            else f"no image has number {foreign[0]}"
            if foreign
            else ""
        )
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


def roles_hold(predictions: Predictions, combo: Sequence[Mapping[str, np.ndarray]]) -> str:
    """Return in what the roles stored with a run's logits differ from its splits, or ""."""
    expected = np.zeros(len(predictions.roles), np.uint8)
    for split in combo:
        for role, ids in split.items():
            expected[ids] = ROLE_CODES[role]
    wrong = np.flatnonzero(expected != predictions.roles)
    return (
        f"image {wrong[0]} and {len(wrong) - 1} more have another role than in the splits"
        if len(wrong)
        else ""
    )


def judged_by(predictions: Predictions, pairs: np.ndarray) -> np.ndarray:
    """Return, one by one, the image_ids that a run may judge: neither it nor a near-duplicate was trained or validated on."""
    seen = {
        int(i)
        for i in np.flatnonzero(
            (predictions.roles == ROLE_CODES["train"]) | (predictions.roles == ROLE_CODES["val"])
        )
    }
    known = {int(a) for a, b in pairs if int(b) in seen} | {
        int(b) for a, b in pairs if int(a) in seen
    }
    return np.array(
        [i for i in range(len(predictions.roles)) if i not in seen and i not in known], np.int64
    )


def measured(
    logits: np.ndarray, labels: np.ndarray, classes: Sequence[str], temperature: float | None
) -> dict[str, float]:
    """Return the measures of one set of images, by the names they have in the summary.

    Args:
        logits: float32, n×K.
        labels: int, n.
        classes: K names.
        temperature: by which logits are divided for `nll_scaled` and `ece_scaled`; None without.
    """
    logits = logits.astype(np.float64)
    everything = list(range(len(classes)))
    probabilities = softmax(logits, axis=1)
    predicted = [int(row.argmax()) for row in logits]
    present = sorted(set(labels.tolist()) | set(predicted))
    macro = {"labels": present, "average": "macro", "zero_division": 0}
    right = int(np.sum(np.array(predicted) == labels))
    low, high = proportion_confint(right, len(labels), method="wilson")
    recalls = sk.recall_score(
        labels, predicted, labels=everything, average=None, zero_division=np.nan
    )
    values = {
        "accuracy": sk.accuracy_score(labels, predicted),
        "accuracy_low": low,
        "accuracy_high": high,
        "balanced_accuracy": float(np.nanmean([recalls[k] for k in set(labels.tolist())])),
        "macro_precision": sk.precision_score(labels, predicted, **macro),
        "macro_recall": sk.recall_score(labels, predicted, **macro),
        "macro_f1": sk.f1_score(labels, predicted, **macro),
        "top2_accuracy": np.mean(
            [
                label in np.argsort(-row, kind="stable")[:2]
                for label, row in zip(labels, logits, strict=True)
            ]
        ),
        "nll": _log_loss(logits, labels),
        "brier": np.mean(((np.eye(len(classes))[labels] - probabilities) ** 2).sum(axis=1)),
        "ece": _calibration_error(probabilities, labels, np.linspace(0, 1, 16)),
        "ece_adaptive": _calibration_error(probabilities, labels, None),
        "nll_scaled": math.nan if temperature is None else _log_loss(logits / temperature, labels),
        "ece_scaled": math.nan
        if temperature is None
        else _calibration_error(
            softmax(logits / temperature, axis=1), labels, np.linspace(0, 1, 16)
        ),
    }
    return values | {
        f"recall_{name}": recall for name, recall in zip(classes, recalls, strict=True)
    }


def _log_loss(logits: np.ndarray, labels: np.ndarray) -> float:
    return float(
        np.mean([logsumexp(row) - row[label] for row, label in zip(logits, labels, strict=True)])
    )


def _calibration_error(
    probabilities: np.ndarray, labels: np.ndarray, edges: np.ndarray | None
) -> float:
    """Return the calibration error over bins that hold their upper end; without edges, over 15 bins of equally many images."""
    confidence = probabilities.max(axis=1)
    if edges is None:
        edges = np.concatenate([[0.0], np.quantile(confidence, np.arange(1, 15) / 15), [1.0]])
    error = 0.0
    for place, (low, high) in enumerate(itertools.pairwise(edges)):
        inside = (confidence > low) & (confidence <= high)
        if place == 0:
            inside |= confidence == low
        if inside.any():
            accuracy = (probabilities[inside].argmax(axis=1) == labels[inside]).mean()
            error += inside.mean() * abs(accuracy - confidence[inside].mean())
    return error


def summary_row(
    record: Mapping[str, Any],
    history: Sequence[Mapping[str, str]],
    temperature: float | None,
    predictions: Predictions,
    index: Index,
    combo: Sequence[Mapping[str, np.ndarray]],
    common: np.ndarray,
    judged: np.ndarray,
) -> dict[str, Any]:
    """Return what the summary should say of a run; only what can be computed from its files.

    Args:
        record: of the run.
        history: rows of history.csv.
        temperature: that was fitted on its validation images, if there are any.
        predictions: of the run.
        index: all images.
        combo: splits of its partitions.
        common: image_ids of the common test of its seed.
        judged: image_ids that the run may judge.
    """
    row: dict[str, Any] = {
        "status": record["status"],
        "epochs": len(history),
        "kept_epoch": record["kept_epoch"],
    }
    row |= {"train_seconds": sum(float(epoch["seconds"]) for epoch in history)}
    row |= {f"n_{role}": sum(len(split[role]) for split in combo) for role in ("train", "val")}
    row["images_seen"] = row["epochs"] * row["n_train"]
    row["steps"] = row["epochs"] * -(-row["n_train"] // record["recipe"]["batch_size"])
    if record["status"] != "ok":
        return row
    masks = {role: np.flatnonzero(predictions.roles == code) for role, code in ROLE_CODES.items()}
    comparable = not np.isin(common, np.concatenate([masks["train"], masks["val"]])).any()
    row |= {"n_test": len(masks["test"]), "n_common_test": len(common) if comparable else 0}
    of = {
        name: measured(predictions.logits[ids], index.labels[ids], index.classes, temperature)
        for name, ids in (
            ("test", masks["test"]),
            *((("common_test", common),) if comparable else ()),
        )
    }
    for name, values in of.items():
        row |= {
            f"{name}_{key}": values[key] for key in ("accuracy", "accuracy_low", "accuracy_high")
        }
    row["measured_on"] = "common_test" if comparable else "test"
    row |= {
        key: value
        for key, value in of[row["measured_on"]].items()
        if not key.startswith("accuracy")
    }
    row["n_out_of_sample"] = len(judged)
    for name, ids in (("out_of_sample", judged), ("train", masks["train"]), ("val", masks["val"])):
        if len(ids):
            row[f"{name}_accuracy"] = sk.accuracy_score(
                index.labels[ids], predictions.logits[ids].argmax(axis=1)
            )
    row["temperature"] = math.nan if temperature is None else temperature
    return row


def summary_agrees(summary: Mapping[str, Any], recomputed: Mapping[str, Any]) -> str:
    """Return the first number in which a row of the summary differs from what was computed anew, or ""."""
    for name, expected in recomputed.items():
        if name not in summary:
            return f"the summary has no column {name}"
        found = summary[name]
        if isinstance(expected, str):
            if found != expected:
                return f"{name} is {found}, computed anew {expected}"
        elif not (_missing(found) and _missing(expected)) and not (
            abs(float(found) - expected) <= TOLERANCE
        ):
            return f"{name} is {found}, computed anew {expected:.6f}"
    return ""


def _missing(value: Any) -> bool:
    return value is None or pd.isna(value)


def accuracy_without_twins(
    predictions: Predictions, labels: np.ndarray, test: np.ndarray, judged: np.ndarray
) -> tuple[int, float]:
    """Return how many test images have a near-duplicate that the run has seen, and the accuracy without these.

    Args:
        predictions: of the run.
        labels: int, N.
        test: image_ids that the run is tested on.
        judged: image_ids that it may judge.
    """
    kept = np.isin(test, judged)
    right = predictions.logits[test].argmax(axis=1) == labels[test]
    return int((~kept).sum()), float(right[kept].mean()) if kept.any() else math.nan


def problems(checks: Iterable[Check]) -> list[Check]:
    """Return the checks that found something wrong."""
    return [check for check in checks if check.problem]
