"""Bootstrap of means over test images and seeds."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_BLOCK = 100  # resamples at once: bounds the memory to some MB


class Resampled(NamedTuple):
    """Bootstrap draws of C columns.

    Attributes:
        two_level: float64, draws×C; seeds and images were drawn.
        images: float64, draws×C; only images were.
    """

    two_level: np.ndarray
    images: np.ndarray

    def columns(self, part: slice) -> "Resampled":
        """Return the draws of some columns."""
        return Resampled(self.two_level[:, part], self.images[:, part])


def pairs_of(n_groups: int) -> list[tuple[int, int]]:
    """Return all pairs of groups, by position."""
    return list(itertools.combinations(range(n_groups), 2))


def resample(
    values: Sequence[np.ndarray],
    draws: int,
    random: np.random.Generator,
    pairs: Sequence[tuple[int, int]],
) -> Resampled:
    """Return draws of each column's mean, then of each pair's difference: see `bootstrap_means`."""
    return Resampled(
        *(
            bootstrap_means(values, draws, random, seeds_too=seeds_too, pairs=pairs)
            for seeds_too in (True, False)
        )
    )


def bootstrap_means(
    values: Sequence[np.ndarray],
    draws: int,
    random: np.random.Generator,
    *,
    seeds_too: bool,
    pairs: Sequence[tuple[int, int]] = (),
) -> np.ndarray:
    """Return means of resampled images, and differences of pairs of them.

    In each draw the same seeds and images are taken for all columns, so that these stay paired.

    Args:
        values: for each seed, float n_s×G: a value of each test image for each column. A column
            without a run of this seed is NaN. One is held at a time, so a sequence that makes its
            items bounds the memory.
        draws: how many resamples.
        random: source of the resamples.
        seeds_too: draw as many seeds as there are, with replacement, and then images of each (two
            levels); else keep the seeds and draw images only.
        pairs: P pairs of columns.

    Returns:
        float64, draws×(G+P): means over the images of a seed, averaged over the drawn seeds that a
        column has; then for each pair the second column minus the first, averaged over the drawn
        seeds that both have. NaN where there is none.
    """
    n_seeds, n_columns = len(values), values[0].shape[1]
    first, second = np.array(pairs, int).reshape(-1, 2).T
    totals = np.zeros((draws, n_columns + len(first)))
    counts = np.zeros(totals.shape, np.int32)
    for slot in range(n_seeds):
        picked = random.integers(n_seeds, size=draws) if seeds_too else np.full(draws, slot)
        for seed in np.unique(picked):
            of_seed = values[seed]
            known = ~np.isnan(of_seed[0])
            both = known[first] & known[second]
            table = np.where(known, of_seed, 0).astype(np.float32)
            drawn = np.flatnonzero(picked == seed)
            for start in range(0, len(drawn), _BLOCK):
                block = drawn[start : start + _BLOCK]
                means = _resampled_means(table, len(block), random)
                totals[block, :n_columns] += means
                totals[block, n_columns:] += np.where(both, means[:, second] - means[:, first], 0)
                counts[block] += np.concatenate([known, both])
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


def bootstrap_p(draws: np.ndarray) -> float:
    """Return the two-sided p-value of no difference by its draws, never below 1/(draws + 1)."""
    known = draws[~np.isnan(draws)]
    tail = min((known <= 0).sum(), (known >= 0).sum())
    return float(min(1.0, 2 * (tail + 1) / (len(known) + 1)))
