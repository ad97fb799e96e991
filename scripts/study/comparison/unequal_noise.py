"""Which runs vary much more from seed to seed than others: by the size of their combos, by model.

A kind of runs are those of one model on combos of about one size. Its noise is the residual of
combos × seeds: what seeds do to all its combos alike is left out, as it is in differences. Of a
single combo it is the variance over seeds. Two kinds are compared by the F-test of their noise,
each with its own degrees of freedom, and p is times the number of comparisons (Bonferroni).
"""

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import fdtrc

from study.comparison.intervals import CONFIDENCE
from study.comparison.spread import UNKNOWN, Spread, combo_classes, residual, spread_of_rows

# As many times the other's standard deviation is worth a sentence.
_MUCH = 2.0


class Kind(NamedTuple):
    """Runs that may be taken to vary alike.

    Attributes:
        model: of the runs.
        size: number of the class of their combos' sizes, see `combo_classes`.
        combos: that have runs.
        noise: variance of a run.
    """

    model: str
    size: int
    combos: list[str]
    noise: Spread

    @property
    def measured(self) -> tuple[bool, bool]:
        """What is in the noise: a single combo's holds what seeds do to all combos alike."""
        return len(self.combos) == 1, self.size == -1


def unequal(runs: pd.DataFrame) -> list[tuple[Kind, Kind]]:
    """Return kinds of runs of which the first varies much more than the second.

    There is at most one pair for each model, and one for all models on combos of one size.

    Args:
        runs: one row per run: `combo`, `model`, `seed`, `n_train`, and `accuracy`, which is missing
            where it diverged.
    """
    kinds = [kind for kind in _kinds(runs.dropna(subset=["accuracy"])) if kind.noise.variance > 0]
    families = [
        [pair for pair in itertools.permutations(family, 2) if len({k.measured for k in pair}) == 1]
        for what in ("model", "size")
        for value in dict.fromkeys(getattr(kind, what) for kind in kinds)
        for family in [[kind for kind in kinds if getattr(kind, what) == value]]
    ]
    most = (1 - CONFIDENCE) / max(sum(map(len, families)), 1)
    found = [min(pairs, key=lambda pair: _p(*pair)) for pairs in families if pairs]
    return [
        (a, b)
        for a, b in found
        if _p(a, b) <= most and a.noise.variance > _MUCH**2 * b.noise.variance
    ]


def _kinds(runs: pd.DataFrame) -> Iterator[Kind]:
    sizes = runs.groupby("combo", sort=False)["n_train"].mean()
    of_runs = runs["combo"].map(combo_classes(sizes.to_dict()))
    for (model, size), rows in runs.groupby(["model", of_runs], sort=False):
        table = rows.pivot_table(index="combo", columns="seed", values="accuracy", sort=False)
        yield Kind(model, size, list(table.index), _noise(table.astype(float).to_numpy()))


def _noise(table: np.ndarray) -> Spread:
    """Return the variance of a run, of accuracies, float combos×seeds."""
    if len(table) > 1:
        return residual(table)
    return spread_of_rows(table)[0] if table.shape[1] > 1 else UNKNOWN


def _p(a: Kind, b: Kind) -> float:
    """Return the one-sided p-value of the F-test of whether `a` varies more than `b`."""
    ratio = a.noise.variance / b.noise.variance
    return float(fdtrc(a.noise.freedom, b.noise.freedom, ratio))
