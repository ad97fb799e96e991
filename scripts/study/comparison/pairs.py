"""Which differences between groups of runs are real: paired over seeds and test images.

A group is what is compared: the runs of one combo and model, one a seed. All groups of a family were scored on the same images of
a seed, so a difference is taken seed by seed.
"""

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import t as student_t

from study.comparison.bootstrap import bootstrap_means, percentile_interval
from study.comparison.intervals import t_interval

CONFIDENCE = 0.95
_POWER = 0.8


class Residual(NamedTuple):
    """What is left of a table of groups × seeds after group and seed effects: the noise by which differences are judged.

    Attributes:
        sd: square root of the residual mean square; NaN without degrees of freedom.
        freedom: its degrees of freedom.
    """

    sd: float
    freedom: int


def residual(table: np.ndarray) -> Residual:
    """Return the noise of a table, float groups×seeds with NaN for a missing run, after additive group and seed effects.

    For two groups this is the paired t-test's: with sd the standard deviation of the differences is sd·√2.
    """
    groups, seeds = np.nonzero(~np.isnan(table))
    design = np.zeros((len(groups), sum(table.shape)))
    design[np.arange(len(groups)), groups] = 1
    design[np.arange(len(groups)), table.shape[0] + seeds] = 1
    values = table[groups, seeds]
    rank = int(np.linalg.matrix_rank(design)) if len(values) else 0
    freedom = len(values) - rank
    if freedom < 1:
        return Residual(math.nan, 0)
    rest = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
    return Residual(math.sqrt(float(rest @ rest) / freedom), freedom)


def image_variances(values: Sequence[np.ndarray]) -> np.ndarray:
    """Return what the choice of test images alone adds to the variance of each pair's difference of means, float64, S×G×G.

    The variance of the paired differences of single images, divided by their number; NaN where a run is missing.

    Args:
        values: for each of S seeds, float n_s×G: a value of each test image.
    """
    tables = []
    for of_seed in values:
        covariance = np.atleast_2d(np.cov(of_seed, rowvar=False, ddof=0)) / len(of_seed)
        own = np.diag(covariance)
        # Rounding leaves less than nothing of two groups that are right on the same images.
        tables.append(np.maximum(own[:, None] + own[None, :] - 2 * covariance, 0))
    return np.array(tables)


def study_noise(values: Sequence[np.ndarray]) -> Residual:
    """Return the noise of a family for planning: its residual, at least what the test images alone make of it.

    Few degrees of freedom may show less than that by luck, though other test images would differ.

    Args:
        values: for each of S seeds, float n_s×G: a value of each test image; NaN for a group without a run of this seed.
    """
    noise = residual(np.array([of_seed.mean(axis=0) for of_seed in values]).T)
    pairs = image_variances(values)[:, *np.triu_indices(values[0].shape[1], 1)]
    known = pairs[~np.isnan(pairs)]
    if not noise.freedom or not len(known):
        return noise
    return noise._replace(sd=max(noise.sd, math.sqrt(known.mean() / 2)))


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
    """Return all pairs of groups, by place."""
    return list(itertools.combinations(range(n_groups), 2))


def resample(
    values: Sequence[np.ndarray],
    draws: int,
    random: np.random.Generator,
    pairs: Sequence[tuple[int, int]],
) -> Resampled:
    """Return bootstrap draws of the mean of each column and after them of the difference of each pair: see `bootstrap_means`."""
    return Resampled(
        *(
            bootstrap_means(values, draws, random, seeds_too=seeds_too, pairs=pairs)
            for seeds_too in (True, False)
        )
    )


