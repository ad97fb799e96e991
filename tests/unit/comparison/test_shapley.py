"""Shapley values against their definition."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from study.comparison.shapley import needed_combos, shapley_table, shapley_values


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


def test_seeds_that_agree_by_chance_give_no_interval():
    def run(right):
        values = {"accuracy": np.array(right, float)}
        return SimpleNamespace(values=values, test=np.arange(3))

    # Thirds leave rounding noise where the two seeds are equal: on the first class.
    study = SimpleNamespace(
        combos=["v1"],
        models=["m"],
        seeds=[1, 2],
        partitions=["v1"],
        learns_from_combo=lambda model: True,
        group=lambda combo, model: {1: run([1, 0, 1]), 2: run([0, 1, 0])},
    )
    table = shapley_table(study, np.array([0, 0, 1]), ["cat", "dog"]).set_index("class")
    assert table.loc["cat", "sd"] == 0 and table.loc["cat", ["low", "high"]].isna().all()
    assert table.loc["dog", "sd"] > 0.5 and table.loc["dog", ["low", "high"]].notna().all()
