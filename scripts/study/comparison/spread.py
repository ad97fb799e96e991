"""How much a difference of two groups varies from seed to seed, learnt from all pairs alike.

With few seeds a pair alone says little about its noise. Pairs of the same kind say more: two
combos of the same two sizes, or the same two models on combos of one size. The variance of a
difference is the mean of the paired variances of all pairs of its kind. It assumes that combos of
one size vary alike; it does not assume that small and large ones do, or two models.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import chdtri, stdtridf

from study.comparison.intervals import CONFIDENCE, t_half_width
from study.data.names import OFFICIAL

ENOUGH_SEEDS = 5  # From this number of seeds on, a pair is judged by its own differences.
SAME_SIZE, _ABOUT_SIZE = 1.05, 1.9
# A variance below this comes of rounding alone: accuracies on a billion images vary by more.
ROUNDING = 1e-20


class Spread(NamedTuple):
    """A variance with its degrees of freedom; NaN and 0 where nothing is known.

    Attributes:
        variance: estimate.
        freedom: its degrees of freedom.
        parts: the independent variances that it is the sum of, if it is one.
    """

    variance: float
    freedom: float
    parts: tuple["Spread", ...] = ()

    def __bool__(self) -> bool:
        return self.freedom > 0

    @property
    def half_width(self) -> float:
        """Half the width of the 95 % interval of an estimate with this variance."""
        return t_half_width(math.sqrt(self.variance), self.freedom)

    def over(self, n: int) -> "Spread":
        """Return the variance of a mean of n."""
        return Spread(self.variance / n, self.freedom, tuple(part.over(n) for part in self.parts))

    def at(self, tail: float) -> "Spread":
        """Return what it would be with each part at this end of its chi-square interval.

        A sum has other degrees of freedom there: they are few where a part of few is large.
        """
        if self.parts:
            return summed([part.at(tail) for part in self.parts])
        return Spread(self.variance * self.freedom / chdtri(self.freedom, 1 - tail), self.freedom)


UNKNOWN = Spread(math.nan, 0)


def summed(parts: Sequence[Spread]) -> Spread:
    """Return the sum of independent variances, with Satterthwaite's degrees of freedom.

    Source: F. E. Satterthwaite, "An Approximate Distribution of Estimates of Variance Components",
    1946.
    """
    total = sum(part.variance for part in parts)
    weights = sum(part.variance**2 / part.freedom for part in parts)
    freedom = total**2 / weights if total > 0 else parts[0].freedom
    return Spread(total, freedom, tuple(parts))


def safely_summed(parts: Sequence[Spread]) -> Spread:
    """Return the sum of independent variances, with so few degrees of freedom that intervals hold.

    Satterthwaite's are too many where a part of one or two degrees is small by luck, and intervals
    too narrow. These give the 95 % interval of half-width √(Σ t² · variance), with t of each part's
    own degrees.

    Source: S. K. Banerjee, "Approximate Confidence Interval for Linear Functions of Means of k
    Populations when the Population Variances are not Equal", 1960.
    """
    total = sum(part.variance for part in parts)
    if total <= 0:
        return parts[-1]
    squares = sum(t_half_width(1, part.freedom) ** 2 * part.variance for part in parts)
    level = (1 + CONFIDENCE) / 2
    freedom = float(stdtridf(level, math.sqrt(squares / total)))
    return Spread(total, min(max(freedom, parts[-1].freedom), parts[0].freedom))


def residual(table: np.ndarray) -> Spread:
    """Return what is left of a table after additive group and seed effects: the noise of a run.

    For two groups this is the paired t-test's: the variance of the differences is twice this.

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
        return UNKNOWN
    rest = values - design @ np.linalg.lstsq(design, values, rcond=None)[0]
    return _measured(rest @ rest / freedom, freedom)


def _measured(variance: float, freedom: float) -> Spread:
    """Return a variance and its degrees of freedom; what rounding leaves of equal values is 0."""
    return Spread(0.0 if variance < ROUNDING else float(variance), freedom)


