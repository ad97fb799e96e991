"""Where the spread of accuracies comes from: the partition, the seed and the finite test."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import chdtri, fdtrc, fdtri

from study.comparison.answers import Answers, Study
from study.comparison.difference import images_of
from study.comparison.intervals import CONFIDENCE
from study.comparison.spread import interval_of_sum, residual, spread_of_rows, summed

_TAILS = (1 + CONFIDENCE) / 2, (1 - CONFIDENCE) / 2
_UNKNOWN = {
    "sd": math.nan,
    "low": math.nan,
    "high": math.nan,
    "freedom": 0,
    "F": math.nan,
    "p": math.nan,
}


def variance_components(
    accuracies: np.ndarray,
    n_test: int,
    unseen: Sequence[np.ndarray],
    finite_test: float | None = None,
) -> list[dict[str, Any]]:
    """Return the sd of accuracy, a share of 1, that partitions, seeds and the finite test cause.

    Partitions and seeds are crossed: all runs of a seed are tested on the same images and start
    from the same weights. The component of seeds is what another seed changes in one run, the mean
    of the variances over seeds. It holds what all partitions have in common. It also holds the
    component of the finite test, because each seed is tested on other images. Partitions are tested
    against the residual. Where they differ in size, that is part of what is tested.

    Args:
        accuracies: float, P×S; of runs that were trained on one of P partitions with S seeds, on
            the common test. NaN for a missing run.
        n_test: images in a common test.
        unseen: for each partition bool, S×n; right answers on images that no run on that partition
            has seen, or an empty array.
        finite_test: sd that the finite test causes where whole groups of images are drawn. Default:
            the binomial one, of single images.

    Returns:
        Rows with `source` ("partition", "seed", "finite test", "independent errors"), `sd` with
        the ends of its 95 % interval, `freedom`, and for the partition `F` and `p`. NaN where
        there are too few runs, or where seeds agree exactly: then nothing is known of how far they
        differ. Intervals are chi-square ones (for the partition Williams'
        approximate one) and with few runs very wide; the binomial sd has none. The last row
        predicts the sd over seeds if each image were judged independently with its own
        probability: √(mean of p(1-p) · S/(S-1) / n_test).

    Source: K. Jordan, "Calibrated Chaos: Variance Between Runs of Neural Network Training is
    Harmless and Inevitable", 2023.
    """
    known = accuracies[~np.isnan(accuracies)]
    grand = float(known.mean()) if len(known) else math.nan
    rows = accuracies[~np.isnan(accuracies).all(axis=1)]
    partition, seed = _crossed_components(rows[:, ~np.isnan(rows).any(axis=0)])
    spreads = []
    for right in unseen:
        seeds = len(right)
        if seeds > 1 and right.size:
            p = right.mean(axis=0)
            spreads.append(float((p * (1 - p)).mean()) * seeds / (seeds - 1))
    predicted = math.sqrt(np.mean(spreads) / n_test) if spreads else math.nan
    binomial = math.sqrt(grand * (1 - grand) / n_test)
    return [
        {"source": "partition"} | _UNKNOWN | partition,
        {"source": "seed"} | _UNKNOWN | seed,
        {"source": "finite test"}
        | _UNKNOWN
        | {"sd": binomial if finite_test is None else finite_test},
        {"source": "independent errors"} | _UNKNOWN | {"sd": predicted},
    ]


def _crossed_components(table: np.ndarray) -> tuple[dict[str, float], dict[str, float]]:
    """Return what is known of the components of partitions and of seeds.

    Args:
        table: accuracies, float P×S, without NaN.
    """
    n_groups, n_seeds = table.shape
    if n_groups < 1 or n_seeds < 2:
        return {}, {}
    parts = spread_of_rows(table)
    of_seeds = summed(parts)
    seed = {"sd": math.sqrt(of_seeds.variance), "freedom": of_seeds.freedom}
    if of_seeds.variance:
        low, high = map(math.sqrt, interval_of_sum(parts))
        seed |= {"low": low, "high": high}
    if n_groups < 2:
        return {}, seed
    noise = residual(table)
    within, freedom = noise.variance, noise.freedom
    between_freedom = n_groups - 1
    between = n_seeds * float(table.mean(axis=1).var(ddof=1))
    if not within:
        return {"sd": math.sqrt(between / n_seeds), "freedom": between_freedom}, seed
    ratio = between / within
    ends = []
    for tail in _TAILS:
        excess = between - within * fdtri(between_freedom, freedom, tail)
        spread = between_freedom * max(0.0, excess) / chdtri(between_freedom, 1 - tail)
        ends.append(math.sqrt(spread / n_seeds))
    partition = {
        "sd": math.sqrt(max(0.0, between - within) / n_seeds),
        "low": ends[0],
        "high": ends[1],
        "freedom": between_freedom,
        "F": ratio,
        "p": float(fdtrc(between_freedom, freedom, ratio)),
    }
    return partition, seed


def variance_table(study: Study) -> pd.DataFrame:
    """Return `variance_components` of each model that varies, over the combos of one partition.

    A model whose predictions are the same with all seeds has no component of seeds.
    """
    rows = []
    single = [combo for combo in study.combos if combo in study.partitions]
    for model in study.models:
        if not study.varies(model, "combo"):
            continue
        groups = [list(study.group(combo, model).values()) for combo in single]
        n_test = [len(one.test) for group in groups for one in group]
        if n_test:
            right = [_right_on_unseen(group) for group in groups]
            finite = None if study.together is None else _of_groups(study, groups)
            accuracies = study.accuracies(single, model)
            parts = variance_components(accuracies, min(n_test), right, finite)
            seedless = not study.varies(model, "seed")
            rows += [
                {"model": model} | part
                for part in parts
                if not (seedless and part["source"] == "seed")
            ]
    return pd.DataFrame(rows, columns=["model", "source", *_UNKNOWN])


def _of_groups(study: Study, runs: Sequence[Sequence[Answers]]) -> float:
    """Return the sd of accuracy that the draw of groups of test images causes in a run."""
    found = [
        images_of([one.values["accuracy"].astype(float)], [study.units(one.test)]).once.variance
        for group in runs
        for one in group
    ]
    return math.sqrt(np.mean(found))


def _right_on_unseen(group: Sequence[Answers]) -> np.ndarray:
    """Return right answers, bool S×n, on the images that no run of the group has seen."""
    if not group:
        return np.zeros((0, 0), bool)
    unseen = np.all([one.unseen for one in group], axis=0)
    return np.array([one.right[unseen] for one in group])
