"""How much a mean over images varies where whole groups of images are drawn, not single ones.

The variance is the jackknife's, which leaves out one group after the other. It holds for groups of
unequal sizes, and for a few of them better than the plain sum of squares.

Source: A. C. Cameron, D. L. Miller, "A Practitioner's Guide to Cluster-Robust Inference", Journal
of Human Resources 50, 2015.
"""

import numpy as np


def jackknife_factors(counts: np.ndarray) -> np.ndarray:
    """Return factors of the units' deviations; the squares of the products sum to a variance.

    Args:
        counts: int, U; images of each unit in the mean. A deviation is the sum of a unit's values
            minus the mean, over the number of all images.

    Returns:
        float64, U. All 1 where each unit is one image, as it is usual for shares.
    """
    n_units = np.count_nonzero(counts)
    if counts.max(initial=0) <= 1 or n_units < 2:
        return np.ones(len(counts))
    return np.sqrt((n_units - 1) / n_units) / (1 - counts / counts.sum())


def effective_numbers(right: np.ndarray, groups: np.ndarray) -> tuple[float, float]:
    """Return as how many single images the images of some groups say, and as how many groups.

    Groups of unequal sizes say as much as fewer ones of equal sizes do (L. Kish, "Survey Sampling",
    1965).

    Args:
        right: bool, n; whether each answer is right.
        groups: int, n; of each image.
    """
    _, unit, counts = np.unique(groups, return_inverse=True, return_counts=True)
    n, p = len(right), right.mean()
    n_groups = n**2 / float(counts @ counts)
    deviations = np.bincount(unit, right - p) / n * jackknife_factors(counts)
    variance = float(deviations @ deviations)
    if not variance:  # all answers are alike, or of one group: nothing is known of their spread
        return n_groups, n_groups
    return min(p * (1 - p) / variance, n), n_groups
