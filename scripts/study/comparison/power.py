"""How small a difference a study can find, and how many seeds a finer one takes."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import t as student_t

from study.comparison.intervals import CONFIDENCE, t_half_width
from study.comparison.pairs import Residual, image_variances, residual

_POWER = 0.8


def study_noise(values: Sequence[np.ndarray]) -> Residual:
    """Return the noise of a family: its residual, and at least what the test images alone cause.

    Few degrees of freedom may show less than that by luck, though other test images would differ.

    Args:
        values: for each of S seeds, float n_s×G: a value of each test image; NaN for a group
            without a run of this seed.
    """
    noise = residual(np.array([of_seed.mean(axis=0) for of_seed in values]).T)
    pairs = image_variances(values)[:, *np.triu_indices(values[0].shape[1], 1)]
    known = pairs[~np.isnan(pairs)]
    if not noise.freedom or not len(known):
        return noise
    return noise._replace(sd=max(noise.sd, math.sqrt(known.mean() / 2)))


def detectable(noise: Residual, n_seeds: int) -> float:
    """Return the smallest difference that so many seeds find in 80 % of all cases, at 5 %.

    (t of 97.5 % + t of 80 %) · sd · √(2/n_seeds); NaN where the noise is unknown.
    """
    if not noise.freedom:
        return math.nan
    quantiles = student_t.ppf([(1 + CONFIDENCE) / 2, _POWER], noise.freedom)
    return float(quantiles.sum()) * noise.sd * math.sqrt(2 / n_seeds)


def seeds_needed(
    noise: Residual, n_groups: int, half_width: float, most: int = 10_000
) -> int | None:
    """Return how many seeds make the 95 % interval of a difference at most ± `half_width`.

    Args:
        noise: of this study; where it is unknown, None is returned.
        n_groups: groups in the family, which give degrees of freedom.
        half_width: wanted, in the measure's unit, above 0.
        most: not more than so many are tried.
    """
    if not noise.freedom:
        return None
    for seeds in range(2, most):
        freedom = (n_groups - 1) * (seeds - 1)
        if t_half_width(noise.sd * math.sqrt(2 / seeds), freedom) <= half_width:
            return seeds
    return most


def power_row(values: Sequence[np.ndarray], precision: float | None = None) -> dict[str, Any]:
    """Return what differences a family can find; see `study.comparison.tables.comparisons`.

    Args:
        values: as for `study_noise`.
        precision: half-width of a difference's 95 % interval to plan for, if any.
    """
    noise = study_noise(values)
    n_seeds = sum(not np.isnan(of_seed.mean(axis=0)).all() for of_seed in values)
    row = {
        "sd": noise.sd,
        "freedom": noise.freedom,
        "n_seeds": n_seeds,
        "detectable": detectable(noise, n_seeds),
    }
    if precision is None:
        return row
    needed = seeds_needed(noise, values[0].shape[1], precision)
    return row | {"precision": precision, "seeds_needed": needed}
