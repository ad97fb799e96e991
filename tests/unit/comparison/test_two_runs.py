"""Two runs and two studies: which images, groups and keys differ."""

import math

import numpy as np
import pandas as pd
import pytest
from benchmarks.verdicts_of_tables import SIZES, diff_rates, runs_of_study
from scipy import stats

from study.comparison.two_runs import differing, groups_of_studies, paired_answers, seed_noise
from study.runs.predictions import Predictions, no_predictions


def test_groups_are_compared_over_the_seeds_that_both_studies_have():
    a = pd.DataFrame({"combo": "v1", "model": "m", "seed": [1, 2, 3], "x": [0.1, 0.2, 0.3]})
    b = pd.DataFrame({"combo": "v1", "model": "m", "seed": [1, 2, 4], "x": [0.61, 0.69, 9.0]})
    (row,) = groups_of_studies(a, b, "x").to_dict("records")
    assert row["n_seeds"] == 2 and row["difference"] == pytest.approx(0.5)
    # Two paired differences, 0.51 and 0.49: one degree of freedom, t = 12.706, standard error 0.01.
    assert row["high"] - row["difference"] == pytest.approx(0.12706, rel=1e-3)
    assert row["verdict"] == "b higher"
    single = groups_of_studies(a[:1], b[:1], "x")
    assert math.isnan(single["low"][0]) and single["verdict"][0] == "undecided"


@pytest.mark.parametrize("n_seeds", [2, 5])
def test_intervals_of_two_studies_hold_that_nothing_differs(n_seeds):
    rates = diff_rates(n_seeds, 100)
    assert rates["coverage"] >= 0.92 and rates["wrong"] <= 0.1


def test_with_few_seeds_the_noise_is_that_of_combos_of_one_size():
    """Pooled over all, 95 % intervals of small combos held the truth in 90 %."""
    a, b = (runs_of_study(np.random.default_rng(seed), 3) for seed in (0, 1))
    whole = groups_of_studies(a, b, "x").set_index("combo")
    for alike in (["v1", "v2", "v3"], ["v1+v2", "v1+v2+v3"], ["official"]):
        alone = groups_of_studies(*(one[one["combo"].isin(alike)] for one in (a, b)), "x")
        half = (alone["high"] - alone["difference"]).to_numpy()
        assert (whole["high"] - whole["difference"])[alike].to_numpy() == pytest.approx(half)
    # Of one combo it is the paired t-test's.
    pair = [one.loc[one["combo"] == "official", "x"].to_numpy() for one in (b, a)]
    ends = stats.ttest_rel(*pair).confidence_interval(0.95)
    assert tuple(whole.loc["official", ["low", "high"]]) == pytest.approx((ends.low, ends.high))
    # Without sizes, as in a table that somebody shortened, all combos of partitions are alike.
    bare = groups_of_studies(*(one.drop(columns="n_train") for one in (a, b)), "x")
    half = (bare["high"] - bare["difference"]).round(9)
    assert half[bare["combo"] != "official"].nunique() == 1 and half.nunique() == 2


def test_from_five_seeds_on_a_combo_is_judged_by_its_own_differences():
    a, b = (runs_of_study(np.random.default_rng(seed), 5) for seed in (0, 1))
    table = groups_of_studies(a, b, "x").set_index("combo")
    for combo in SIZES:
        pair = [one.loc[one["combo"] == combo, "x"].to_numpy() for one in (b, a)]
        ends = stats.ttest_rel(*pair).confidence_interval(0.95)
        assert tuple(table.loc[combo, ["low", "high"]]) == pytest.approx((ends.low, ends.high))


def test_runs_that_are_the_same_are_no_seeds_that_show_noise():
    """Differences of exactly 0 beside two of -0.2 would look like noise."""
    a, b = (runs_of_study(np.random.default_rng(seed), 5) for seed in (0, 1))
    for one in (a, b):
        one.loc[one["combo"] == "v1", "x"] = 0.7
    b.loc[(b["combo"] == "v1") & (b["seed"] > 2), "x"] = 0.5
    few = groups_of_studies(a, b, "x", {("v1", "m", seed) for seed in (0, 1, 2)})
    assert few.set_index("combo").loc["v1", "verdict"] == "a higher"
    a, b = (runs_of_study(np.random.default_rng(seed), 8) for seed in (0, 1))
    b.loc[b["seed"] > 4, "x"] = a.loc[a["seed"] > 4, "x"]
    same = {(combo, "m", seed) for combo in SIZES for seed in (5, 6, 7)}
    table = groups_of_studies(a, b, "x", same).set_index("combo")
    for combo, half in (table["high"] - table["difference"]).items():
        x, y = (one.loc[(one["combo"] == combo) & (one["seed"] < 5), "x"] for one in (a, b))
        sd = np.std(y.to_numpy() - x.to_numpy(), ddof=1)
        assert half == pytest.approx(stats.t.ppf(0.975, 4) * sd / math.sqrt(8))


