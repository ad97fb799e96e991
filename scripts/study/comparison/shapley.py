"""What each partition contributes: its mean gain over all orders of adding partitions."""

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from study.comparison.answers import Answers, Study
from study.comparison.intervals import t_interval
from study.comparison.spread import ROUNDING
from study.data.names import OFFICIAL


def needed_combos(partitions: Sequence[str]) -> list[frozenset[str]]:
    """Return all unions of partitions, without the empty one: the combos that a study must have."""
    return [
        frozenset(c)
        for size in range(1, len(partitions) + 1)
        for c in itertools.combinations(partitions, size)
    ]


def shapley_values(
    partitions: Sequence[str], scores: Mapping[frozenset[str], np.ndarray], nothing: float
) -> dict[str, np.ndarray]:
    """Return the exact Shapley value of each partition.

    Args:
        partitions: P names.
        scores: for each union of partitions an array of any shape, such as accuracies by seed and
            class.
        nothing: the score without training images: that of guessing, 1/K for K classes.

    Returns:
        By partition an array of that shape; they add up to the score of all partitions minus
        `nothing`.

    Source: L. S. Shapley, "A Value for n-Person Games", 1953; as data value A. Ghorbani, J. Zou,
    "Data Shapley", 2019.
    """
    n = len(partitions)
    full = {frozenset(): np.asarray(nothing, float)} | dict(scores)
    values = {}
    for partition in partitions:
        others = [other for other in partitions if other != partition]
        total = 0.0
        for size in range(n):
            weight = 1 / (n * math.comb(n - 1, size))
            for subset in map(frozenset, itertools.combinations(others, size)):
                total = total + weight * (full[subset | {partition}] - full[subset])
        values[partition] = np.asarray(total)
    return values


def shapley_table(study: Study, labels: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """Return the Shapley value of each partition by model, overall and by class, over seeds.

    No rows for a model unless all unions of partitions are combos with a run of the same seed.

    Args:
        study: the runs.
        labels: int, N.
        classes: names in label order.
    """
    unions = {frozenset(combo.split("+")): combo for combo in study.combos if combo != OFFICIAL}
    rows = []
    for model in filter(study.learns_from_combo, study.models):
        groups = {parts: study.group(combo, model) for parts, combo in unions.items()}
        seeds = [s for s in study.seeds if all(s in by_seed for by_seed in groups.values())]
        if not seeds or not set(needed_combos(study.partitions)) <= set(unions):
            continue
        scores = {
            parts: np.array([_by_class(by_seed[s], labels, len(classes)) for s in seeds])
            for parts, by_seed in groups.items()
        }
        for partition, values in shapley_values(study.partitions, scores, 1 / len(classes)).items():
            for name, of_seeds in zip(["overall", *classes], values.T, strict=True):
                value, sd, n_seeds, low, high = t_interval(of_seeds)
                if sd**2 < ROUNDING:  # Seeds that agree by chance say nothing about others.
                    sd, low, high = 0.0, math.nan, math.nan
                low, high = np.clip([low, high], -1, 1)
                rows.append((model, partition, name, value, sd, low, high, n_seeds))
    columns = ["model", "partition", "class", "value", "sd", "low", "high", "n_seeds"]
    return pd.DataFrame(rows, columns=columns)


def _by_class(answers: Answers, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Return the accuracy over all classes and of each; NaN for a class without test images."""
    right, of_class = answers.values["accuracy"], labels[answers.test]
    by_class = [
        right[of_class == k].mean() if (of_class == k).any() else np.nan for k in range(n_classes)
    ]
    return np.array([right.mean(), *by_class])