def compare(
    names: Sequence[str],
    values: Sequence[np.ndarray],
    resampled: Resampled,
    *,
    smaller_is_better: bool = False,
) -> pd.DataFrame:
    """Compare all pairs of groups by a measure that is a mean over images.

    Args:
        names: of G groups.
        values: for each of S seeds, float n_s×G: a value of each test image; NaN for a group without a run of this seed.
        resampled: what `resample` returned for their differences, in the order of `pairs_of`.
        smaller_is_better: whether a group with smaller values wins.

    Returns:
        One row a pair a, b with `mean_a`, `mean_b` (over the seeds that both have), `difference` b - a, and its 95 % intervals:

        - `low`, `high`: Student's t over seeds, with the noise of the whole family (residual of groups × seeds): what other
          seeds and test images might give. Never narrower than what the pair's test images alone make, because few degrees of
          freedom may show less noise by luck: Student's t from the variance of the images' paired differences, with a degree of
          freedom less than there are images on which the two differ (four images that only b gets right are four coins, however
          many both get right). With one seed that noise is unknown, and they are the bootstrap over images.
        - `seeds_low`, `seeds_high`: Student's t over the pair's own paired differences, one a seed. NaN with one seed.
        - `two_level_low`, `two_level_high`: bootstrap over seeds and images. With few seeds it is too narrow where seeds differ
          much, because three seeds hardly vary when they are drawn from themselves.
        - `images_low`, `images_high`: bootstrap over images, for these trained models.

        `p` two-sided, the p-value that goes with the first interval; `p_holm` adjusted by Holm over the pairs; `verdict`: the name of the better group, or
        "undecided" where `p_holm` is above 5 %; `n_seeds`, `n_images` (of all seeds) and `method`. No rows where no pair has a
        seed in common.
    """
    means = np.array([of_seed.mean(axis=0) for of_seed in values]).T
    noise = residual(means)
    of_images = image_variances(values)
    rows = []
    for (a, b), two_level_draws, image_draws in zip(
        pairs_of(len(names)), resampled.two_level.T, resampled.images.T, strict=True
    ):
        shared = np.flatnonzero(~np.isnan(means[a] - means[b]))
        if len(shared) == 0:
            continue
        by_seed = (means[b] - means[a])[shared]
        value = float(by_seed.mean())
        two_level, images = percentile_interval(two_level_draws), percentile_interval(image_draws)
        if len(shared) > 1 and noise.freedom:
            over_seeds = noise.sd * math.sqrt(2 / len(shared)), noise.freedom
            differing = sum(
                np.count_nonzero(values[seed][:, a] != values[seed][:, b]) for seed in shared
            )
            over_images = (
                math.sqrt(of_images[shared, a, b].sum()) / len(shared),
                max(differing - 1, 1),
            )
            half, least = t_half_width(*over_seeds), t_half_width(*over_images)
            p = max(t_p_value(value, *over_seeds), t_p_value(value, *over_images))
            method = f"t over {len(shared)} seeds, {noise.freedom} degrees of freedom"
            if least > half:
                half, method = (
                    least,
                    f"t over {differing} images on which they differ, wider than {method}",
                )
            low, high = value - half, value + half
        else:
            low, high = images
            p = bootstrap_p(image_draws)
            method = "bootstrap over images: one seed, so nothing is known of other seeds"
        own = t_interval(by_seed, CONFIDENCE)
        rows.append(
            {
                "a": names[a],
                "b": names[b],
                "mean_a": float(means[a, shared].mean()),
                "mean_b": float(means[b, shared].mean()),
                "difference": value,
                "low": low,
                "high": high,
                "p": p,
                "seeds_low": own.low,
                "seeds_high": own.high,
                "two_level_low": two_level[0],
                "two_level_high": two_level[1],
                "images_low": images[0],
                "images_high": images[1],
                "n_seeds": len(shared),
                "n_images": sum(len(values[seed]) for seed in shared),
                "method": method,
            }
        )
    table = pd.DataFrame(rows)
    if len(table):
        table.insert(8, "p_holm", holm(table["p"].to_numpy()))
        table.insert(9, "verdict", [_verdict(row, smaller_is_better) for row in table.itertuples()])
    return table


