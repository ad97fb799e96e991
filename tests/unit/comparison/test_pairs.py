"""Pairs of groups: verdicts over a study, missing runs, letters; and thousands of made-up studies.

The rates at which intervals hold the truth and verdicts err are those of
`tests/benchmarks/verdicts.py`, with fewer studies than its table has.
"""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from benchmarks.verdicts import LAPTOP, OFFICIAL, UNEQUAL, Design, judged, rates
from scipy.special import log_softmax
from statsmodels.stats.multitest import multipletests

from study.comparison.answers import image_steps, image_values
from study.comparison.difference import OF_BOTH, OF_IMAGES, OF_SEEDS, difference_row
from study.comparison.intervals import holm
from study.comparison.pairs import compare, intervals_are_for, letters, with_verdicts

STUDIES = 100


def test_p_values_are_adjusted_by_holm_over_the_study_and_verdicts_name_the_better_group():
    random = np.random.default_rng(2)
    p = random.random(20) ** 3
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])
    pairs = judged(Design(LAPTOP, models=2, gap=0.1), random)
    assert set(pairs["compared"]) == {"combos", "models"}
    assert list(pairs["p_holm"]) == pytest.approx(list(multipletests(pairs["p"], method="holm")[1]))
    real = pairs[pairs["verdict"] != "undecided"]
    assert len(real) > 3 and (real["p_holm"] <= 0.05).all()
    assert (real["verdict"] == real["b"]).all() and (real["difference"] > 0).all()
    columns = ["a", "b", "difference", "p"]
    losing = with_verdicts(real[columns].reset_index(), smaller_is_better=True)
    assert (losing["verdict"] == losing["a"]).all()


def test_a_missing_run_is_left_out_with_its_seed():
    random = np.random.default_rng(4)
    values = [random.random((300, 3)) for _ in range(3)]
    values[0][:, 1] = np.nan
    units = [np.arange(300) + 300 * s for s in range(3)]
    table = compare(["a", "b", "c"], values, units).set_index(["a", "b"])
    assert table.loc[("a", "b"), "n_seeds"] == 2 and table.loc[("a", "c"), "n_seeds"] == 3
    shared = np.mean([v[:, 1].mean() - v[:, 0].mean() for v in values[1:]])
    assert table.loc[("a", "b"), "difference"] == pytest.approx(shared)


def test_a_run_that_is_lost_from_rounds_of_folds_leaves_the_interval_about_other_images():
    """Of images that differ, and nothing else: without its round it was half as wide."""
    random = np.random.default_rng(7)
    of_image, units = random.normal(0.2, 1, 600), []
    for _ in range(5):
        order = random.permutation(600)
        units += [order[:300], order[300:]]
    values = [np.stack([0 * of_image[ids], of_image[ids]], axis=1) for ids in units]
    whole = compare(["a", "b"], values, units).iloc[0]
    values[0][:, 1] = np.nan
    lost = compare(["a", "b"], values, units).iloc[0]
    assert lost["high"] - lost["low"] == pytest.approx(whole["high"] - whole["low"], rel=0.05)
    assert (lost["low"], lost["high"]) == (lost["new_images_low"], lost["new_images_high"])
    assert lost["fixed_error"] == pytest.approx(whole["fixed_error"], rel=0.05)


@pytest.mark.parametrize(
    ("first_images", "what"),
    [
        ([0], OF_IMAGES),
        ([0, 20], OF_SEEDS),  # splits of the same images again: some are tested twice
        ([0, 0], OF_BOTH),  # official
        ([0, 50], OF_BOTH),  # folds
        ([0, 50, 0, 50], OF_BOTH),
        ([0, 50, 0], OF_SEEDS),  # a round and a half
    ],
)
def test_what_an_interval_is_for_follows_from_how_often_images_are_tested(first_images, what):
    random = np.random.default_rng(3)
    units = [np.arange(first, first + 50) for first in first_images]
    values = [random.integers(0, 2, (50, 2)).astype(float) for _ in units]
    [pair] = compare(["a", "b"], values, units).to_dict("records")
    assert pair["holds_for"] == what


def test_intervals_that_are_equal_by_luck_are_no_intervals_for_other_images():
    """Images that two seeds test are right with one and wrong with the other."""
    units = [np.arange(50), np.arange(20, 70)]
    luck = np.resize([1.0, -1.0], 30)
    gaps = [np.concatenate([np.zeros(20), luck]), np.concatenate([-luck, np.ones(20)])]
    values = [np.stack([0 * gap, gap], axis=1) for gap in gaps]
    [pair] = compare(["a", "b"], values, units).to_dict("records")
    assert pair["low"] == pytest.approx(pair["new_images_low"])
    assert pair["holds_for"] == OF_SEEDS


