"""Shapley values against their definition."""

import itertools

import numpy as np
import pytest

from study.comparison.shapley import needed_combos, shapley_values


def test_shapley_values_are_mean_contributions_over_all_orders():
    random = np.random.default_rng(16)
    partitions = ["v1", "v2", "v3"]
    scores = {combo: random.random(2) for combo in needed_combos(partitions)}
    assert len(scores) == 7
    values = shapley_values(partitions, scores, 0.1)
    for partition in partitions:
        gains = []
        for order in itertools.permutations(partitions):
            before = frozenset(order[: order.index(partition)])
            gains.append(scores[before | {partition}] - (scores[before] if before else 0.1))
        assert values[partition] == pytest.approx(np.mean(gains, axis=0))
    assert sum(values.values()) == pytest.approx(scores[frozenset(partitions)] - 0.1)
