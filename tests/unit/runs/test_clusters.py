"""Means over groups of images: their variance, and how often their intervals hold the truth."""

import math

import numpy as np
import pytest
import statsmodels.api as sm

from study.comparison.difference import images_of
from study.runs.clusters import effective_numbers, jackknife_factors
from study.runs.metrics import Answers, accuracy_interval


def answers_of(n_groups, unequal, random):
    """Return the groups of images, and the right answers of two models that find some hard."""
    sizes = random.geometric(1 / 8, n_groups) if unequal else np.full(n_groups, 8)
    groups = np.repeat(np.arange(n_groups), sizes)
    a, noise = (
        math.sqrt(0.5) * (random.normal(size=n_groups)[groups] + random.normal(size=len(groups)))
        for _ in range(2)
    )
    return groups, a < 0.8, 0.6 * a + 0.8 * noise < 0.5


def test_it_is_the_cluster_robust_variance_and_the_mean_of_equal_groups():
    random = np.random.default_rng(1)
    groups, a, _ = answers_of(30, False, random)
    found = images_of([a.astype(float)], [groups]).once.variance
    means = a.reshape(30, 8).mean(axis=1)
    assert found == pytest.approx(means.var(ddof=1) / 30)
    ols = sm.OLS(a.astype(float), np.ones(len(a)))
    robust = ols.fit(cov_type="cluster", cov_kwds={"groups": groups, "use_correction": False})
    assert found == pytest.approx(float(robust.cov_params()[0, 0]) * 30 / 29)


def test_it_is_the_jackknife_that_leaves_out_one_group_after_the_other():
    groups, a, _ = answers_of(12, True, np.random.default_rng(2))
    left_out = np.array([a[groups != group].mean() for group in range(12)])
    jackknife = 11 / 12 * ((left_out - a.mean()) ** 2).sum()
    assert images_of([a.astype(float)], [groups]).once.variance == pytest.approx(jackknife)


def test_images_that_are_alone_count_as_before_and_one_group_says_nothing():
    assert (jackknife_factors(np.array([1, 0, 1, 1])) == 1).all()
    gap = np.array([1.0, 0, 1, 1])
    alone = images_of([gap], [np.zeros(4, int)], step=1).once
    assert alone.half_width > 1
    low, high = accuracy_interval(Answers(np.zeros((9, 2)), np.zeros(9, int), np.zeros(9, int)))
    assert low < 0.05 and high == 1
    assert effective_numbers(np.ones(6, bool), np.repeat([0, 1], [4, 2])) == (1.8, 1.8)


@pytest.mark.parametrize("unequal", [False, True])
@pytest.mark.parametrize("n_groups", [6, 12, 24])
def test_intervals_over_groups_hold_the_truth_as_often_as_they_say(n_groups, unequal):
    random = np.random.default_rng(n_groups)
    _, a, b = answers_of(100_000, unequal, random)
    accuracy, gap = a.mean(), b.mean() - a.mean()
    n, held, of_images = 600, np.zeros(2), 0
    for _ in range(n):
        groups, a, b = answers_of(n_groups, unequal, random)
        gaps = b.astype(float) - a
        spread = images_of([gaps], [groups]).once
        half = spread.half_width
        wrong, log_p = (~a).astype(int), np.tile([0.0, -1.0], (len(a), 1))
        low, high = accuracy_interval(Answers(log_p, wrong, groups))
        held += abs(gaps.mean() - gap) <= half, low <= accuracy <= high
        low, high = accuracy_interval(Answers(log_p, wrong))
        of_images += low <= accuracy <= high
    assert (held / n >= 0.92).all(), held / n
    assert of_images / n < 0.85  # as if single images had been drawn