def t_half_width(error: float, freedom: float) -> float:
    """Return half the width of the interval of an estimate with this standard error, by Student's t."""
    return float(student_t.ppf((1 + CONFIDENCE) / 2, freedom)) * error


def t_p_value(value: float, error: float, freedom: float) -> float:
    """Return the two-sided p-value of an estimate with this standard error, by Student's t; where the error is 0, 1 for 0 and 0 for all else."""
    return float(2 * student_t.sf(abs(value) / error, freedom)) if error > 0 else float(value == 0)


def holm(p: np.ndarray) -> np.ndarray:
    """Return p-values adjusted for their number, so that the chance of any wrong rejection is kept.

    Source: S. Holm, "A Simple Sequentially Rejective Multiple Test Procedure", 1979. statsmodels' form collects garbage at each
    call, which takes longer than all else here.
    """
    order = np.argsort(p)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return adjusted


def bootstrap_p(draws: np.ndarray) -> float:
    """Return the two-sided p-value of a difference of zero by bootstrap draws of the difference, never below 1/(draws + 1)."""
    known = draws[~np.isnan(draws)]
    tail = min((known <= 0).sum(), (known >= 0).sum())
    return float(min(1.0, 2 * (tail + 1) / (len(known) + 1)))


def _verdict(row: NamedTuple, smaller_is_better: bool) -> str:
    if row.p_holm > 1 - CONFIDENCE:
        return "undecided"
    return row.b if (row.difference > 0) != smaller_is_better else row.a


def letters(names: Sequence[str], pairs: pd.DataFrame) -> dict[str, str]:
    """Return the compact letter display: two groups share a letter if, and only if, they were not found different.

    Args:
        names: of the groups, best first, so that the best has the letter a.
        pairs: what `compare` returned for them.

    Source: H.-P. Piepho, "An Algorithm for a Letter-Based Representation of All-Pairwise Comparisons", 2004.
    """
    columns = [set(names)]
    for row in pairs.itertuples():
        if row.verdict == "undecided":
            continue
        split = [column for column in columns if {row.a, row.b} <= column]
        columns = [column for column in columns if column not in split]
        for column in split:
            columns += [column - {row.a}, column - {row.b}]
        # A column within another says nothing more.
        columns = [
            c
            for i, c in enumerate(columns)
            if not any(c < d or (c == d and i > j) for j, d in enumerate(columns))
        ]
    columns.sort(key=lambda column: sorted(names.index(name) for name in column))
    return {
        name: "".join(_letter(i) for i, column in enumerate(columns) if name in column)
        for name in names
    }


def _letter(i: int) -> str:
    return chr(ord("a") + i) if i < 26 else _letter(i // 26 - 1) + _letter(i % 26)


def detectable(noise: Residual, n_seeds: int) -> float:
    """Return the smallest difference of two groups that a study with so many seeds finds in 80 % of all cases, at 5 %.

    (t of 97.5 % + t of 80 %) · sd · √(2/n_seeds); NaN where the noise is unknown.
    """
    if not noise.freedom:
        return math.nan
    quantiles = student_t.ppf([(1 + CONFIDENCE) / 2, _POWER], noise.freedom)
    return float(quantiles.sum()) * noise.sd * math.sqrt(2 / n_seeds)


def seeds_needed(
    noise: Residual, n_groups: int, half_width: float, most: int = 10_000
) -> int | None:
    """Return how many seeds make the 95 % interval of a difference at most ± `half_width`; None where the noise is unknown.

    Args:
        noise: of this study.
        n_groups: groups in the family, which give degrees of freedom.
        half_width: wanted, in the measure's unit, above 0.
        most: not more than so many are looked at.
    """
    if not noise.freedom:
        return None
    for seeds in range(2, most):
        freedom = (n_groups - 1) * (seeds - 1)
        if t_half_width(noise.sd * math.sqrt(2 / seeds), freedom) <= half_width:
            return seeds
    return most
