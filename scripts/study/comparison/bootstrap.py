"""Bootstrap of means over test images and seeds."""

from collections.abc import Sequence

import numpy as np

_BLOCK = 100  # resamples at once: bounds the memory to some MB


def bootstrap_means(
    values: Sequence[np.ndarray],
    draws: int,
    random: np.random.Generator,
    *,
    seeds_too: bool,
    pairs: Sequence[tuple[int, int]] = (),
) -> np.ndarray:
    """Return means of resampled images; in each draw the same seeds and images for all columns, so that these stay paired.

    Args:
        values: for each seed, float n_s×G: a value of each test image for each column. A column without a run of this seed is NaN.
            One is held at a time, so a sequence that makes its items bounds the memory.
        draws: how many resamples.
        random: source of the resamples.
        seeds_too: draw as many seeds as there are, with replacement, and then images of each (two levels); else keep the seeds
            and draw images only.
        pairs: P pairs of columns.

    Returns:
        float64, draws×(G+P); means over the images of a seed, averaged over the drawn seeds that a column has, and after them of each
        pair the second column less the first, averaged over the drawn seeds that both have. NaN where there is none.
    """
    n_seeds, n_columns = len(values), values[0].shape[1]
    first, second = np.array(pairs, int).reshape(-1, 2).T
    totals = np.zeros((draws, n_columns + len(first)))
    counts = np.zeros(totals.shape, np.int32)
    for slot in range(n_seeds):
        picked = random.integers(n_seeds, size=draws) if seeds_too else np.full(draws, slot)
        for seed in np.unique(picked):
            of_seed = values[seed]
            there = ~np.isnan(of_seed[0])
            both = there[first] & there[second]
            table = np.where(there, of_seed, 0).astype(np.float32)
            drawn = np.flatnonzero(picked == seed)
            for start in range(0, len(drawn), _BLOCK):
                block = drawn[start : start + _BLOCK]
                means = _resampled_means(table, len(block), random)
                totals[block, :n_columns] += means
                totals[block, n_columns:] += np.where(both, means[:, second] - means[:, first], 0)
                counts[block] += np.concatenate([there, both])
    with np.errstate(invalid="ignore"):
        return np.divide(totals, counts, out=totals)


def _resampled_means(table: np.ndarray, draws: int, random: np.random.Generator) -> np.ndarray:
    n = len(table)
    picked = (
        random.integers(n, size=(draws, n), dtype=np.int32)
        + (np.arange(draws, dtype=np.int32) * n)[:, None]
    )
    weights = np.bincount(picked.ravel(), minlength=draws * n).reshape(draws, n)
    # In float32 sums of right answers are exact; their differences are so in float64.
    return (weights.astype(np.float32) @ table).astype(np.float64) / n


def percentile_interval(draws: np.ndarray, confidence: float = 0.95) -> tuple[float, float]:
    """Return the middle part of bootstrap draws; NaN without any."""
    known = draws[~np.isnan(draws)]
    if len(known) == 0:
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
