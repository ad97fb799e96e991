"""How the error falls with the number of training images."""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from study.comparison.answers import Study
from study.comparison.intervals import t_half_width
from study.comparison.spread import SAME_SIZE, residual
from study.data.names import OFFICIAL


class Scaling(NamedTuple):
    """The fit log(error) = intercept - exponent · log(n), with natural logarithms.

    Attributes:
        exponent: b in error ∝ n^-b.
        low: end of its 95 % interval, as `high`; NaN where it is unknown.
        high: the other end.
        intercept: log of the error of one training image.
    """

    exponent: float
    low: float
    high: float
    intercept: float

    def error(self, n: np.ndarray | float) -> np.ndarray | float:
        """Return the fitted error with n training images."""
        return np.exp(self.intercept) * np.power(n, -self.exponent)


def fit_scaling(
    n_train: np.ndarray, accuracies: np.ndarray, n_test: float = math.inf
) -> Scaling | None:
    """Return the two-parameter power law of the error by least squares.

    None with fewer than two sizes that differ by more than 5 %: the power of less would be noise.
    A run without a mistake counts with half of one, because no power law reaches 0.
    Three sizes identify no asymptote, so there is none. The exponent is that of least squares with
    an effect of each seed: what all runs of a seed have in common cancels. Its interval is
    Student's t with the residual of combos × seeds. With one seed it is unknown.

    Args:
        n_train: int, C; training images of each combo.
        accuracies: float, C×S; NaN for a missing run.
        n_test: images that each of them is of.
    """
    known = ~np.isnan(accuracies)
    n_train = n_train[known.any(axis=1)]
    accuracies = accuracies[known.any(axis=1)][:, known.any(axis=0)]
    if not len(n_train) or n_train.max() <= SAME_SIZE * n_train.min():
        return None
    y = np.log(np.maximum(1 - accuracies, max(0.5 / n_test, np.finfo(float).tiny)))
    x = np.where(np.isnan(y), np.nan, np.log(n_train)[:, None])
    # Within a seed, where what it does to all its runs cancels, also if it lacks some.
    within = np.nan_to_num(x - np.nanmean(x, axis=0))
    if not within.any():  # no seed has two sizes
        return None
    exponent, noise = -float(np.nansum(within * y) / (within**2).sum()), residual(y)
    half = math.nan
    if noise and noise.variance:
        half = t_half_width(math.sqrt(noise.variance / (within**2).sum()), noise.freedom)
    intercept = float(np.nanmean(y + exponent * x))
    return Scaling(exponent, exponent - half, exponent + half, intercept)


def scaling_table(study: Study) -> pd.DataFrame:
    """Return the data-scaling fit of each model that was trained on two sizes or more.

    Runs on the combo official do not count, nor models that were trained on other images.
    """
    combos = [combo for combo in study.combos if combo != OFFICIAL]
    n_train = study.n_train
    sizes = np.array([n_train[combo] for combo in combos])
    rows = []
    for model in filter(study.learns_from_combo, study.models):
        runs = [one for combo in combos for one in study.group(combo, model).values()]
        n_test = min((len(one.test) for one in runs), default=0)
        fit = fit_scaling(sizes, study.accuracies(combos, model), n_test) if n_test else None
        if fit is not None:
            rows.append(
                {
                    "model": model,
                    "exponent": fit.exponent,
                    "low": fit.low,
                    "high": fit.high,
                    "intercept": fit.intercept,
                    "error_ratio_of_doubling": 2**-fit.exponent,
                    **{f"error_at_{size}": fit.error(size) for size in np.unique(sizes)},
                }
            )
    return pd.DataFrame(rows, columns=None if rows else ["model", "exponent", "low", "high"])


def errors_by_size(study: Study) -> pd.DataFrame:
    """Return `model`, `n_train` and `error` of each run that learnt from a combo of partitions."""
    n_train = study.n_train
    rows = [
        (model, n_train[combo], 1 - one.accuracy)
        for (combo, model), by_seed in study.groups.items()
        if combo != OFFICIAL and study.learns_from_combo(model)
        for one in by_seed.values()
    ]
    return pd.DataFrame(rows, columns=["model", "n_train", "error"])
