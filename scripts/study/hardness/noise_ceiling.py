"""What correlation with human error the best possible score could reach: votes are few.

The votes of each image are cut into halves at random. The rank correlation r of the error in the
two halves says how reliable half of the votes are, and Spearman and Brown's formula how reliable
all of them are. A score that knows what all people would say correlates with the votes by the root
of this.

The formula is exact for the usual correlation; of ranks it is an estimate. In simulations with ten
votes an image and more it was up to .03 too high, with two or three, where many images are tied, up
to .07.

Sources: W. Brown, "Some Experimental Results in the Correlation of Mental Abilities", 1910;
C. Spearman, "Correlation Calculated from Faulty Data", 1910.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

CEILING = "noise ceiling"
# Random halves, over which r is averaged.
_SPLITS = 5


class Halves(NamedTuple):
    """Human error by two halves of the votes.

    Attributes:
        rows: int64, m; the images that have two votes or more.
        errors: float64, splits×2×m.
        times: as many times as a half all votes of an image are, on average.
    """

    rows: np.ndarray
    errors: np.ndarray
    times: float


def halves_of(images: pd.DataFrame, seed: int) -> Halves | None:
    """Return the halves of the votes; None where no two images have two votes.

    An odd vote is left out.

    Args:
        images: with `human_n` votes and their `human_error`.
        seed: of the halves.
    """
    rows = np.flatnonzero(images["human_n"] >= 2)
    if len(rows) < 2:
        return None
    n = images["human_n"].to_numpy(np.int64)[rows]
    wrong = np.rint(images["human_error"].to_numpy(float)[rows] * n).astype(np.int64)
    half, random, errors = n // 2, np.random.default_rng(seed), []
    for _ in range(_SPLITS):
        first = random.hypergeometric(wrong, n - wrong, half)
        second = random.hypergeometric(wrong - first, n - half - (wrong - first), half)
        errors.append([first / half, second / half])
    return Halves(rows, np.array(errors), float(n.mean() / half.mean()))


def ceiling(r: np.ndarray, times: float) -> np.ndarray:
    """Return the root of the reliability of all votes.

    Args:
        r: correlation of two halves; below 0 it counts as 0.
        times: see `Halves`.
    """
    r = np.maximum(r, 0)
    return np.sqrt(times * r / (1 + (times - 1) * r))
