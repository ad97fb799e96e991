"""Measures that are means over classes, as means over images: what each image adds to them.

Each function returns values whose mean is the measure. Their variance over n is the measure's own,
to first order: an image's value is the measure plus its influence on it, and influences sum to 0.
So pairs, groups and seeds are compared by these measures just as by accuracy.

Sources: F. R. Hampel, "The Influence Curve and Its Role in Robust Estimation", 1974; E. R. DeLong,
D. M. DeLong, D. L. Clarke-Pearson, "Comparing the Areas under Two or More Correlated Receiver
Operating Characteristic Curves", 1988.
"""

import math

import numpy as np


def macro_f1_values(labels: np.ndarray, predicted: np.ndarray, n_classes: int) -> np.ndarray:
    """Return values whose mean is the unweighted mean of the classes' F1, float64 n.

    Over the classes with images or predictions. F1 of a class is twice its hits over the sum of its
    images and its predictions.

    Args:
        labels: int, n; n ≥ 1.
        predicted: int, n.
        n_classes: K.
    """
    n, right = len(labels), labels == predicted
    hits, true, named = (
        np.bincount(classes, minlength=n_classes) for classes in (labels[right], labels, predicted)
    )
    whole = true + named
    present = whole > 0
    f1 = np.where(present, 2 * hits / np.maximum(whole, 1), 0)
    # What one image, or one prediction, of a class takes from the mean by adding to `whole`.
    share = n / np.maximum(whole, 1) / present.sum()
    taken = f1 * share
    influence = 2 * right * share[labels] - taken[labels] - taken[predicted]
    return f1[present].mean() + influence


def auroc_values(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return values whose mean is the mean over classes of the area under the ROC curve, float64 n.

    The area of a class is the probability that an image of it has a higher score for it than an
    image of another class; ties count one half. The mean is unweighted, over the classes that have
    images. The variance within a class is divided by one less than it has images, like DeLong's. A
    class of one image adds none.

    Args:
        scores: float, n×K; of each class, such as its log-probability.
        labels: int, n; n ≥ 1.

    Returns:
        NaN where all images are of one class.
    """
    n, counts = len(labels), np.bincount(labels, minlength=scores.shape[1])
    present = np.flatnonzero(counts)
    if len(present) < 2:
        return np.full(n, math.nan)
    total, influence = 0.0, np.zeros(n)
    for k in present:
        of_class = labels == k
        inside, outside = (np.sort(scores[side, k]) for side in (of_class, ~of_class))
        for side, others, sign in ((of_class, outside, 1), (~of_class, inside, -1)):
            below, not_above = (
                np.searchsorted(others, scores[side, k], s) for s in ("left", "right")
            )
            m = side.sum()
            shares = sign * (below + not_above) / (2 * len(others))
            wider = math.sqrt(m / max(m - 1, 1))
            influence[side] += (shares - shares.mean()) * wider * n / m
        total += 1 + shares.mean()
    return (total + influence) / len(present)
