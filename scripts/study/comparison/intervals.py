"""Confidence intervals and p-values of means, by Student's t."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import bdtr, stdtr, stdtrit

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """Mean, sample standard deviation, number of values, and a confidence interval of the mean."""

    mean: float
    sd: float
    n: int
    low: float
    high: float


def t_interval(values: Sequence[float]) -> Interval:
    """Return mean ± t·sd/√n over `values` (sd and t with n - 1 degrees of freedom).

    With one value the spread is unknown: sd and both ends are NaN; without any the mean is NaN too.
    """
    array = np.asarray(values, float)
    n = len(array)
    mean = float(array.mean()) if n else math.nan
    if n < 2:
        return Interval(mean, math.nan, n, math.nan, math.nan)
    sd = float(array.std(ddof=1))
    half = t_half_width(sd / math.sqrt(n), n - 1)
    return Interval(mean, sd, n, mean - half, mean + half)


def t_half_width(error: float, freedom: float) -> float:
    """Return half the width of the 95 % interval of an estimate with this standard error."""
    return float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * error


def t_p_value(value: float, error: float, freedom: float) -> float:
    """Return the two-sided p-value of an estimate with this standard error.

    Where the error is 0, it is 1 for an estimate of 0 and 0 for all others.
    """
    return float(2 * stdtr(freedom, -abs(value) / error)) if error > 0 else float(value == 0)


def mcnemar_p_value(won: int, lost: int) -> float:
    """Return the two-sided p-value of McNemar's exact test: whether both win equally often.

    Args:
        won: images that only the second of two models gets right.
        lost: images that only the first gets right.
    """
    return min(1.0, 2 * float(bdtr(min(won, lost), won + lost, 0.5)))


def holm(p: np.ndarray) -> np.ndarray:
    """Return p-values adjusted for their number, so that the chance of any wrong rejection is kept.

    statsmodels' form collects garbage at each call, which takes longer than all else here.

    Source: S. Holm, "A Simple Sequentially Rejective Multiple Test Procedure", 1979.
    """
    order = np.argsort(p)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return adjusted


def percentile_interval(draws: np.ndarray) -> tuple[float, float]:
    """Return the middle 95 % of bootstrap draws; NaN without any."""
    known = draws[~np.isnan(draws)]
    if len(known) == 0:
        return math.nan, math.nan
    low, high = np.quantile(known, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)
