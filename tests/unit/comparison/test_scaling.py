"""The power law of the error: exact points, and noisy ones against a linear regression."""

import numpy as np
import pytest
from scipy import stats

from study.comparison.scaling import fit_scaling


def test_the_scaling_fit_finds_the_exponent_and_its_interval():
    random = np.random.default_rng(15)
    n = np.array([14_000, 14_000, 14_000, 28_000, 42_000])
    exact = 1 - 3 * n[:, None] ** -0.25 * np.ones((1, 3))
    fit = fit_scaling(n, exact, 50, random)
    assert fit.exponent == pytest.approx(0.25) and fit.error(20_000) == pytest.approx(
        3 * 20_000**-0.25
    )
    noisy = exact + random.normal(0, 0.01, exact.shape)
    noisy[0, 1] = np.nan
    fit = fit_scaling(n, noisy, 500, random)
    x, y = np.log(np.broadcast_to(n[:, None], noisy.shape)), np.log(1 - noisy)
    slope = stats.linregress(x[~np.isnan(y)], y[~np.isnan(y)]).slope
    assert fit.exponent == pytest.approx(-slope) and fit.low < fit.exponent < fit.high
    assert fit_scaling(n[:3], exact[:3], 50, random) is None
