"""Bootstrap of means over test images and seeds."""

from collections.abc import Sequence

import numpy as np

_BLOCK = 100  # resamples at once: bounds the memory to some MB


def bootstrap_means(
    values: Sequence[np.ndarray], draws: int, random: np.random.Generator, *, seeds_too: bool
) -> np.ndarray:
    """Return means of resampled images; in each draw the same seeds and images for all columns, so that these stay paired.

    Args:
        values: for each seed, float n_s×G: a value of each test image for each column. A column without a run of this seed is NaN.
        draws: how many resamples.
        random: source of the resamples.
        seeds_too: draw as many seeds as there are, with replacement, and then images of each (two levels); else keep the seeds
            and draw images only.

    Returns:
        float64, draws×G; means over the images of a seed, averaged over the drawn seeds that a column has. NaN where it has none.
    """
    n_seeds, n_columns = len(values), values[0].shape[1]
    totals, counts = np.zeros((draws, n_columns)), np.zeros((draws, n_columns))
    for slot in range(n_seeds):
        picked = random.integers(n_seeds, size=draws) if seeds_too else np.full(draws, slot)
        for seed, of_seed in enumerate(values):
            there = ~np.isnan(of_seed[0])
            table = np.where(there, of_seed, 0).astype(np.float32)
            drawn = np.flatnonzero(picked == seed)
            for start in range(0, len(drawn), _BLOCK):
                block = drawn[start : start + _BLOCK]
                totals[block] += _resampled_means(table, len(block), random)
                counts[block] += there
    with np.errstate(invalid="ignore"):
        return totals / counts


def _resampled_means(table: np.ndarray, draws: int, random: np.random.Generator) -> np.ndarray:
    n = len(table)
    picked = random.integers(n, size=(draws, n), dtype=np.int32) + (np.arange(draws, dtype=np.int32) * n)[:, None]
    weights = np.bincount(picked.ravel(), minlength=draws * n).reshape(draws, n)
    return weights.astype(np.float32) @ table / n


def percentile_interval(draws: np.ndarray, confidence: float = 0.95) -> tuple[float, float]:
    """Return the middle part of bootstrap draws; NaN without any."""
    known = draws[~np.isnan(draws)]
    if len(known) == 0:
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
