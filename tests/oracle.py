"""The measures of a run by other code than the project's: the oracle that tests compare with.

scikit-learn's metrics, statsmodels' interval and plain loops over bins and sets, where `study.runs`
has its own.
"""

import itertools
import math
from collections.abc import Sequence

import numpy as np
from scipy.special import logsumexp, softmax
from sklearn import metrics as sk
from statsmodels.stats.proportion import proportion_confint

from study.runs.predictions import ROLE_CODES, Predictions


def judged_by(predictions: Predictions, pairs: np.ndarray) -> np.ndarray:
    """Return the image_ids that a run may judge, found one by one."""
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
        "auroc": _auroc(probabilities, labels),
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


def _auroc(probabilities: np.ndarray, labels: np.ndarray) -> float:
    areas = [
        sk.roc_auc_score(labels == k, probabilities[:, k])
        for k in np.unique(labels)
        if (labels != k).any()
    ]
    return float(np.mean(areas)) if areas else math.nan


def _log_loss(logits: np.ndarray, labels: np.ndarray) -> float:
    return float(
        np.mean([logsumexp(row) - row[label] for row, label in zip(logits, labels, strict=True)])
    )


def _calibration_error(
    probabilities: np.ndarray, labels: np.ndarray, edges: np.ndarray | None
) -> float:
    """Return the calibration error over bins, which hold their upper ends.

    Without edges, over 15 bins of equally many images.
    """
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
