"""Which runs vary more from seed to seed: how often it is told where it is so, and where not."""

import numpy as np
import pandas as pd
import pytest

from study.comparison.unequal_noise import unequal

SMALL, LARGE = ["v1", "v2", "v3"], ["v1+v2", "v1+v2+v3"]
N_TRAIN = {combo: 100 * (1 + combo.count("+")) for combo in (*SMALL, *LARGE)} | {"official": 300}


def made_up(random, seeds, sd, models=("m",), combos=(*SMALL, *LARGE)) -> pd.DataFrame:
    """Return runs whose noise is `sd` of combo and model; a seed moves all combos alike."""
    rows = []
    for seed in range(seeds):
        shared = random.normal(0, 0.03)
        for model in models:
            for combo in combos:
                accuracy = 0.7 + shared * (combo != "official") + random.normal(0, sd(combo, model))
                rows.append((combo, model, seed, N_TRAIN[combo], accuracy))
    return pd.DataFrame(rows, columns=["combo", "model", "seed", "n_train", "accuracy"])


def small_vary_more(combo, model):
    return 0.045 if combo in SMALL else 0.015


@pytest.mark.parametrize(
    ("sd", "seeds", "least", "most"),
    [
        (lambda combo, model: 0.015, 3, 0, 0.12),
        (small_vary_more, 3, 0.1, 0.35),
        (small_vary_more, 5, 0.4, 0.7),
        (lambda combo, model: 0.06 - small_vary_more(combo, model), 5, 0.55, 0.9),
    ],
    ids=["equal", "three times, 3 seeds", "three times, 5 seeds", "large ones, 5 seeds"],
)
def test_it_is_told_rarely_of_equal_noise_and_often_of_a_factor_of_three(sd, seeds, least, most):
    """With 5 combos of one model, of 300 studies each. Of equal noise it was told in 5 %.

    Where small combos vary three times as much, it was told in 21 % with 3 seeds and in 55 % with
    5. Where large ones do, it was told in 43 % and 73 %. With 10 seeds it was told in more than
    90 %. By single pairs, as before, 3 seeds took a factor of 10.9.
    """
    random = np.random.default_rng(1)
    told = np.mean([bool(unequal(made_up(random, seeds, sd))) for _ in range(100)])
    assert least <= told <= most


def test_it_names_the_combos_of_a_size_and_the_models_that_vary_most_and_least():
    random = np.random.default_rng(2)
    [(most, least)] = unequal(made_up(random, 10, small_vary_more))
    assert (most.combos, least.combos) == (SMALL, LARGE) and most.model == least.model == "m"
    assert (most.noise.freedom, least.noise.freedom) == (2 * 9, 9)
    runs = made_up(random, 10, lambda c, m: 0.06 if m == "n" else 0.01, models="mn")
    assert [(a.model, b.model, a.combos) for a, b in unequal(runs)] == [
        ("n", "m", SMALL),
        ("n", "m", LARGE),
    ]


def test_official_is_compared_among_models_alone():
    """Its runs all test the same images, so its noise is not that of other combos."""
    random, combos = np.random.default_rng(3), ["v1", "official"]
    runs = made_up(random, 10, lambda c, m: 0.1 if c == "official" else 0.001, "m", combos)
    assert not unequal(runs)
    runs = made_up(random, 10, lambda c, m: 0.1 if m == "n" else 0.01, "mn", ["official"])
    assert [(a.model, b.model) for a, b in unequal(runs)] == [("n", "m")]


def test_what_does_not_vary_or_was_lost_is_compared_with_nothing():
    """Predictions that were made elsewhere may be the same with all combos and seeds."""
    runs = made_up(np.random.default_rng(4), 10, lambda c, m: 0.1, models="mn")
    runs.loc[runs["model"] == "n", "accuracy"] = 0.7
    assert not unequal(runs)
    assert not unequal(runs.assign(accuracy=None))
    assert not unequal(runs[runs["seed"] == 0])
