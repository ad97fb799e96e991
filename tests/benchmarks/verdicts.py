#!/usr/bin/env python
"""Simulate studies whose truth is known: do intervals hold it, and how often is "real" wrong?

    PYTHONPATH=scripts:tests python tests/benchmarks/verdicts.py --studies 1000 --output out.csv

Each row of the table is a design. `coverage` is the share of the pairs' intervals that hold the
true difference (the worst pair's is `worst`). `wrong` is the share of studies with at least one
"real" where the pair does not differ. `power` is the share of true differences that were found.
Row 3 is about the difference that power.csv states: `power` is the share found of exactly this
one, `coverage` that of the stated ranges that hold it. Rows 7, 8 and 10 are of other tables; their
columns are explained in verdicts_of_tables.py.
"""

import argparse
import functools
import itertools
import math
import operator
import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pandas as pd
from benchmarks.verdicts_of_tables import (
    TOLERANCE,
    diff_rates,
    reproduction_rates,
    scaling_rates,
    variance_rates,
)
from scipy.special import ndtri

from study.comparison.answers import Answers, Study
from study.comparison.power import power_row
from study.comparison.tables import pairs_by

EASE, TASTE = 0.15, 0.2
_SPREAD = math.hypot(EASE, TASTE) * ndtri((np.arange(2000) + 0.5) / 2000)


class Design(NamedTuple):
    """What the studies are like.

    Attributes:
        sizes: partitions in each combo; ("official",) for the publisher's split.
        models: how many.
        seeds: how many.
        n_test: test images of a seed.
        pool: of how many images they are drawn; 0: new ones with each seed.
        folds: of the pool; each seed tests on one; 0: each draws its own.
        noise: standard deviation of a run by its combo, or one for all.
        unstable: by what the noise of the last model is multiplied.
        gap: by what a combo of one partition more, or the next model, is better.
        lost: positions (combo, model, seed) of runs that diverged.
        accuracy: of a run before it is cut off at 1: 1.1, 1.2, 1.35 and 1.5 make 94, 97, 99.2 and
            99.8 %.
    """

    sizes: tuple = (1, 1, 1, 2, 3)
    models: int = 1
    seeds: int = 3
    n_test: int = 400
    pool: int = 0
    folds: int = 0
    noise: tuple[float, ...] = (0.02,)
    unstable: float = 1
    gap: float = 0
    lost: tuple = ()
    accuracy: float = 0.5

    @property
    def groups(self) -> list[tuple[str, str]]:
        """Return combo and model of each group."""
        official = self.sizes == ("official",)
        combos = ["official"] if official else [f"c{i}" for i in range(len(self.sizes))]
        return list(itertools.product(combos, [f"m{j}" for j in range(self.models)]))


