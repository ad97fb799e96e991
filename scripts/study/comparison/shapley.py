"""What each partition is worth: its mean contribution over all orders in which partitions could be added."""

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np


def needed_combos(partitions: Sequence[str]) -> list[frozenset[str]]:
    """Return all unions of partitions, without the empty one: the combos that a study must have."""
    return [
        frozenset(c)
        for size in range(1, len(partitions) + 1)
        for c in itertools.combinations(partitions, size)
    ]


def shapley_values(
    partitions: Sequence[str], worth: Mapping[frozenset[str], np.ndarray], nothing: float
) -> dict[str, np.ndarray]:
    """Return the exact Shapley value of each partition.

    Args:
        partitions: P names.
        worth: for each union of partitions an array of any shape, such as accuracies by seed and class.
        nothing: worth without training images: that of guessing, 1/K for K classes.

    Returns:
        By partition an array of that shape; they add up to the worth of all partitions less `nothing`.

    Source: L. S. Shapley, "A Value for n-Person Games", 1953; as data value A. Ghorbani, J. Zou, "Data Shapley", 2019.
    """
    n = len(partitions)
    full = {frozenset(): np.asarray(nothing, float)} | dict(worth)
    values = {}
    for partition in partitions:
        others = [other for other in partitions if other != partition]
        total = 0.0
        for size in range(n):
            weight = 1 / (n * math.comb(n - 1, size))
            for subset in map(frozenset, itertools.combinations(others, size)):
                total = total + weight * (full[subset | {partition}] - full[subset])
        values[partition] = np.asarray(total)
    return values