def interval_of_sum(parts: Sequence[Spread]) -> tuple[float, float]:
    """Return the 95 % interval of the sum of independent variances; of one it is chi-square's.

    Source: F. A. Graybill, C.-M. Wang, "Confidence Intervals on Nonnegative Linear Combinations of
    Variances", 1980.
    """
    total, ends = sum(part.variance for part in parts), []
    for sign, tail in ((-1, (1 + CONFIDENCE) / 2), (1, (1 - CONFIDENCE) / 2)):
        scales = [part.freedom / chdtri(part.freedom, 1 - tail) - 1 for part in parts]
        pairs = zip(parts, scales, strict=True)
        ends.append(total + sign * math.hypot(*(part.variance * scale for part, scale in pairs)))
    return ends[0], ends[1]


def spread_of_rows(table: np.ndarray) -> list[Spread]:
    """Return the variance over seeds of a row, the mean of all rows', in independent parts.

    Rows of one seed may go up and down together, so they are no independent rows. The parts are the
    variance of the seeds' means, and that of the rows around them.

    Args:
        table: float, G×S, S at least 2; without NaN.
    """
    n_seeds = table.shape[1]
    own = _measured(table.mean(axis=0).var(ddof=1), n_seeds - 1)
    return [own, *_around_the_mean(table)]


def spread_of_pairs(first: np.ndarray, second: np.ndarray | None = None) -> Spread:
    """Return the variance over seeds of a difference: the mean of all pairs'.

    Args:
        first: float, groups×seeds; of groups that vary alike. Those with a missing run, NaN, do
            not count.
        second: likewise, of the groups that they are paired with. Default: pairs within `first`.
    """
    tables = [table[~np.isnan(table).any(axis=1)] for table in (first, second) if table is not None]
    if first.shape[1] < 2 or not all(map(len, tables)):
        return UNKNOWN
    if second is None:
        noise = residual(tables[0])
        return Spread(2 * noise.variance, noise.freedom)
    gaps = np.subtract(*(table.mean(axis=0) for table in tables))
    parts = [_measured(gaps.var(ddof=1), len(gaps) - 1)]
    return summed(parts + [part for table in tables for part in _around_the_mean(table)])


def _around_the_mean(table: np.ndarray) -> list[Spread]:
    """Return the variance of a row around the rows' mean, if there are several."""
    if len(table) == 1:
        return []
    noise = residual(table)
    return [Spread(noise.variance * (1 - 1 / len(table)), noise.freedom)]


def size_classes(sizes: Sequence[int]) -> list[int]:
    """Return the number of the class of each size: sizes whose runs may be taken to vary alike.

    Sizes within 5 % are one class. A size that only one combo has says little about its noise, so
    it joins the next smaller class where that is more than about half as large.
    """
    order = sorted(range(len(sizes)), key=sizes.__getitem__)
    classes: list[list[int]] = []
    for i in order:
        if classes and sizes[i] <= SAME_SIZE * sizes[classes[-1][0]]:
            classes[-1].append(i)
        else:
            classes.append([i])
    joined: list[list[int]] = []
    for members in classes:
        alone = len(members) == 1 and joined
        if alone and sizes[members[0]] < _ABOUT_SIZE * sizes[joined[-1][0]]:
            joined[-1] += members
        else:
            joined.append(members)
    return [next(k for k, members in enumerate(joined) if i in members) for i in range(len(sizes))]


def combo_classes(n_train: Mapping[str, float]) -> dict[str, int]:
    """Return by combo the number of its class of size; -1 of official, which stands apart.

    Args:
        n_train: training images by combo.
    """
    sizes = {combo: size for combo, size in n_train.items() if combo != OFFICIAL}
    return dict(zip(sizes, size_classes([*sizes.values()]), strict=True)) | {OFFICIAL: -1}