def simulate(design: Design, random: np.random.Generator) -> tuple[Study, dict, dict]:
    """Return a study, and by group its accuracy on all images there are and on those of the pool.

    Images differ in how easy they are for all, and for each group; runs in how good they are.
    """
    groups, n = design.groups, design.n_test
    official = groups[0][0] == "official"
    sizes = [1 if official else size for size in design.sizes]
    better = np.array(
        [design.gap * (size + model) for size in sizes for model in range(design.models)]
    )
    noise = np.repeat(np.resize(design.noise, len(sizes)), design.models)
    noise[design.models - 1 :: design.models] *= design.unstable
    n_images = n if official else (design.pool or n * design.seeds)
    ease = random.normal(0, EASE, (n_images, 1)) + random.normal(0, TASTE, (n_images, len(groups)))
    chance = design.accuracy + better + ease
    right_chance = np.clip(chance, 0, 1)
    runs, answered = [], []
    for seed in range(design.seeds):
        if official:
            test = np.arange(n)
        elif design.folds:
            if seed % design.folds == 0:
                order = random.permutation(design.pool)
            test = np.sort(order[seed % design.folds :: design.folds])
        elif design.pool:
            test = np.sort(random.choice(design.pool, n, replace=False))
        else:
            test = np.arange(seed * n, (seed + 1) * n)
        shifted = chance[test] + random.normal(0, noise)
        right = random.random(shifted.shape) < shifted
        for g, (combo, model) in enumerate(groups):
            known = {"record": {"n_train": 1000 * sizes[g // design.models]}}
            known |= {"combo": combo, "model": model, "seed": seed, "learns_from_combo": True}
            run = SimpleNamespace(**known)
            runs.append(run)
            if (g // design.models, g % design.models, seed) not in design.lost:
                empty = np.zeros((2, 0), np.uint8)
                answered.append(Answers(run, test, {"accuracy": right[:, g]}, 0, empty, {}))
    runs.sort(key=lambda run: groups.index((run.combo, run.model)))
    partitions = [f"c{i}" for i, size in enumerate(design.sizes) if size == 1]
    of_all = np.clip(design.accuracy + better + _SPREAD[:, None], 0, 1).mean(axis=0)
    everywhere = dict(zip(groups, of_all, strict=True))
    here = dict(zip(groups, right_chance.mean(axis=0), strict=True))
    return Study(runs, answered, partitions), everywhere, here


def judged(design: Design, random: np.random.Generator, intervals: str = "") -> pd.DataFrame:
    """Return the pairs of a simulated study: what is `true`, whether it was `held`, what is `real`.

    Where seeds draw from a pool again and again, verdicts are about the images of that pool.

    Args:
        design: of the study.
        random: its source.
        intervals: begins the columns of the interval to look at, such as "new_images_"; "real" is
            then what that interval excludes 0 for.
    """
    study, everywhere, here = simulate(design, random)
    pairs = pairs_by(study, study.families(), "accuracy")
    of_pool = bool(design.pool) and not design.folds and not intervals
    keys = [
        [(row.a, row.within), (row.b, row.within)]
        if row.compared == "combos"
        else [(row.within, row.a), (row.within, row.b)]
        for row in pairs.itertuples()
    ]
    means = here if of_pool else everywhere
    pairs["true"] = [means[b] - means[a] for a, b in keys]
    low, high = pairs[f"{intervals}low"], pairs[f"{intervals}high"]
    pairs["held"] = pairs["true"].between(low, high)
    pairs["real"] = (low > 0) | (high < 0) if intervals else pairs["verdict"] != "undecided"
    return pairs


def rates(design: Design, studies: int, intervals: str = "", seed: int = 0) -> dict[str, float]:
    """Return coverage, its worst, wrong and power of a design; see the head of this file."""
    random = np.random.default_rng(seed)
    return _shares([judged(design, random, intervals) for _ in range(studies)])


def _shares(tables: Sequence[pd.DataFrame]) -> dict[str, float]:
    """Return the shares of `rates` of what `judged` returned for studies of one design."""
    held = np.array([table["held"] for table in tables])
    real = np.array([table["real"] for table in tables])
    differ = tables[0]["true"].abs().to_numpy() > 1e-9
    return {
        "coverage": held.mean(),
        "worst": held.mean(axis=0).min(),
        "wrong": real[:, ~differ].any(axis=1).mean() if (~differ).any() else np.nan,
        "power": real[:, differ].mean() if differ.any() else np.nan,
    }


def rates_of_stated(design: Design, studies: int, seed: int = 0) -> dict[str, float]:
    """Return how often the difference that power.csv states is found, and its range holds it.

    The table states an estimate, here of the first pair that differs. The difference looked at is
    the root of its mean square over the studies: a variance is right on average.

    Args:
        design: whose pairs that differ do so equally. Its gap is where to begin.
        studies: how many. A first half of them finds the gap.
        seed: of the simulation.
    """
    random = np.random.default_rng(seed)
    for n in (studies // 4, studies // 4, studies):
        tables = [judged(design, random) for _ in range(n)]
        true = tables[0]["true"].abs().max()
        first = tables[0].index[tables[0]["true"].abs() > 1e-9][:1]
        stated = pd.DataFrame([power_row(table.loc[first], len(table)) for table in tables])
        detectable = math.sqrt((stated["detectable"] ** 2).mean())
        if n < studies:
            design = design._replace(gap=design.gap * detectable / true)
    held = (stated["detectable_low"] <= true) & (true <= stated["detectable_high"])
    return _shares(tables) | {"coverage": held.mean(), "worst": held.mean()}


LAPTOP, SEVEN, FIFTEEN = (
    (1, 1, 1, 2, 3),
    (1, 1, 1, 2, 2, 2, 3),
    (1,) * 4 + (2,) * 6 + (3,) * 4 + (4,),
)
UNEQUAL = {
    sizes: tuple(0.045 if size == 1 else 0.015 for size in sizes)
    for sizes in (LAPTOP, SEVEN, FIFTEEN)
}
OFFICIAL = ("official",)
# By the fault's row in the list that they were made for: what, design, interval.
DESIGNS = [
    *((1, f"official, {s} seeds, 5 models", Design(OFFICIAL, 5, s), "") for s in (2, 3, 5, 10)),
    *((2, f"laptop, {s} seeds, nothing differs", Design(LAPTOP, 2, s), "") for s in (2, 3)),
    (4, "1 seed, 15 combos, runs alike", Design(FIFTEEN, seeds=1, noise=(0,)), ""),
    (4, "1 seed, 15 combos, 20 points a size",
     Design(FIFTEEN, seeds=1, noise=(0,), gap=0.2), ""),
    (5, "pairs with one seed in common",
     Design((1, 1), 2, 3, lost=((0, 0, 0), (1, 0, 1)), noise=(0.06,)), ""),
    (6, "2 combos, 3 seeds", Design((1, 1)), ""),
    *(
        (6, f"{len(sizes)} combos, {s} seeds, {'un' if noise else ''}equal noise"
         + ", 8 points a size" * (gap > 0),
         Design(sizes, seeds=s, noise=noise or (0.02,), gap=gap), "")
        for sizes, all_seeds in ((LAPTOP, (2, 3, 10)), (SEVEN, (3, 5)), (FIFTEEN, (2, 3)))
        for s in all_seeds
        for noise, gap in ((UNEQUAL[sizes], 0), ((), 0.08), (UNEQUAL[sizes], 0.08))
    ),
    *(
        (6, f"3 models on 3 combos, one unstable, {s} seeds",
         Design((1, 1, 1), 3, s, unstable=3), "")
        for s in (2, 3, 10)
    ),
    *(
        (9, f"40 seeds, 200 of 400 images{what}",
         Design((1, 1), seeds=40, n_test=200, pool=400, noise=(0.01,)), intervals)
        for what, intervals in ((": these", ""), (": new ones", "new_images_"))
    ),
    *(
        (9, f"{folds} folds of 600 images, {rounds} round(s), noise {noise}",
         Design((1, 1), seeds=folds * rounds, pool=600, folds=folds, noise=(noise,)), "")
        for folds, rounds in ((3, 1), (5, 1), (5, 4), (2, 5))
        for noise in (0.02, 0.0)
    ),
    *(
        (24, f"nearly perfect ({accuracy}), {n} images, {s} seeds{', official' * (size != 1)}",
         Design((size,), 2, s, n, noise=(0.01 * (s > 1),), gap=0.06, accuracy=accuracy - 0.06), "")
        for n in (60, 150, 1000)
        for accuracy in (1.1, 1.2, 1.35, 1.5)
        for s, size in ((1, "official"), (2, "official"), (2, 1), (3, "official"), (3, 1))
    ),
]  # fmt: skip
# The same, with a function of how many studies.
OTHERS = [
    *(
        (3, f"the detectable difference of {what}, {s} seeds",
         functools.partial(rates_of_stated, Design(sizes, models, s, gap=0.1)))
        for what, sizes, models, seeds in (
            ("2 models on 3 combos", (1, 1, 1), 2, (3, 5, 10)),
            ("5 combos, one twice as large", (1, 1, 1, 1, 2), 1, (3, 5)),
            ("2 models, official", OFFICIAL, 2, (3, 5)),
        )
        for s in seeds
    ),
    *(
        (7, f"3 partitions, {s} seeds that move {how}",
         functools.partial(variance_rates, 3, s, shared))
        for s in (2, 3, 5, 10)
        for how, shared in (("each run", 0), ("all runs alike", 0.02))
    ),
    *(
        (8, f"exponent of 5 combos, {s} seeds{unequal}",
         functools.partial(scaling_rates, s, small))
        for s in (2, 3, 5, 10)
        for unequal, small in (("", 0.02), (", unequal noise", 0.06))
    ),
    *(
        (10, f"{n} and {m} runs, sd {100 * sd:g} and {100 * other:g} points, {what}",
         functools.partial(reproduction_rates, (n, sd), (m, other), apart))
        for n, m in ((2, 2), (3, 3), (3, 2), (10, 2), (10, 3))
        for sd, other in ((0.005, 0.005), (0.002, 0.006))
        for what, apart in (("nothing differs", 0), ("apart by the tolerance", TOLERANCE))
    ),
    *((10, f"study diff, {s} seeds, nothing differs", functools.partial(diff_rates, s))
      for s in (2, 3, 5, 10)),
]  # fmt: skip


def main(arguments: argparse.Namespace) -> None:
    """Print the table and write it."""
    rows = []
    simulations = OTHERS + [
        (fault, what, functools.partial(rates, design, intervals=intervals))
        for fault, what, design, intervals in DESIGNS
    ]
    for fault, what, simulation in sorted(simulations, key=operator.itemgetter(0)):
        if arguments.rows and fault not in arguments.rows:
            continue
        start = time.perf_counter()
        found = simulation(studies=arguments.studies)
        rows.append({"row": fault, "design": what, "studies": arguments.studies} | found)
        shown = "  ".join(f"{name} {value:.3f}" for name, value in found.items())
        print(f"{fault:2}  {what:55} {shown}  {time.perf_counter() - start:.0f} s", flush=True)
    if arguments.output:
        pd.DataFrame(rows).to_csv(arguments.output, index=False, float_format="%.3f")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--studies", type=int, default=1000, help="of each design")
    parser.add_argument("--rows", type=int, nargs="*", help="only these rows")
    parser.add_argument("--output", help="table to write, .csv")
    main(parser.parse_args())
