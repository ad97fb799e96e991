"""How small a difference a study can find, and how many seeds a finer one takes."""

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import fdtri, nctdtrinc, stdtrit

from study.comparison.intervals import CONFIDENCE, t_half_width
from study.comparison.spread import ENOUGH_SEEDS, Spread, safely_summed

POWER = 0.8  # Also how sure `seeds_needed` is.
_MOST = 10_000
# With fewer degrees of freedom an estimate of noise may be wrong by several times.
_FEW_DEGREES = 3


@functools.lru_cache(maxsize=4096)
def detectable_errors(freedom: float, level: float) -> float:
    """Return how many standard errors a difference must be to be found in four of five cases.

    That is the noncentrality of Student's t at which a two-sided test finds it.

    Args:
        freedom: of the standard error.
        level: of the test, such as 5 % over the number of pairs.
    """
    critical = -stdtrit(freedom, level / 2)
    return float(nctdtrinc(freedom, 1 - POWER, critical))


def detectable(parts: Sequence[Spread], n_pairs: int) -> tuple[float, float, float]:
    """Return the smallest difference that is found in four of five cases, and its 95 % range.

    It is that of a test at 5 % over the number of pairs: the least that Holm's adjustment grants,
    so that a pair is found at least as often. The range is what the noise itself may be: that of
    each part at an end of its chi-square interval.

    Args:
        parts: independent variances of which the difference's is the sum, those of more degrees of
            freedom first.
        n_pairs: pairs that are adjusted for.
    """
    tails = (1 + CONFIDENCE) / 2, (1 - CONFIDENCE) / 2
    ends = [[part.at(tail) for part in parts] for tail in tails]
    totals = [safely_summed(of_end) for of_end in (parts, *ends)]
    smallest, low, high = (
        math.sqrt(one.variance)
        * detectable_errors(round(one.freedom, 1), (1 - CONFIDENCE) / n_pairs)
        for one in totals
    )
    return smallest, low, high


def _detectable_of(
    variances: Sequence[Sequence[Spread]], n_pairs: int
) -> tuple[float, float, float]:
    """Return the larger of what `detectable` says of the variances that a pair is tested by.

    A difference is found only where both find it. So no end of the range is below what one of them
    takes: seeds that agree more than the images let them may do so by luck.
    """
    smallest, low, high = map(max, *(detectable(parts, n_pairs) for parts in variances))
    return smallest, low, high


def seeds_needed(
    seed_sd: float, fixed_error: float, freedom: float, n_seeds: int, half_width: float
) -> float:
    """Return how many seeds make a difference's 95 % interval so narrow in four of five cases.

    The noise of the study that is planned and that of this one are both drawn: their ratio is F.

    Args:
        seed_sd: standard deviation over seeds of the difference of a single one, less what
            `fixed_error` holds.
        fixed_error: standard error that more seeds do not lessen, because they test the same
            images.
        freedom: of `seed_sd`.
        n_seeds: of this study.
        half_width: wanted, in the measure's unit, above 0.

    Returns:
        NaN where the noise or `fixed_error` is unknown, or the noise has fewer than 3 degrees of
        freedom; infinity where 10,000 seeds do not suffice.
    """
    if not freedom or n_seeds < 2 or math.isnan(seed_sd + fixed_error):
        return math.nan
    if t_half_width(fixed_error, math.inf) >= half_width:
        return math.inf
    if freedom < _FEW_DEGREES:
        return math.nan

    def suffice(seeds: int) -> bool:
        few = freedom * (seeds - 1) / (n_seeds - 1)
        freedom_then = seeds - 1 if seeds >= ENOUGH_SEEDS else few
        more = fdtri(freedom_then, freedom, POWER)
        error = math.sqrt(fixed_error**2 + more * seed_sd**2 / seeds)
        return t_half_width(error, freedom_then) <= half_width

    low, high = 1, 2
    while high < _MOST and not suffice(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if suffice(middle) else (middle, high)
    return float(high) if high <= _MOST else math.inf


def power_row(pairs: pd.DataFrame, n_pairs: int, precision: float | None = None) -> dict[str, Any]:
    """Return what differences a family can find, by the pair in the middle of its pairs.

    Args:
        pairs: of the family and one measure: what `study.comparison.pairs.compare` returned.
        n_pairs: pairs of the study, which are adjusted for.
        precision: half-width of a difference's 95 % interval to plan for, if any.
    """
    found = np.array([_detectable_of(row.parts, n_pairs) for row in pairs.itertuples()])
    middle = np.argsort(found[:, 0], kind="stable")[(len(found) - 1) // 2]
    pair = pairs.iloc[middle]
    row = {
        "sd": pair["seed_sd"] / math.sqrt(2),
        "freedom": pair["freedom"],
        "n_seeds": pair["n_seeds"],
        "n_pairs": n_pairs,
        **dict(
            zip(("detectable", "detectable_low", "detectable_high"), found[middle], strict=True)
        ),
        "detectable_most": found[:, 0].max(),
    }
    if precision is None:
        return row
    fixed = pair["fixed_error"]
    noise = np.sqrt(np.maximum(pair["error"] ** 2 - fixed**2, 0) * pair["n_seeds"])
    needed = seeds_needed(noise, fixed, pair["freedom"], pair["n_seeds"], precision)
    return row | {"precision": precision, "seeds_needed": needed}
