"""Bootstrap means against theory, and against differences drawn directly."""

import math

import numpy as np
import pytest

from study.comparison.bootstrap import bootstrap_means, bootstrap_p, percentile_interval


def test_bootstrap_means_have_the_mean_and_the_variance_that_theory_gives():
    random = np.random.default_rng(8)
    values = [random.normal(s, 1, (200, 1)) for s in range(3)]
    images = bootstrap_means(values, 4000, random, seeds_too=False)[:, 0]
    assert images.mean() == pytest.approx(np.mean([v.mean() for v in values]), abs=0.01)
    assert images.std() == pytest.approx(
        math.sqrt(sum(v.var() / 200 for v in values)) / 3, rel=0.06
    )
    both = bootstrap_means(values, 4000, random, seeds_too=True)[:, 0]
    between = np.var([v.mean() for v in values]) / 3
    assert both.var() == pytest.approx(
        between + np.mean([v.var() for v in values]) / 200 / 3, rel=0.08
    )
    assert percentile_interval(np.arange(101.0)) == pytest.approx((2.5, 97.5))


def test_a_drawn_difference_is_that_of_the_drawn_means_over_the_seeds_that_both_have():
    random = np.random.default_rng(12)
    values = [random.normal(s, 1, (150, 3)) for s in range(4)]
    values[1][:, 2] = np.nan
    drawn = bootstrap_means(
        values, 100, np.random.default_rng(0), seeds_too=False, pairs=[(0, 1), (1, 2)]
    )
    assert drawn[:, 3] == pytest.approx(drawn[:, 1] - drawn[:, 0], abs=1e-6)
    gaps = [table[:, [2]] - table[:, [1]] for table in values]
    assert drawn[:, 4] == pytest.approx(
        bootstrap_means(gaps, 100, np.random.default_rng(0), seeds_too=False)[:, 0], abs=1e-6
    )


def test_the_p_value_of_draws_counts_those_beyond_zero_on_the_smaller_side():
    assert bootstrap_p(np.array([1.0, 2.0, 3.0])) == pytest.approx(0.5)
    assert bootstrap_p(np.array([-1.0, 1.0])) == 1
