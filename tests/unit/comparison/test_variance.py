"""Variance components against a two-way analysis of variance and in simulated studies."""

import math

import numpy as np
import pandas as pd
import pytest
from benchmarks.verdicts import Design, simulate
from benchmarks.verdicts_of_tables import variance_rates
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from study.comparison.spread import residual
from study.comparison.variance import variance_components, variance_table


def test_variance_components_are_those_of_crossed_partitions_and_seeds():
    random = np.random.default_rng(12)
    table = random.normal(0.7, 0.01, (3, 4)) + np.array([[0.0], [0.02], [0.05]])
    parts = {row["source"]: row for row in variance_components(table, 3000, [])}
    long = pd.DataFrame([(p, s, table[p, s]) for p in range(3) for s in range(4)], columns=[*"psy"])
    expected = anova_lm(ols("y ~ C(p) + C(s)", long).fit()).loc["C(p)"]
    assert parts["partition"]["F"] == pytest.approx(expected["F"])
    assert parts["partition"]["p"] == pytest.approx(expected["PR(>F)"])
    within = table.var(axis=1, ddof=1).mean()
    assert parts["seed"]["sd"] == pytest.approx(math.sqrt(within))
    rest = residual(table).variance
    between = max(0, table.mean(axis=1).var(ddof=1) - rest / 4)
    assert parts["partition"]["sd"] == pytest.approx(math.sqrt(between))
    p = table.mean()
    assert parts["finite test"]["sd"] == pytest.approx(math.sqrt(p * (1 - p) / 3000))
    one_seed = {row["source"]: row for row in variance_components(table[:, :1], 3000, [])}
    assert math.isnan(one_seed["seed"]["sd"]) and math.isnan(one_seed["partition"]["sd"])


@pytest.mark.parametrize("apart", [0.0, 0.016])
def test_seeds_that_agree_by_chance_show_no_certainty(apart):
    """80 and 78 of 124 are right with either seed: what rounding leaves is no noise."""
    table = np.array([[80 / 124] * 2, [80 / 124 - apart] * 2]) + np.array([0, 1e-16])
    partition, seed, *_ = variance_components(table, 124, [])
    assert seed["sd"] == 0 and math.isnan(seed["low"]) and math.isnan(seed["high"])
    assert partition["sd"] == pytest.approx(apart / math.sqrt(2))
    assert all(math.isnan(partition[name]) for name in ("F", "p", "low", "high"))


@pytest.mark.parametrize("shared", [0, 0.02])
def test_intervals_of_variance_components_cover_and_partitions_are_told_apart_as_said(shared):
    """Also where all partitions of a seed go up and down together."""
    rates = variance_rates(4, 4, shared, 600)
    assert 0.92 <= rates["worst"] <= rates["coverage"] <= 0.98
    assert rates["wrong"] == pytest.approx(0.05, abs=0.025)


def test_independent_errors_predict_the_spread_over_seeds():
    random = np.random.default_rng(14)
    p = random.beta(4, 2, 5000)
    right = random.random((40, 5000)) < p
    parts = {
        row["source"]: row for row in variance_components(right.mean(axis=1)[None], 5000, [right])
    }
    assert parts["independent errors"]["sd"] == pytest.approx(
        right.mean(axis=1).std(ddof=1), rel=0.25
    )


def test_a_model_whose_predictions_are_the_same_with_all_seeds_has_no_spread_over_seeds():
    study, *_ = simulate(Design((1, 1), 2), np.random.default_rng(15))
    for run in study.runs:
        varies = ["combo"] if run.model == "m1" else ["combo", "seed"]
        run.record["recipe"] = {"architecture": {"varies_with": varies}}
    table = variance_table(study)
    assert list(table.loc[table["source"] == "seed", "model"]) == ["m0"]
    assert set(table["model"]) == {"m0", "m1"}