def test_equal_differences_that_are_rounded_show_no_noise():
    a = pd.DataFrame({"combo": "v1", "model": "m", "seed": range(5), "x": 0.1})
    b = a.assign(x=a["x"] + [0.333333, 0.333334, 0.333333, 0.333334, 0.333333])
    (row,) = groups_of_studies(a, b, "x").to_dict("records")
    assert math.isnan(row["p_holm"]) and row["verdict"] == "undecided"


def test_where_no_combo_of_its_size_shows_noise_all_combos_of_the_model_do():
    """Two of its three runs are in both studies, so one seed differs, which has no spread."""
    a, b = (runs_of_study(np.random.default_rng(seed), 3) for seed in (0, 1))
    a, b = (one[one["combo"].isin(["v1", "v1+v2+v3"])] for one in (a, b))
    table = groups_of_studies(a, b, "x", {("v1+v2+v3", "m", seed) for seed in (0, 1)})
    assert table["low"].notna().all()


def test_a_run_that_is_in_both_studies_shows_its_noise_once():
    random, wrong = np.random.default_rng(3), 0
    for _ in range(400):
        rows = [(c, "m", s, random.normal(0.7, 0.02)) for c in ("v1", "v2") for s in (1, 2)]
        a = pd.DataFrame(rows, columns=["combo", "model", "seed", "x"])
        b = a.assign(x=np.where(a["combo"] == "v1", random.normal(0.7, 0.02, 4), a["x"]))
        same = {("v2", "m", 1), ("v2", "m", 2)}
        table = groups_of_studies(a, b, "x", same).set_index("combo")
        wrong += table.loc["v1", "verdict"] != "undecided"
    assert wrong / 400 <= 0.07


def test_seed_noise_is_that_of_two_values_and_unknown_for_one():
    # sd of 0 and 2 is sqrt(2), with one degree of freedom.
    assert seed_noise([[0, 2], [5]]) == pytest.approx(12.7062 * 2, rel=1e-4)
    assert math.isnan(seed_noise([[1], [2], [math.nan]]))


def test_images_are_compared_only_where_both_runs_may_judge():
    roles = np.array([[1, 3, 3, 0], [3, 1, 3, 0]], np.uint8)
    logits = np.zeros((4, 2), np.float32)
    logits[:, 0] = 1
    a, b = Predictions(logits, roles[0]), Predictions(-logits, roles[1])
    compared = paired_answers(a, b, np.array([0, 0, 0, 1]), None)
    assert list(compared.image_ids) == [2, 3]
    assert (
        list(compared.lost) == [True, False]
        and list(compared.won) == [False, True]
        and compared.p == 1
    )
    assert list(paired_answers(a, b, np.zeros(4, int), np.array([[0, 2]])).image_ids) == [3]
    assert (
        len(paired_answers(a, no_predictions(roles[1], 2), np.zeros(4, int), None).image_ids) == 0
    )


def test_images_of_one_group_are_no_independent_answers():
    """Forty images on which two runs differ say little where they are of two patients."""
    roles, labels = np.full(40, 3, np.uint8), np.arange(40) % 2
    right = np.eye(2, dtype=np.float32)[labels]
    a, b = Predictions(right, roles), Predictions(-right, roles)
    assert paired_answers(a, b, labels, None).p < 1e-9
    b = Predictions(np.where((np.arange(40) < 30)[:, None], -right, right), roles)
    assert paired_answers(a, b, labels, None).p < 1e-6
    assert paired_answers(a, b, labels, None, np.arange(40) // 20).p > 0.05


def test_differences_are_named_by_key():
    assert [
        tuple(one) for one in differing({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}, "d": 4})
    ] == [
        ("a.c", 2, 3),
        ("d", "–", 4),
    ]
