"""How well a run's scores tell each class from all others: ROC and precision–recall curves."""

from typing import NamedTuple

import numpy as np

# The places of all curves: false-positive rates of ROC curves, recalls of precision–recall curves.
GRID = np.linspace(0, 1, 101)
# Of more classes there is the mean curve alone.
MOST_CURVES = 10
_ROUNDING = 1e-9


class Curves(NamedTuple):
    """Curves of a run, small enough to keep those of thousands of runs, or their mean over runs.

    The first axis is ROC, then precision–recall. The second is the mean over the classes that have
    images, then each class; NaN for a class without images, or without others.

    Attributes:
        values: float32, 2×(1+K)×101, or 2×1×101 with more classes than `MOST_CURVES`; recall at
            the false-positive rates `GRID`, and precision at the recalls `GRID`.
        areas: float64, 2×(1+K); area under the ROC curve, and average precision.
    """

    values: np.ndarray
    areas: np.ndarray


def curves_of(scores: np.ndarray, labels: np.ndarray) -> Curves:
    """Return the curves of a run, each class against all others.

    Args:
        scores: float, n×K; of each class, such as its log-probability; n ≥ 1.
        labels: int, n.
    """
    n_classes = scores.shape[1]
    values, areas = np.full((2, n_classes, len(GRID)), np.nan), np.full((2, n_classes), np.nan)
    for k in np.unique(labels):
        of_class = labels == k
        if not of_class.all():
            values[:, k], areas[:, k] = _of_class(scores[:, k], of_class)
    each = values if n_classes <= MOST_CURVES else values[:, :0]
    shown = np.concatenate([mean_of_known(values, 1)[:, None], each], axis=1)
    return Curves(
        shown.astype(np.float32),
        np.concatenate([mean_of_known(areas, 1)[:, None], areas], axis=1),
    )


def mean_of_known(values: np.ndarray, axis: int) -> np.ndarray:
    """Return the mean of what is not NaN along an axis; NaN where there is nothing."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(known, values, 0).sum(axis=axis) / known.sum(axis=axis)


def _of_class(scores: np.ndarray, of_class: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the curves of a class, float 2×101, and the areas below, float 2.

    Images of one score are found together. Recall is the largest with at most this false-positive
    rate; precision is that of the highest threshold with at least this recall. So average precision
    is the mean of precision over the images of the class.
    """
    order = np.argsort(-scores, kind="stable")
    last_of_score = np.flatnonzero(np.diff(scores[order], append=np.nan) != 0)
    found = np.cumsum(of_class[order])[last_of_score]
    named = last_of_score + 1
    recall = np.append(0, found / found[-1])
    false_rate = np.append(0, (named - found) / (named - found)[-1])
    precision = found / named
    area = np.diff(false_rate) @ (recall[1:] + recall[:-1]) / 2
    roc = recall[np.searchsorted(false_rate, GRID + _ROUNDING, side="right") - 1]
    at_recall = precision[np.searchsorted(recall[1:], GRID - _ROUNDING)]
    return np.stack([roc, at_recall]), np.array([area, np.diff(recall) @ precision])
