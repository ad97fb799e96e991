"""Two runs and two studies: which images, groups and keys differ."""

import math

import numpy as np
import pandas as pd
import pytest

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
