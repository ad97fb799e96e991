"""Error consistency against scikit-learn, and the images that it is on."""

import math

import numpy as np
import pytest
from made_up_study import LABELS, PARTITIONS, MadeUpStudy, N
from sklearn.metrics import cohen_kappa_score

from study.comparison.answers import read_study
from study.comparison.error_consistency import agreement_table, error_consistency
from study.runs.predictions import load_predictions

COMBOS, SEEDS = ["v1", "v1+v2", "official"], [1, 2]


def test_error_consistency_is_cohens_kappa_of_being_right():
    random = np.random.default_rng(17)
    a, b = random.random(500) < 0.7, random.random(500) < 0.6
    b[:200] = a[:200]
    assert error_consistency(a, b) == pytest.approx(cohen_kappa_score(a, b))
    assert math.isnan(error_consistency(np.ones(4, bool), np.ones(4, bool)))
    assert math.isnan(error_consistency(a[:0], b[:0]))


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return MadeUpStudy(tmp_path_factory.mktemp("study"), COMBOS, ["a", "b"], SEEDS)


def kappas(study, duplicates=None):
    compared, _ = read_study(
        study.folder / "runs.csv", LABELS, list(PARTITIONS), duplicates=duplicates
    )
    return agreement_table(compared).set_index(["between", "combo", "a", "b"])


def right(study, combo, model, seed):
    run = load_predictions(study.folder / f"runs/{combo}/{model}/seed{seed}/predictions.npz")
    return run.logits.argmax(axis=1) == LABELS


def test_all_combos_of_partitions_are_compared_on_what_no_run_of_the_seeds_has_seen(study):
    unseen = np.ones((len(SEEDS), N), bool)
    for mask, seed in zip(unseen, SEEDS, strict=True):
        for part in ("v1", "v2"):
            split = study.splits[part, seed]
            mask[np.concatenate([split["train"], split["val"]])] = False
    table, both = kappas(study), unseen.all(axis=0)
    for combo in ("v1", "v1+v2"):
        of_seeds = table.loc[("seeds", combo, "a", "a")]
        said = [right(study, combo, "a", seed)[both] for seed in SEEDS]
        assert of_seeds["kappa"] == pytest.approx(cohen_kappa_score(*said))
        assert of_seeds["n_images"] == both.sum()
        of_models = table.loc[("models", combo, "a", "b")]
        expected = [
            cohen_kappa_score(*(right(study, combo, model, seed)[mask] for model in "ab"))
            for mask, seed in zip(unseen, SEEDS, strict=True)
        ]
        assert of_models["kappa"] == pytest.approx(np.mean(expected))
        assert of_models["n_images"] == int(unseen.sum(axis=1).mean())


def test_an_image_nearly_the_same_as_a_training_image_says_nothing(study):
    of_seeds = ("seeds", "official", "a", "a")
    assert kappas(study).loc[of_seeds, "n_images"] == 40
    row = kappas(study, np.array([(3, 200), (5, 210), (220, 221)])).loc[of_seeds]
    clean = np.setdiff1d(np.arange(200, N), [200, 210])
    said = [right(study, "official", "a", seed)[clean] for seed in SEEDS]
    assert row["n_images"] == 38 and row["kappa"] == pytest.approx(cohen_kappa_score(*said))
