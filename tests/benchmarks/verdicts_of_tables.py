"""Simulate the runs behind variance.csv, scaling.csv, reproduction.csv and `study diff`.

Accuracies are drawn, not answers. The columns of what is returned are those of
`tests/benchmarks/verdicts.py`, which prints them; what each is the share of is said here.
"""

import math

import numpy as np
import pandas as pd

from study.comparison.reproduction import difference, verdict
from study.comparison.scaling import fit_scaling
from study.comparison.two_runs import groups_of_studies
from study.comparison.variance import variance_components

PARTITION_SD, RUN_SD = 0.02, 0.01
N_TRAIN = np.array([14_000, 14_000, 14_000, 28_000, 42_000])
EXPONENT = 0.25
TOLERANCE = 0.01

SIZES = {"v1": 90, "v2": 90, "v3": 91, "v1+v2": 180, "v1+v2+v3": 271, "official": 300}
SD = {"v1": 0.045, "v2": 0.045, "v3": 0.045, "v1+v2": 0.015, "v1+v2+v3": 0.015, "official": 0.1}


def variance_rates(
    partitions: int, seeds: int, shared: float, studies: int, seed: int = 0
) -> dict[str, float]:
    """Return how often intervals of standard deviations hold them, and partitions differ.

    `coverage` is that of the seeds' interval, `worst` the lesser of it and the partitions'. The
    test of partitions at 5 % finds some where there are none (`wrong`) and where there are
    (`power`).

    Args:
        partitions: how many.
        seeds: of each.
        shared: sd of what a seed does to the runs on all partitions.
        studies: how many.
        seed: of the simulation.
    """
    random = np.random.default_rng(seed)
    seed_sd, held, found = math.hypot(shared, RUN_SD), [], []
    for _ in range(studies):
        runs = 0.7 + random.normal(0, shared, (1, seeds))
        runs = runs + random.normal(0, RUN_SD, (partitions, seeds))
        apart = random.normal(0, PARTITION_SD, (partitions, 1))
        none, *_ = variance_components(runs, 3000, [])
        some, of_seeds, *_ = variance_components(runs + apart, 3000, [])
        truth = ((of_seeds, seed_sd), (some, PARTITION_SD))
        held.append([row["low"] <= sd <= row["high"] for row, sd in truth])
        found.append([row["p"] <= 0.05 for row in (none, some)])
    coverage, (wrong, power) = np.mean(held, axis=0), np.mean(found, axis=0)
    return {"coverage": coverage[0], "worst": coverage.min(), "wrong": wrong, "power": power}


def scaling_rates(seeds: int, small: float, studies: int, seed: int = 0) -> dict[str, float]:
    """Return how often the interval of the exponent holds it, though seeds shift all combos.

    Args:
        seeds: of each combo.
        small: sd of the logarithm of a run's error on the smallest combos; 0.02 on the others.
        studies: how many.
        seed: of the simulation.
    """
    random, held = np.random.default_rng(seed), []
    sd = np.where(N_TRAIN.min() == N_TRAIN, small, 0.02)[:, None]
    for _ in range(studies):
        log_error = np.log(3) - EXPONENT * np.log(N_TRAIN[:, None])
        log_error = log_error + random.normal(0, 0.05, (1, seeds))
        log_error = log_error + random.normal(0, sd, (len(N_TRAIN), seeds))
        fit = fit_scaling(N_TRAIN, 1 - np.exp(log_error))
        held.append(fit.low <= EXPONENT <= fit.high)
    return {"coverage": np.mean(held), "worst": np.mean(held), "wrong": math.nan, "power": math.nan}


def reproduction_rates(
    ours: tuple[int, float],
    published: tuple[int, float],
    apart: float,
    studies: int,
    seed: int = 0,
) -> dict[str, float]:
    """Return how often a published figure is called `equivalent` and `different`.

    Where there is no difference, `wrong` is the share "different" and `power` that "equivalent";
    where it is the tolerance, the reverse. `coverage` is that of the difference's interval.

    Args:
        ours: number of our runs, and their sd.
        published: the same of the published ones.
        apart: by what ours are better.
        studies: how many.
        seed: of the simulation.
    """
    random, held, said = np.random.default_rng(seed), [], []
    claim = {"measure": "test_accuracy", "n_test": 10_000, "tolerance": TOLERANCE}
    for _ in range(studies):
        theirs = random.normal(0.7, published[1], published[0])
        runs = random.normal(0.7 + apart, ours[1], ours[0])
        gap = difference(runs, theirs, claim["n_test"])
        held.append(gap.low <= apart <= gap.high)
        said.append(verdict(claim | {"values": theirs}, runs))
    found = [said.count(one) / studies for one in ("different", "equivalent")]
    wrong, power = reversed(found) if apart else found
    return {"coverage": np.mean(held), "worst": np.mean(held), "wrong": wrong, "power": power}


def runs_of_study(random: np.random.Generator, n_seeds: int) -> pd.DataFrame:
    """Return the runs of a study whose small combos vary three times as much as its large ones."""
    rows = [
        (combo, "m", seed, SIZES[combo], random.normal(0.7, SD[combo]))
        for combo in SIZES
        for seed in range(n_seeds)
    ]
    return pd.DataFrame(rows, columns=["combo", "model", "seed", "n_train", "x"])


def diff_rates(seeds: int, studies: int, seed: int = 0) -> dict[str, float]:
    """Return how often `study diff` holds that two studies do not differ, and denies it.

    Args:
        seeds: of each study.
        studies: pairs of them.
        seed: of the simulation.
    """
    random, held, wrong = np.random.default_rng(seed), [], []
    for _ in range(studies):
        a, b = runs_of_study(random, seeds), runs_of_study(random, seeds)
        groups = groups_of_studies(a, b, "x")
        held.append((groups["low"] <= 0) & (groups["high"] >= 0))
        wrong.append((groups["verdict"] != "undecided").any())
    coverage = np.mean(held, axis=0)
    return {
        "coverage": coverage.mean(),
        "worst": coverage.min(),
        "wrong": np.mean(wrong),
        "power": math.nan,
    }
