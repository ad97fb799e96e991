"""Grade how closely a retrained run matches the original."""

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from study.comparison.two_runs import differing
from study.files import read_csv, read_json
from study.runs.predictions import load_predictions

LEVELS = {
    "A": "identical bits: weights and logits",
    "B": "identical predictions: the same class for every image",
    "C": "within seed noise: the accuracy differs by no more than two seeds do",
    "none": "differs",
}
# What may explain a difference: where and by what a run was trained.
_CIRCUMSTANCES = (
    "code",
    "images",
    "parents",
    "device",
    "precision",
    "threads",
    "machine",
    "versions",
)


class Certificate(NamedTuple):
    """What training a run once more gave.

    Attributes:
        level: a key of `LEVELS`, the best that holds.
        first_divergence: where the two trainings first differ: "", "initial weights" or "epoch 3".
        n_images: in the data set.
        n_different: images of them for which the most probable class differs.
        largest_logit_difference: over all images and classes; NaN if a training diverged.
        test_accuracy: of the first training, on the run's own test split; NaN if it diverged or
            there are no such images.
        test_accuracy_again: of the second.
        seed_noise: how far the accuracies of two seeds may differ.
        changed: what differs between the circumstances of the two, such as "versions.torch 2.11.0 →
            2.15.0".
    """

    level: str
    first_divergence: str
    n_images: int
    n_different: int
    largest_logit_difference: float
    test_accuracy: float
    test_accuracy_again: float
    seed_noise: float
    changed: list[str]


def certificate(first: Path, again: Path, labels: np.ndarray, noise: float) -> Certificate:
    """Compare a run with the same run trained once more.

    Args:
        first: folder of the run: run.json, history.csv, predictions.npz.
        again: folder of the second training.
        labels: int, N.
        noise: how far the accuracies of two seeds may differ, see `two_runs.seed_noise`.
    """
    records = [read_json(folder / "run.json") for folder in (first, again)]
    runs = [load_predictions(folder / "predictions.npz") for folder in (first, again)]
    predicted = [run.logits.argmax(axis=1) for run in runs]
    n_different = int((predicted[0] != predicted[1]).sum())
    accuracies = []
    for run, answers in zip(runs, predicted, strict=True):
        test = run.has_role("test")
        known = test.any() and not run.diverged
        accuracies.append(float((answers[test] == labels[test]).mean()) if known else math.nan)
    same_weights = records[0]["sha256"]["weights"] == records[1]["sha256"]["weights"]
    if same_weights and np.array_equal(runs[0].logits, runs[1].logits, equal_nan=True):
        level = "A"
    elif runs[0].diverged != runs[1].diverged:
        level = "none"
    elif n_different == 0:
        level = "B"
    else:
        level = "C" if abs(accuracies[1] - accuracies[0]) <= noise else "none"
    return Certificate(
        level,
        _first_divergence(first, again, records),
        len(labels),
        n_different,
        float(np.abs(runs[0].logits - runs[1].logits).max()),
        *accuracies,
        noise,
        [
            f"{key} {before} → {after}"
            for key, before, after in differing(
                *({key: record.get(key) for key in _CIRCUMSTANCES} for record in records)
            )
        ],
    )


def _first_divergence(first: Path, again: Path, records: list[dict[str, Any]]) -> str:
    chains = [
        [row["chain"] for row in read_csv(folder / "history.csv")] for folder in (first, again)
    ]
    if records[0]["initial_weights"] != records[1]["initial_weights"]:
        return "initial weights"
    for epoch, (one, other) in enumerate(zip(*chains, strict=False), 1):
        if one != other:
            return f"epoch {epoch}"
    return "" if len(chains[0]) == len(chains[1]) else f"epoch {min(map(len, chains)) + 1}"
