"""The variance of a difference: against two-way random effects, paired tests and McNemar's."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.contingency_tables import mcnemar

from study.comparison.difference import difference, difference_row, images_of
from study.comparison.power import power_row
from study.comparison.spread import Spread

IDS = np.arange(30)


def test_with_the_same_images_for_all_seeds_it_is_that_of_two_way_random_effects():
    random = np.random.default_rng(0)
    n, n_seeds = 30, 5
    gaps = random.normal(0, 1, (1, n)) + random.normal(0, 0.5, (n_seeds, 1))
    gaps = gaps + random.normal(0, 0.3, (n_seeds, n))
    long = pd.DataFrame(
        [(i, s, gaps[s, i]) for i in range(n) for s in range(n_seeds)], columns=["i", "s", "y"]
    )
    table = anova_lm(ols("y ~ C(i) + C(s)", long).fit())
    mean_squares = table["sum_sq"] / table["df"]
    # The sums of squares of images are divided by n and not by n - 1, as before a bootstrap would.
    image, seed, rest = mean_squares["C(i)"], mean_squares["C(s)"], mean_squares["Residual"]
    expected = (image + seed - rest) / (n * n_seeds)
    found = difference(list(gaps), [IDS] * n_seeds)
    assert found.main.variance == pytest.approx(expected, rel=0.05)
    assert found.main == found.new_images and found.images.n == n
    assert found.fixed == pytest.approx((image - rest) / (n * n_seeds), rel=0.1)


def test_with_other_images_for_each_seed_it_is_the_paired_t_test():
    random = np.random.default_rng(1)
    gaps = [random.normal(0.1, 0.1, 30) + random.normal(0, 0.2) for _ in range(5)]
    units = [IDS + 30 * s for s in range(5)]
    row = difference_row(gaps, units)
    expected = stats.ttest_1samp([gap.mean() for gap in gaps], 0)
    interval = expected.confidence_interval(0.95)
    assert row["p"] == pytest.approx(expected.pvalue)
    assert (row["low"], row["high"]) == pytest.approx((interval.low, interval.high))
    assert (row["seeds_low"], row["seeds_high"]) == pytest.approx((interval.low, interval.high))
    assert (row["new_images_low"], row["new_images_high"]) == pytest.approx(
        (interval.low, interval.high), abs=0.01
    )
    assert (row["n_images"], row["n_tests"], row["n_seeds"]) == (150, 150, 5)


def test_two_rounds_of_folds_count_each_image_once():
    """Of images that differ, and nothing else, a second round says nothing new."""
    of_image = np.random.default_rng(4).normal(0.2, 1, 60)
    round_ = [np.arange(60)[fold::3] for fold in range(3)]
    units = [*round_, *(np.random.default_rng(5).permutation(60).reshape(3, 20))]
    found = difference([of_image[ids] for ids in units], units)
    assert found.main == found.new_images
    assert found.images.once.variance == pytest.approx(of_image.var() / 60, rel=0.1)
    assert found.fixed == pytest.approx(found.images.once.variance, rel=0.15)
    once = difference([of_image[ids] for ids in round_], round_)
    assert once.main.variance == pytest.approx(once.seeds.variance / 3)


@pytest.mark.parametrize("n_seeds", [1, 3, 5])
def test_what_more_seeds_would_leave_is_unknown_where_no_image_is_tested_twice(n_seeds):
    """With one round of folds a second one tests the same images, which may be all the noise."""
    gaps = np.random.default_rng(6).normal(0.2, 1, 60)
    units = [np.arange(60)[fold::n_seeds] for fold in range(n_seeds)]
    row = difference_row([gaps[ids] for ids in units], units)
    assert math.isnan(row["fixed_error"])
    assert math.isnan(power_row(pd.DataFrame([row]), 1, 0.005)["seeds_needed"])


def test_few_seeds_take_the_noise_of_pairs_alike_also_a_pair_with_one_seed():
    gap = np.array([1.0, 0, 0, 1, 0, 0, 0, 0, 0, -1] * 3)
    for n_seeds in (1, 2, 4):
        row = difference_row([gap] * n_seeds, [IDS + 30 * s for s in range(n_seeds)], Spread(1, 8))
        half = stats.t.ppf(0.975, 8) / math.sqrt(n_seeds)
        assert row["high"] - row["difference"] == pytest.approx(half)
        assert row["seed_sd"] == 1 and row["effect"] == pytest.approx(row["difference"])
        assert "pairs alike, 8 degrees" in row["method"]
    three = difference_row([gap] * 3, [IDS + 30 * s for s in range(3)], Spread(1, 2))
    assert three["method"] == "t over 3 seeds and images, 2 degrees of freedom"  # no pair is alike
    five = difference_row([gap] * 5, [IDS + 30 * s for s in range(5)], Spread(1, 8))
    assert five["seed_sd"] == 0  # their own, and then the images' alone
    assert five["method"] == "t over 150 images, wider than over seeds"


def test_with_one_seed_accuracy_is_tested_by_mcnemar_and_losses_by_their_images():
    random = np.random.default_rng(2)
    a, b = random.random((2, 400)) < np.array([[0.6], [0.7]])
    row = difference_row([b * 1.0 - a], [np.arange(400)])
    table = [[(a & b).sum(), (a & ~b).sum()], [(~a & b).sum(), (~a & ~b).sum()]]
    assert row["p"] == pytest.approx(mcnemar(table, exact=True).pvalue)
    assert math.isnan(row["seeds_low"]) and "one seed" in row["method"]
    assert (row["low"], row["high"]) == (row["images_low"], row["images_high"])
    losses = random.normal(0.01, 1, 20_000)
    expected = stats.ttest_1samp(losses, 0)
    assert difference_row([losses], [np.arange(20_000)])["p"] == pytest.approx(
        expected.pvalue, rel=0.02
    )


@pytest.mark.parametrize("n", [60, 150, 1000])
def test_with_one_seed_the_interval_holds_the_truth_however_few_images_differ(n):
    """Exactly: over all that can happen, at rates of 0 to 20 images that only one gets right."""
    won, lost = np.mgrid[:45, :45]
    half = np.zeros(won.shape)
    for a, b in zip(won.ravel(), lost.ravel(), strict=True):
        if a + b <= n and a >= b:
            gap = np.repeat([1.0, -1.0, 0.0], [a, b, n - a - b])
            row = difference_row([gap], [np.arange(n)])
            half[a, b] = half[b, a] = n * (row["high"] - row["low"]) / 2
    for only_a, only_b in itertools.product([0, 0.1, 0.5, 1, 2, 3.3, 5, 8, 12, 20], repeat=2):
        rates = np.array([only_a, only_b, n - only_a - only_b]) / n
        counts = np.stack([won, lost, n - won - lost], axis=-1)
        chance = stats.multinomial.pmf(counts, n, rates)
        held = chance[np.abs(won - lost - (only_a - only_b)) <= half].sum()
        assert held >= 0.945, (only_a, only_b, held)
        if min(only_a, only_b) > 7:  # with fewer, chances are coarse
            assert held <= 0.972, (only_a, only_b, held)


def test_images_of_one_group_are_drawn_together():
    gap = np.repeat([1.0, 0.0, -1.0, 1.0, 1.0, 0.0], 5)
    groups = np.repeat(np.arange(6), 5)
    together, apart = images_of([gap], [groups]), images_of([gap], [IDS])
    assert together.n == 6 and together.once.freedom == 5 and apart.once.freedom == 29
    assert together.once.variance == pytest.approx(gap[::5].var(ddof=1) / 6)


def test_seeds_that_agree_by_luck_do_not_make_a_difference_of_few_images_real():
    """One of 57 images per seed is chance, however much two seeds agree."""
    gap = np.zeros(57)
    gap[30:32] = 1
    row = difference_row([gap, gap], [np.arange(57), np.arange(57, 114)], Spread(1e-9, 4))
    error = math.sqrt(4 * (1 - 2 / 57) + 3) / 114
    assert row["p"] == pytest.approx(2 * stats.t.sf(2 / 57 / error, 113))
    assert row["low"] < 0 and row["method"].startswith("t over 114 images")


def test_the_chance_of_one_more_seed_is_rather_too_near_to_a_half():
    """Of truly 0.69: five seeds do not know the mean, nor the noise."""
    random, predicted = np.random.default_rng(3), []
    for _ in range(500):
        gaps = [np.full(30, gap) for gap in random.normal(0.01, 0.02, 5)]
        row = difference_row(gaps, [IDS + 30 * s for s in range(5)])
        predicted.append(row["b_higher"])
    assert stats.norm.cdf(0.5) - 0.05 < np.mean(predicted) < stats.norm.cdf(0.5)
    assert math.isnan(difference_row([np.ones(30)], [IDS])["b_higher"])


@pytest.mark.parametrize("n_seeds", [2, 3, 10])
def test_answers_that_no_seed_changes_are_one_draw_of_images_however_many_seeds(n_seeds):
    gap, units = np.random.default_rng(0).integers(-1, 2, 400).astype(float), np.arange(400)
    one = difference_row([gap], [units])
    many = difference_row([gap] * n_seeds, [units] * n_seeds)
    for end in ("low", "high", "images_low", "images_high"):
        assert many[end] == pytest.approx(one[end], abs=1e-12)
    assert many["seed_sd"] == 0 and np.isnan(many["b_higher"])
