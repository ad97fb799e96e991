"""Which differences between groups of runs are real: paired over seeds and test images.

A group is what is compared: the runs of one combo and model, one a seed. All groups of a family
were scored on the same images of a seed, so a difference is taken seed by seed.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from study.comparison.bootstrap import Resampled, bootstrap_p, pairs_of, percentile_interval
from study.comparison.intervals import CONFIDENCE, holm, t_half_width, t_interval, t_p_value


class Residual(NamedTuple):
    """What is left of a table of groups × seeds after group and seed effects: the noise.

    Attributes:
        sd: square root of the residual mean square; NaN without degrees of freedom.
        freedom: its degrees of freedom.
    """

    sd: float
    freedom: int


def residual(table: np.ndarray) -> Residual:
    """Return the noise of a table after additive group and seed effects.

    For two groups this is the paired t-test's: the standard deviation of the differences is sd·√2.

    Args:
        table: float, groups×seeds; NaN for a missing run.
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
    """Return the variance of each pair's difference of means that test images alone cause, S×G×G.

    It is the variance of the paired differences of single images, divided by their number; NaN
    where a run is missing.

    Args:
        values: for each of S seeds, float n_s×G: a value of each test image.
    """
    tables = []
    for of_seed in values:
        covariance = np.atleast_2d(np.cov(of_seed, rowvar=False, ddof=0)) / len(of_seed)
        variance = np.diag(covariance)
        # Rounding may leave less than zero for two groups that are right on the same images.
        tables.append(np.maximum(variance[:, None] + variance[None, :] - 2 * covariance, 0))
    return np.array(tables)


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
        values: for each of S seeds, float n_s×G: a value of each test image; NaN for a group
            without a run of this seed.
        resampled: what `resample` returned for their differences, in the order of `pairs_of`.
        smaller_is_better: whether a group with smaller values wins.

    Returns:
        One row a pair a, b with `mean_a`, `mean_b` (over the seeds that both have), `difference`
        b - a, and its 95 % intervals:

        - `low`, `high`: what other seeds and test images might give; see `_t_test`. With one seed
          the noise of seeds is unknown, and they are the bootstrap over images.
        - `seeds_low`, `seeds_high`: Student's t over the pair's own paired differences, one a
          seed. NaN with one seed.
        - `two_level_low`, `two_level_high`: bootstrap over seeds and images. With few seeds it is
          too narrow where seeds differ much: three seeds hardly vary when drawn from themselves.
        - `images_low`, `images_high`: bootstrap over images, for these trained models.

        `p` two-sided, the p-value that goes with the first interval; `p_holm` adjusted by Holm
        over the pairs; `verdict`: the name of the better group, or "undecided" where `p_holm` is
        above 5 %; `n_seeds`, `n_images` (of all seeds) and `method`. No rows where no pair has a
        seed in common.
    """
    means = np.array([of_seed.mean(axis=0) for of_seed in values]).T
    noise, of_images = residual(means), image_variances(values)
    rows = []
    for (a, b), *draws in zip(
        pairs_of(len(names)), resampled.two_level.T, resampled.images.T, strict=True
    ):
        shared = np.flatnonzero(~np.isnan(means[a] - means[b]))
        if len(shared):
            tested = [values[seed][:, [a, b]] for seed in shared]
            of_pair = means[a, shared], means[b, shared]
            row = _compare_pair(*of_pair, tested, noise, of_images[shared, a, b], *draws)
            rows.append({"a": names[a], "b": names[b], **row})
    table = pd.DataFrame(rows)
    if len(table):
        table.insert(8, "p_holm", holm(table["p"].to_numpy()))
        table.insert(9, "verdict", [_verdict(row, smaller_is_better) for row in table.itertuples()])
    return table


def _compare_pair(
    a: np.ndarray,
    b: np.ndarray,
    tested: Sequence[np.ndarray],
    noise: Residual,
    of_images: np.ndarray,
    two_level: np.ndarray,
    images: np.ndarray,
) -> dict[str, Any]:
    """Return what `compare` says of a pair, but for the names and what depends on other pairs.

    Args:
        a: float, S; the first group's mean over images, for each seed that both groups have.
        b: the second group's.
        tested: see `_t_test`, as the next two.
        noise: of the family.
        of_images: a value a seed.
        two_level: draws of the difference over seeds and images.
        images: draws over images.
    """
    by_seed = b - a
    difference = float(by_seed.mean())
    if len(by_seed) > 1 and noise.freedom:
        test = _t_test(difference, noise, tested, of_images)
    else:
        test = _bootstrap_test(images)
    return {
        "mean_a": float(a.mean()),
        "mean_b": float(b.mean()),
        "difference": difference,
        "low": test.low,
        "high": test.high,
        "p": test.p,
        **_ends("seeds", t_interval(by_seed)[-2:]),
        **_ends("two_level", percentile_interval(two_level)),
        **_ends("images", percentile_interval(images)),
        "n_seeds": len(by_seed),
        "n_images": sum(map(len, tested)),
        "method": test.method,
    }


def _ends(name: str, interval: tuple[float, float]) -> dict[str, float]:
    return {f"{name}_low": interval[0], f"{name}_high": interval[1]}


class _Test(NamedTuple):
    """The 95 % interval of a difference, its p-value, and how they were computed."""

    low: float
    high: float
    p: float
    method: str


def _t_test(
    difference: float, noise: Residual, tested: Sequence[np.ndarray], of_images: np.ndarray
) -> _Test:
    """Test a difference by Student's t over seeds, with the noise of the whole family.

    The interval is never narrower than what the pair's test images alone cause, because few
    degrees of freedom may show less noise by luck: that is Student's t with the variance of the
    images' paired differences, with a degree of freedom less than there are images on which the
    two differ (four images that only b gets right are four coins, however many both get right).

    Args:
        difference: its mean over the seeds that both groups have.
        noise: of the family.
        tested: for each of these seeds, float n_s×2: a value of each test image.
        of_images: float, a value a seed: see `image_variances`.
    """
    n_seeds = len(tested)
    differing = sum(np.count_nonzero(of_seed[:, 0] != of_seed[:, 1]) for of_seed in tested)
    over_seeds = noise.sd * math.sqrt(2 / n_seeds), noise.freedom
    over_images = math.sqrt(of_images.sum()) / n_seeds, max(differing - 1, 1)
    half, least = t_half_width(*over_seeds), t_half_width(*over_images)
    p = max(t_p_value(difference, *over_seeds), t_p_value(difference, *over_images))
    method = f"t over {n_seeds} seeds, {noise.freedom} degrees of freedom"
    if least > half:
        half, method = least, f"t over {differing} images on which they differ, wider than {method}"
    return _Test(difference - half, difference + half, p, method)


def _bootstrap_test(draws: np.ndarray) -> _Test:
    method = "bootstrap over images: one seed, so nothing is known of other seeds"
    return _Test(*percentile_interval(draws), bootstrap_p(draws), method)


def _verdict(row: NamedTuple, smaller_is_better: bool) -> str:
    if row.p_holm > 1 - CONFIDENCE:
        return "undecided"
    return row.b if (row.difference > 0) != smaller_is_better else row.a


def letters(names: Sequence[str], pairs: pd.DataFrame) -> dict[str, str]:
    """Return the compact letter display: groups share a letter unless they were found different.

    Args:
        names: of the groups, best first, so that the best has the letter a.
        pairs: what `compare` returned for them.

    Source: H.-P. Piepho, "An Algorithm for a Letter-Based Representation of All-Pairwise
    Comparisons", 2004.
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
