"""Variance components against a nested analysis of variance and in simulated studies."""

import math

import numpy as np
import pytest
from scipy import stats

from study.comparison.variance import variance_components


def test_variance_components_are_those_of_a_nested_analysis_of_variance():
    random = np.random.default_rng(12)
    table = random.normal(0.7, 0.01, (3, 4)) + np.array([[0.0], [0.02], [0.05]])
    parts = {row["source"]: row for row in variance_components(table, 3000, [])}
    expected = stats.f_oneway(*table)
    assert parts["partition"]["F"] == pytest.approx(expected.statistic) and parts["partition"][
        "p"
    ] == pytest.approx(expected.pvalue)
    within = table.var(axis=1, ddof=1).mean()
    assert parts["seed"]["sd"] == pytest.approx(math.sqrt(within)) and parts["seed"]["freedom"] == 9
    between = max(0, table.mean(axis=1).var(ddof=1) - within / 4)
    assert parts["partition"]["sd"] == pytest.approx(math.sqrt(between))
    p = table.mean()
    assert parts["finite test"]["sd"] == pytest.approx(math.sqrt(p * (1 - p) / 3000))
    one_seed = {row["source"]: row for row in variance_components(table[:, :1], 3000, [])}
    assert math.isnan(one_seed["seed"]["sd"]) and math.isnan(one_seed["partition"]["sd"])


def test_intervals_of_variance_components_cover():
    random = np.random.default_rng(13)
    hits = {"partition": [], "seed": []}
    for _ in range(400):
        table = 0.7 + random.normal(0, 0.02, (4, 1)) + random.normal(0, 0.01, (4, 4))
        for row in variance_components(table, 3000, [])[:2]:
            hits[row["source"]].append(
                row["low"] <= {"partition": 0.02, "seed": 0.01}[row["source"]] <= row["high"]
            )
    assert 0.92 <= np.mean(hits["seed"]) <= 0.98 and 0.92 <= np.mean(hits["partition"]) <= 0.985, (
        hits
    )


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
