"""What differences a study can find: in simulated studies."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from study.comparison.power import POWER, detectable, power_row, seeds_needed
from study.comparison.spread import Spread, summed


@pytest.mark.parametrize(("freedom", "n_pairs"), [(2, 1), (2, 25), (8, 25), (100, 1)])
def test_a_detectable_difference_is_found_in_four_of_five_studies(freedom, n_pairs):
    """By the test that is reported, at 5 % over the pairs, also with few degrees of freedom."""
    gap, low, high = detectable([Spread(1.0, freedom)], n_pairs)
    random = np.random.default_rng(10)
    noise = np.sqrt(random.chisquare(freedom, 20_000) / freedom)
    t = (random.normal(gap, 1, 20_000)) / noise
    found = t > stats.t.isf(0.025 / n_pairs, freedom)
    assert found.mean() == pytest.approx(0.8, abs=0.02)
    assert low < gap < high
    assert high / gap == pytest.approx(math.sqrt(freedom / stats.chi2.ppf(0.025, freedom)))


def test_the_range_holds_what_is_detectable_also_where_seeds_agree_by_luck():
    """In one study of eight the images' own error is the wider; it knew nothing of seeds."""
    random, held = np.random.default_rng(12), []
    rest = {"error": 0, "freedom": 0, "seed_sd": 0, "fixed_error": 0, "n_seeds": 5}
    truth, of_images, least = detectable([Spread(1.0, 4)], 9)[0], (Spread(0.6, 400),), []
    lowest = detectable(of_images, 9)[1]
    for chi in random.chisquare(4, 1000):
        row = power_row(pd.DataFrame([rest | {"parts": ((Spread(chi / 4, 4),), of_images)}]), 9)
        held.append(row["detectable_low"] <= truth <= row["detectable_high"])
        least.append(row["detectable"])
        assert row["detectable_low"] >= lowest  # also where seeds decide
    assert np.mean(held) == pytest.approx(0.95, abs=0.02)
    assert min(least) == detectable(of_images, 9)[0]


def test_the_range_of_seeds_and_images_together_holds_what_is_detectable():
    """As on the official test: with the degrees of freedom of the sum, 89 % of ranges held it."""
    random, images, held = np.random.default_rng(13), Spread(0.4, 400), []
    truth, *_ = detectable([images, Spread(0.6, 2)], 1)
    for chi in random.chisquare(2, 2000):
        _, low, high = detectable([images, Spread(0.6 * chi / 2, 2)], 1)
        held.append(low <= truth <= high)
    assert np.mean(held) == pytest.approx(0.95, abs=0.02)


def test_the_range_of_noise_that_two_kinds_of_combos_show_holds_what_is_detectable():
    """Of four combos of one size and one of another, three seeds; 69 % of ranges held it."""

    def stated(of_means: float, around: float) -> tuple[float, float, float]:
        return detectable([summed([Spread(1.25 * of_means, 2), Spread(0.75 * around, 6)])], 10)

    random, (truth, *_), held = np.random.default_rng(14), stated(1, 1), []
    for few, many in zip(random.chisquare(2, 1000) / 2, random.chisquare(6, 1000) / 6, strict=True):
        _, low, high = stated(few, many)
        held.append(low <= truth <= high)
    assert 0.88 <= np.mean(held) <= 0.98


def test_the_detectable_difference_is_that_of_statsmodels():
    effect = TTestPower().solve_power(nobs=10, alpha=0.05, power=POWER)
    assert detectable([Spread(1 / 10, 9)], 1)[0] == pytest.approx(effect, rel=1e-3)


def test_seeds_needed_give_the_precision_in_four_of_five_studies():
    sd, planned_from = 0.01, 6
    random = np.random.default_rng(11)
    narrow = []
    for _ in range(2000):
        estimate = sd * math.sqrt(random.chisquare(planned_from - 1) / (planned_from - 1))
        needed = int(seeds_needed(estimate, 0, planned_from - 1, planned_from, 0.005))
        then = sd * math.sqrt(random.chisquare(needed - 1) / (needed - 1) / needed)
        narrow.append(stats.t.ppf(0.975, needed - 1) * then <= 0.005)
    assert np.mean(narrow) == pytest.approx(0.8, abs=0.04)


def test_no_number_of_seeds_suffices_where_the_images_limit():
    assert seeds_needed(0.01, 0.004, 4, 5, 0.005) == math.inf
    assert 5 < seeds_needed(0.01, 0.002, 4, 5, 0.005) < math.inf
    assert math.isnan(seeds_needed(math.nan, 0, 0, 1, 0.005))


def test_more_seeds_than_anybody_trains_are_not_counted():
    # Without noise of images n seeds make half-widths near 1.96 sd / √n: 0.005 takes more.
    assert 5_000 < seeds_needed(0.2, 0, 1_000, 1_001, 0.005) < 10_000
    for sd in (0.27, 0.5, 5.0):
        assert seeds_needed(sd, 0, 1_000, 1_001, 0.005) == math.inf


def test_two_degrees_of_freedom_show_too_little_noise_to_plan_seeds_by():
    assert math.isnan(seeds_needed(0.01, 0.002, 2, 2, 0.005))
    assert seeds_needed(0.01, 0.004, 2, 2, 0.005) == math.inf  # the images limit, not the seeds


def test_a_family_is_told_by_the_pair_in_its_middle_and_its_hardest_one():
    pairs = pd.DataFrame(
        [(0.01, 4, 0.02, 0.0, 3), (0.02, 4, 0.03, 0.0, 3), (0.03, 4, 0.05, 0.0, 3)],
        columns=["error", "freedom", "seed_sd", "fixed_error", "n_seeds"],
    )
    pairs["parts"] = [([Spread(error**2, 4)], [Spread(1e-5, 400)]) for error in pairs["error"]]
    row = power_row(pairs, 25, 0.005)
    assert row["detectable"] == detectable([Spread(0.02**2, 4)], 25)[0] < row["detectable_most"]
    assert row["sd"] == pytest.approx(0.03 / math.sqrt(2)) and row["seeds_needed"] > 3
