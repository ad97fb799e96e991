"""Intervals, tests and fits that compare runs: against other libraries, hand-made cases and simulated studies."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import cohen_kappa_score
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.multitest import multipletests

from study.comparison.bootstrap import bootstrap_means, percentile_interval
from study.comparison.error_consistency import error_consistency
from study.comparison.pairs import (
    bootstrap_p,
    detectable,
    holm,
    letters,
    pairs_of,
    resample,
    residual,
    seeds_needed,
    study_noise,
)
from study.comparison.pairs import compare as compare_pairs
from study.comparison.scaling import fit_scaling
from study.comparison.shapley import needed_combos, shapley_values
from study.comparison.variance import variance_components


def compare(names, values, *, draws, random, **options):
    n = len(names)
    resampled = resample(values, draws, random, pairs_of(n)).columns(slice(n, None))
    return compare_pairs(names, values, resampled, **options)


def simulated(random, gap, *, seeds=3, images=300, groups=4, seed_sd=0.02, accuracy=0.6):
    """Return right answers of a study: group g is truly better by g·gap, each run deviates, images differ in difficulty."""
    values = []
    for _ in range(seeds):
        ease = random.normal(0, 0.15, images)[:, None]
        shift = gap * np.arange(groups) + random.normal(0, seed_sd, groups)
        values.append(
            (random.random((images, groups)) < np.clip(accuracy + shift + ease, 0, 1)).astype(float)
        )
    return values


def test_two_groups_are_compared_by_the_paired_t_test():
    random = np.random.default_rng(0)
    values = simulated(random, 0.05, groups=2, seeds=5)
    row = compare(["a", "b"], values, draws=200, random=random).iloc[0]
    means = np.array([table.mean(axis=0) for table in values])
    expected = stats.ttest_rel(means[:, 1], means[:, 0])
    interval = expected.confidence_interval(0.95)
    assert row["p"] == pytest.approx(expected.pvalue)
    assert (row["low"], row["high"]) == pytest.approx((interval.low, interval.high))
    assert (row["seeds_low"], row["seeds_high"]) == pytest.approx((interval.low, interval.high))
    assert row["n_images"] == 1500 and row["n_seeds"] == 5


def test_the_noise_is_the_residual_of_a_two_way_analysis_of_variance():
    random = np.random.default_rng(1)
    table = random.normal(size=(4, 3))
    table[1, 2] = np.nan
    long = pd.DataFrame(
        [(g, s, table[g, s]) for g in range(4) for s in range(3)], columns=["g", "s", "y"]
    ).dropna()
    expected = anova_lm(ols("y ~ C(g) + C(s)", long).fit()).loc["Residual"]
    noise = residual(table)
    assert noise.freedom == expected["df"] and noise.sd**2 == pytest.approx(expected["mean_sq"])
    assert residual(table[:, :1]).freedom == 0 and math.isnan(residual(table[:, :1]).sd)


def test_p_values_are_adjusted_by_holm_and_verdicts_name_the_better_group():
    random = np.random.default_rng(2)
    names = ["w", "x", "y", "z"]
    table = compare(names, simulated(random, 0.12, seeds=6, images=2000), draws=100, random=random)
    assert list(table["p_holm"]) == pytest.approx(list(multipletests(table["p"], method="holm")[1]))
    assert set(table["verdict"]) == {"x", "y", "z"} and (table["verdict"] == table["b"]).all()
    p = random.random(20) ** 3
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])
    losses = [1 - of_seed for of_seed in simulated(random, 0.12, seeds=6, images=2000)]
    losing = compare(names, losses, draws=100, random=random, smaller_is_better=True)
    assert (losing["verdict"] == losing["b"]).all() and (losing["difference"] < 0).all()


def test_with_one_seed_the_interval_is_that_over_images_and_says_so():
    random = np.random.default_rng(3)
    row = compare(
        ["a", "b"], simulated(random, 0.2, seeds=1, groups=2), draws=500, random=random
    ).iloc[0]
    assert "one seed" in row["method"] and (row["low"], row["high"]) == (
        row["images_low"],
        row["images_high"],
    )
    assert np.isnan(row["seeds_low"]) and 0 < row["p"] <= 1
    assert (
        bootstrap_p(np.array([1.0, 2.0, 3.0])) == pytest.approx(0.5)
        and bootstrap_p(np.array([-1.0, 1.0])) == 1
    )


def test_seeds_that_agree_by_luck_do_not_make_a_difference_of_few_images_real():
    """Group b is right on two images more in each of two seeds: without any spread, but two of 57 images are chance."""
    values = [np.zeros((57, 3)) for _ in range(2)]
    for of_seed in values:
        of_seed[:30] = 1
        of_seed[30:32, 1] = 1
        of_seed[32:52, 2] = 1
    table = compare(list("abc"), values, draws=2000, random=np.random.default_rng(2)).set_index(
        ["a", "b"]
    )
    assert list(table["verdict"]) == ["undecided", "c", "c"]
    few = table.loc[("a", "b")]
    assert few["low"] < 0 < few["high"] and few["method"].startswith(
        "t over 4 images on which they differ"
    )
    error = math.sqrt(
        2 / 57 * (1 - 2 / 57) / 114
    )  # two independent samples of 57 differences, each 1 or 0
    assert few["p"] == pytest.approx(2 * stats.t.sf(2 / 57 / error, 3))
    assert (
        study_noise(values).sd
        > residual(np.array([of_seed.mean(axis=0) for of_seed in values]).T).sd
    )


def test_a_missing_run_is_left_out_with_its_seed():
    random = np.random.default_rng(4)
    values = simulated(random, 0.1, groups=3)
    values[0][:, 1] = np.nan
    table = compare(["a", "b", "c"], values, draws=100, random=random).set_index(["a", "b"])
    assert table.loc[("a", "b"), "n_seeds"] == 2 and table.loc[("a", "c"), "n_seeds"] == 3
    shared = np.mean([v[:, 1].mean() - v[:, 0].mean() for v in values[1:]])
    assert table.loc[("a", "b"), "difference"] == pytest.approx(shared)
    assert np.isfinite(table.loc[("a", "b"), ["two_level_low", "images_high"]].astype(float)).all()


@pytest.mark.parametrize("seed_sd", [0.0, 0.03])
def test_the_main_interval_covers_the_true_difference_at_its_nominal_rate(seed_sd):
    """95 ± 3 %, in simulated studies of three seeds with and without true variance between seeds."""
    random = np.random.default_rng(5)
    hits = []
    for _ in range(200):
        table = compare(
            list("abcd"), simulated(random, 0.03, seed_sd=seed_sd), draws=2, random=random
        )
        steps = table["b"].map("abcd".index) - table["a"].map("abcd".index)
        truth = 0.03 * steps
        hits += list((table["low"] <= truth) & (truth <= table["high"]))
    assert 0.92 <= np.mean(hits) <= 0.98, np.mean(hits)


def test_the_interval_over_images_covers_what_other_images_give_the_same_models():
    random = np.random.default_rng(6)
    hits = []
    for _ in range(200):
        values = simulated(random, 0.05, seeds=2, images=150, groups=2, seed_sd=0)
        row = compare(["a", "b"], values, draws=300, random=random).iloc[0]
        hits.append(row["images_low"] <= 0.05 <= row["images_high"])
    assert 0.92 <= np.mean(hits) <= 0.98, np.mean(hits)


def test_the_two_level_interval_covers_with_many_seeds_but_not_with_three():
    """What its description says: with few seeds of large variance it is too narrow."""
    random = np.random.default_rng(7)
    rates = {}
    for seeds in (3, 15):
        hits = []
        for _ in range(120):
            values = simulated(
                random, 0.05, seeds=seeds, images=100, groups=2, seed_sd=0.1, accuracy=0.5
            )
            row = compare(["a", "b"], values, draws=200, random=random).iloc[0]
            hits.append(row["two_level_low"] <= 0.05 <= row["two_level_high"])
        rates[seeds] = np.mean(hits)
    assert rates[3] < 0.92 <= rates[15], rates


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


def test_letters_are_shared_by_those_that_were_not_found_different_and_only_those():
    random = np.random.default_rng(9)
    names = list("abcdef")
    for _ in range(60):
        pairs = pd.DataFrame(
            [(a, b, random.choice(["undecided", a])) for a, b in itertools.combinations(names, 2)],
            columns=["a", "b", "verdict"],
        )
        shown = letters(names, pairs)
        for row in pairs.itertuples():
            assert bool(set(shown[row.a]) & set(shown[row.b])) == (row.verdict == "undecided"), (
                shown,
                pairs,
            )
        assert shown["a"].startswith("a")


def test_a_detectable_difference_is_found_in_four_of_five_studies():
    random = np.random.default_rng(10)
    sd, seeds, groups = 0.01, 4, 4
    noise = residual(random.normal(0, sd, (groups, seeds)))._replace(sd=sd)
    gap = detectable(noise, seeds)
    found = 0
    for _ in range(600):
        table = random.normal(0, sd, (groups, seeds))
        table[1] += gap
        own = residual(table)
        t = (table[1].mean() - table[0].mean()) / (own.sd * math.sqrt(2 / seeds))
        found += abs(t) > stats.t.ppf(0.975, own.freedom)
    assert 0.75 <= found / 600 <= 0.85, found


def test_seeds_needed_are_the_fewest_that_give_the_precision():
    noise = residual(np.random.default_rng(11).normal(0, 0.01, (5, 3)))
    needed = seeds_needed(noise, 5, 0.005)
    half = [
        stats.t.ppf(0.975, 4 * (n - 1)) * noise.sd * math.sqrt(2 / n) for n in (needed - 1, needed)
    ]
    assert half[1] <= 0.005 < half[0]
    assert seeds_needed(residual(np.ones((3, 1))), 3, 0.005) is None


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


def test_shapley_values_are_mean_contributions_over_all_orders():
    random = np.random.default_rng(16)
    partitions = ["v1", "v2", "v3"]
    worth = {combo: random.random(2) for combo in needed_combos(partitions)}
    assert len(worth) == 7
    values = shapley_values(partitions, worth, 0.1)
    for partition in partitions:
        gains = []
        for order in itertools.permutations(partitions):
            before = frozenset(order[: order.index(partition)])
            gains.append(worth[before | {partition}] - (worth[before] if before else 0.1))
        assert values[partition] == pytest.approx(np.mean(gains, axis=0))
    assert sum(values.values()) == pytest.approx(worth[frozenset(partitions)] - 0.1)


def test_error_consistency_is_cohens_kappa_of_being_right():
    random = np.random.default_rng(17)
    a, b = random.random(500) < 0.7, random.random(500) < 0.6
    b[:200] = a[:200]
    assert error_consistency(a, b) == pytest.approx(cohen_kappa_score(a, b))
    assert math.isnan(error_consistency(np.ones(4, bool), np.ones(4, bool)))
    assert math.isnan(error_consistency(a[:0], b[:0]))
