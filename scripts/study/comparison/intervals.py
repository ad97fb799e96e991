"""What several runs say together."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import t as student_t


class Interval(NamedTuple):
    """Mean, sample standard deviation, number of values, and a confidence interval of the mean."""

    mean: float
    sd: float
    n: int
    low: float
    high: float


def t_interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """Return mean ± t·sd/√n over `values` (sd with n - 1; Student's t with n - 1 degrees of freedom).

    With one value the spread is unknown: sd and both ends are NaN; without any the mean is NaN too.
    """
    array = np.asarray(values, float)
    n = len(array)
    mean = float(array.mean()) if n else math.nan
    if n < 2:
        return Interval(mean, math.nan, n, math.nan, math.nan)
    sd = float(array.std(ddof=1))
    half = float(student_t.ppf((1 + confidence) / 2, n - 1)) * sd / math.sqrt(n)
    return Interval(mean, sd, n, mean - half, mean + half)
