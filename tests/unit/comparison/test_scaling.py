"""The power law of the error: exact points, and noisy ones against a linear regression."""

import numpy as np
import pytest
from benchmarks.verdicts_of_tables import N_TRAIN as SIZES
from benchmarks.verdicts_of_tables import scaling_rates
from scipy import stats

from study.comparison.scaling import fit_scaling


def test_the_scaling_fit_finds_the_exponent():
    random = np.random.default_rng(15)
    exact = 1 - 3 * SIZES[:, None] ** -0.25 * np.ones((1, 3))
    fit = fit_scaling(SIZES, exact)
    assert fit.exponent == pytest.approx(0.25)
    assert fit.error(20_000) == pytest.approx(3 * 20_000**-0.25)
    noisy = exact + random.normal(0, 0.01, exact.shape)
    fit = fit_scaling(SIZES, noisy)
    x, y = np.log(np.broadcast_to(SIZES[:, None], noisy.shape)), np.log(1 - noisy)
    line = stats.linregress(x.ravel(), y.ravel())
    assert fit.exponent == pytest.approx(-line.slope) and fit.low < fit.exponent < fit.high
    assert fit.intercept == pytest.approx(line.intercept)
    assert fit_scaling(SIZES[:3], exact[:3]) is None
    assert np.isnan(fit_scaling(SIZES, noisy[:, :1]).low)


def test_a_seed_that_lacks_a_run_moves_no_exponent():
    log_error = np.log(3) - 0.3 * np.log(SIZES[:, None]) + np.array([0.0, 0.05, 0.1])
    log_error[4, 2] = np.nan  # the worst seed has no run on the largest combo
    assert fit_scaling(SIZES, 1 - np.exp(log_error)).exponent == pytest.approx(0.3)


def test_sizes_that_are_about_equal_have_no_power_law_and_no_error_is_half_a_mistake():
    noisy = np.array([[0.5, 0.6], [0.7, 0.5]])
    assert fit_scaling(np.array([122, 123]), noisy) is None
    perfect = np.array([[0.9, 0.9], [1.0, 0.95]])
    by_hand = np.array([[0.9, 0.9], [1 - 0.5 / 50, 0.95]])
    sizes = np.array([100, 200])
    assert fit_scaling(sizes, perfect, 50).exponent == fit_scaling(sizes, by_hand).exponent < 3


def test_seeds_that_agree_exactly_give_no_interval():
    accuracies = np.array([[0.5, 0.5], [0.75, 0.75]])
    fit = fit_scaling(np.array([100, 200]), accuracies)
    assert fit.exponent == pytest.approx(1) and np.isnan([fit.low, fit.high]).all()


def test_the_interval_of_the_exponent_holds_it_though_seeds_shift_all_combos():
    assert scaling_rates(3, 0.02, 400)["coverage"] == pytest.approx(0.95, abs=0.025)
