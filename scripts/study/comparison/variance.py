"""Where the spread of accuracies comes from: the partition, the seed and the finite test."""

import math
from typing import Any

import numpy as np
from scipy.stats import chi2
from scipy.stats import f as f_distribution

from study.comparison.pairs import CONFIDENCE


def variance_components(
    accuracies: np.ndarray, n_test: int, unseen: list[np.ndarray]
) -> list[dict[str, Any]]:
    """Return the standard deviations of accuracy, a share of 1, that go back to partitions, seeds and the finite test.

    Seeds are nested in partitions: a seed means other images in another partition. The component of seeds holds that of the
    finite test, for each seed is tested on other images.

    Args:
        accuracies: float, P×S; of runs that were trained on one of P partitions of equal size with S seeds, on the common test. NaN
            for a missing run.
        n_test: images in a common test.
        unseen: for each partition bool, S×n; right answers on images that no run on that partition has seen, or an empty array.

    Returns:
        Rows with `source` ("partition", "seed", "finite test", "independent errors"), `sd` with the ends of its
        95 % interval, `freedom`, and for the partition `F` and `p`. NaN where there are too few runs. Intervals are chi-square
        ones (for the partition Williams' approximate one) and with few runs very wide; the binomial sd has none.
        The last row predicts the sd over seeds if each image were judged independently with its own probability:
        √(mean of p(1-p) · S/(S-1) / n_test).

    Source: K. Jordan, "Calibrated Chaos: Variance Between Runs of Neural Network Training is Harmless and Inevitable", 2023.
    """
    kept = [row[~np.isnan(row)] for row in accuracies]
    kept = [row for row in kept if len(row)]
    sizes = np.array([len(row) for row in kept])
    n_groups, n = len(kept), int(sizes.sum())
    means = np.array([row.mean() for row in kept])
    grand = float(np.concatenate(kept).mean()) if kept else math.nan
    within_freedom, between_freedom = n - n_groups, n_groups - 1
    nothing = {
        "sd": math.nan,
        "low": math.nan,
        "high": math.nan,
        "freedom": 0,
        "F": math.nan,
        "p": math.nan,
    }
    rows = [{"source": source} | nothing for source in ("partition", "seed")]
    tails = (1 + CONFIDENCE) / 2, (1 - CONFIDENCE) / 2
    if within_freedom > 0:
        squares = sum(float(((row - row.mean()) ** 2).sum()) for row in kept)
        within = squares / within_freedom
        low, high = (math.sqrt(squares / chi2.ppf(tail, within_freedom)) for tail in tails)
        rows[1] |= {"sd": math.sqrt(within), "low": low, "high": high, "freedom": within_freedom}
        if between_freedom > 0:
            between_squares = float((sizes * (means - grand) ** 2).sum())
            between = between_squares / between_freedom
            size = (
                n - float((sizes**2).sum()) / n
            ) / between_freedom  # runs a partition; their number where all have as many
            ratio = between / within if within else math.inf
            ends = []
            for tail in tails:
                least = f_distribution.ppf(tail, between_freedom, within_freedom)
                excess = between_squares - between_freedom * within * least
                ends.append(math.sqrt(max(0.0, excess) / (size * chi2.ppf(tail, between_freedom))))
            rows[0] |= {
                "sd": math.sqrt(max(0.0, between - within) / size),
                "low": ends[0],
                "high": ends[1],
                "freedom": between_freedom,
                "F": ratio,
                "p": float(f_distribution.sf(ratio, between_freedom, within_freedom)),
            }
    rows.append(
        {"source": "finite test"} | nothing | {"sd": math.sqrt(grand * (1 - grand) / n_test)}
    )
    spreads = []
    for right in unseen:
        seeds = len(right)
        if seeds > 1 and right.size:
            p = right.mean(axis=0)
            spreads.append(float((p * (1 - p)).mean()) * seeds / (seeds - 1))
    predicted = math.sqrt(np.mean(spreads) / n_test) if spreads else math.nan
    return [*rows, {"source": "independent errors"} | nothing | {"sd": predicted}]
