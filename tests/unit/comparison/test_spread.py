"""The noise of a difference over seeds: against analyses of variance and pairs one by one."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from study.comparison.spread import (
    Spread,
    interval_of_sum,
    residual,
    safely_summed,
    size_classes,
    spread_of_pairs,
    spread_of_rows,
    summed,
)


def test_the_residual_is_that_of_a_two_way_analysis_of_variance():
    random = np.random.default_rng(1)
    table = random.normal(size=(4, 3))
    table[1, 2] = np.nan
    long = pd.DataFrame(
        [(g, s, table[g, s]) for g in range(4) for s in range(3)], columns=["g", "s", "y"]
    ).dropna()
    expected = anova_lm(ols("y ~ C(g) + C(s)", long).fit()).loc["Residual"]
    noise = residual(table)
    assert noise.freedom == expected["df"] and noise.variance == pytest.approx(expected["mean_sq"])
    assert not residual(table[:, :1])


def test_the_spread_of_a_kind_is_the_mean_of_the_paired_variances_of_its_pairs():
    random = np.random.default_rng(2)
    first, second = random.normal(size=(3, 4)), random.normal(size=(2, 4))
    between = [(a - b).var(ddof=1) for a in first for b in second]
    within = [(a - b).var(ddof=1) for a, b in itertools.combinations(first, 2)]
    assert spread_of_pairs(first, second).variance == pytest.approx(np.mean(between))
    assert spread_of_pairs(first).variance == pytest.approx(np.mean(within))
    assert spread_of_pairs(first).freedom == 6
    assert summed(spread_of_rows(first)).variance == pytest.approx(first.var(axis=1, ddof=1).mean())
    # Of one pair it is the paired t-test's.
    alone = spread_of_pairs(first[:1], second[:1])
    assert alone[:2] == (pytest.approx((first[0] - second[0]).var(ddof=1)), 3)
    first[0, 1] = np.nan  # a group with a missing run says nothing
    assert spread_of_pairs(first).variance == pytest.approx(within[2])
    assert not spread_of_pairs(first[:1], second)


def test_degrees_of_freedom_are_fewer_where_rows_go_up_and_down_together():
    random = np.random.default_rng(3)
    alike = random.normal(size=(1, 4)) + 1e-6 * random.normal(size=(5, 4))
    assert summed(spread_of_rows(alike)).freedom == pytest.approx(3, abs=0.01)
    apart = [summed(spread_of_rows(random.normal(size=(5, 4)))).freedom for _ in range(200)]
    assert 9 < np.mean(apart) < 15


def test_the_interval_of_one_variance_is_that_of_chi_square_and_sums_are_safe():
    ends = [0.3 * 7 / stats.chi2.ppf(tail, 7) for tail in (0.975, 0.025)]
    assert interval_of_sum([Spread(0.3, 7)]) == pytest.approx(ends)
    assert safely_summed([Spread(0.0, 90), Spread(0.3, 2)])[:2] == (0.3, pytest.approx(2))
    safe, plain = (add([Spread(0.3, 90), Spread(0.3, 2)]) for add in (safely_summed, summed))
    assert safe.variance == plain.variance == 0.6 and 2 < safe.freedom < plain.freedom


@pytest.mark.parametrize(
    ("sizes", "classes"),
    [
        ([900, 902, 898, 1800, 2700], [0, 0, 0, 1, 1]),  # the two that are alone join
        ([9, 9, 9, 18, 18, 18, 27], [0, 0, 0, 1, 1, 1, 1]),
        ([27, 9, 18], [1, 0, 1]),  # 18 is twice 9: too far from it
        ([100, 1000, 100, 1000], [0, 1, 0, 1]),
        ([5], [0]),
    ],
)
def test_combos_of_one_size_are_a_class_and_a_size_alone_joins_a_near_one(sizes, classes):
    assert size_classes(sizes) == classes