def test_what_intervals_are_for_is_said_once_with_the_names_of_others():
    assert intervals_are_for([("v1/m", OF_SEEDS)] * 2) == f"Intervals are for {OF_SEEDS}."
    named = [("official/m", OF_BOTH), *((f"v{i}/m", OF_SEEDS) for i in (1, 2))]
    said = f"Intervals are for {OF_SEEDS}; those of official/m for {OF_BOTH}."
    assert intervals_are_for(named) == said


@pytest.mark.parametrize(
    "design",
    [
        Design(OFFICIAL, models=5, seeds=10),
        Design(OFFICIAL, models=3, seeds=2, noise=(0.05,)),
        Design(OFFICIAL, models=3, seeds=3, noise=(0.05,), lost=((0, 0, 0), (0, 1, 1))),
        Design(LAPTOP, models=2),
        Design(LAPTOP, noise=UNEQUAL[LAPTOP]),
        Design((1, 1, 1), models=3, unstable=3),
        Design((1, 1), models=2, lost=((0, 0, 0), (1, 0, 1)), noise=(0.06,)),
        Design((1, 1), seeds=20, pool=1000, noise=(0.01,)),
        Design((1, 1), seeds=5, pool=600, folds=5),
        Design((1, 1), seeds=10, pool=600, folds=2, noise=(0.0,)),
        Design((1, 1), seeds=10, pool=600, folds=2, noise=(0.0,), lost=((0, 0, 0),)),
        Design(OFFICIAL, 2, 1, 60, noise=(0,), gap=0.1, accuracy=1.1),
        Design(OFFICIAL, 2, 3, 150, noise=(0.01,), gap=0.1, accuracy=1.2),
        Design((1,), 2, 2, 60, noise=(0.01,), gap=0.2, accuracy=1.1),
    ],
    ids=str,
)
def test_intervals_hold_the_truth_and_verdicts_err_as_often_as_they_say(design):
    """Where nothing differs: 95 % of the intervals, at most 5 % of the studies with a wrong "real".

    The bounds leave out what chance does in 100 studies.
    """
    found = rates(design, STUDIES)
    assert found["coverage"] >= 0.92 and found["worst"] >= 0.88, found
    # On the images of a pool models do differ, so that no "real" is wrong there: it is NaN.
    assert not found["wrong"] > 0.11, found


@pytest.mark.parametrize("n", [60, 150, 1000])
def test_of_nearly_perfect_models_all_measures_hold_the_truth(n):
    """Classes of 60, 30 and 10 %; the models are right on about 98.6 and 99.8 % of the images."""
    random, held = np.random.default_rng(n), []

    def answers(counts):
        labels = np.repeat(np.arange(3), counts)
        shared = random.normal(0, 0.6, (len(labels), 3))
        for better in (3.5, 4.5):
            scores = shared + random.normal(0, 0.8, shared.shape)
            scores[np.arange(len(labels)), labels] += better
            log_p = log_softmax(better * scores, axis=1)
            yield image_values(log_p, labels, log_p.argmax(axis=1) == labels, uneven=True)

    def means(counts):
        return [{name: v.mean() for name, v in one.items()} for one in answers(counts)]

    parts = np.array([6, 3, 1])
    truth = means(20_000 * parts)
    steps = image_steps(np.repeat(np.arange(3), n // 10 * parts))
    for _ in range(STUDIES):
        a, b = answers(n // 10 * parts)
        rows = {
            name: difference_row(
                [np.subtract(b[name], a[name], dtype=float)], [np.arange(n)], step=steps[name]
            )
            for name in a
        }
        held.append(
            {m: r["low"] <= truth[1][m] - truth[0][m] <= r["high"] for m, r in rows.items()}
        )
    assert (pd.DataFrame(held).mean() >= 0.9).all(), pd.DataFrame(held).mean()


def test_the_interval_for_new_images_holds_what_images_outside_the_study_give():
    design = Design((1, 1), seeds=40, n_test=50, pool=100, noise=(0.003,))
    assert rates(design, STUDIES, "new_images_")["coverage"] >= 0.90
    assert rates(design, STUDIES, "seeds_")["coverage"] < 0.92  # which knows these images alone


@pytest.mark.parametrize(
    ("design", "least"),
    [
        (Design(LAPTOP, gap=0.1), 0.6),
        (Design(LAPTOP, noise=UNEQUAL[LAPTOP], gap=0.1), 0.4),
        (Design((1, 2, 3) * 4, seeds=1, noise=(0,), gap=0.2), 0.95),
    ],
    ids=str,
)
def test_what_differs_much_is_found(design, least):
    assert rates(design, 10)["power"] >= least


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


def test_no_pairs_are_no_rows():
    assert compare(["a", "b"], [np.full((3, 2), math.nan)], [np.arange(3)]).empty
