"""How the error falls with the number of training images."""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from study.comparison.answers import Study
from study.comparison.bootstrap import percentile_interval
from study.data.names import OFFICIAL
from study.seeds import stream_seed


class Scaling(NamedTuple):
    """The fit log(error) = intercept - exponent · log(n), with natural logarithms.

    Attributes:
        exponent: b in error ∝ n^-b.
        low: end of its 95 % bootstrap interval, as `high`.
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
    n_train: np.ndarray, accuracies: np.ndarray, draws: int, random: np.random.Generator
) -> Scaling | None:
    """Return the two-parameter power law of the error by least squares.

    None with fewer than two sizes.
    Three sizes identify no asymptote, so there is none. The interval resamples seeds and, within
    each size, combos.

    Args:
        n_train: int, C; training images of each combo.
        accuracies: float, C×S below 1; NaN for a missing run.
        draws: of the bootstrap.
        random: its source.
    """
    kept = ~np.isnan(accuracies).all(axis=1)
    n_train, accuracies = n_train[kept], accuracies[kept]
    if len(np.unique(n_train)) < 2:
        return None
    x = np.log(n_train)
    y = np.log(np.maximum(1 - accuracies, np.finfo(float).tiny))
    exponent, intercept = _line(x[:, None], y[None])
    picks = np.empty((draws, len(x)), int)
    for size in np.unique(n_train):
        same = np.flatnonzero(n_train == size)
        picks[:, same] = random.choice(same, size=(draws, len(same)))
    seeds = random.integers(y.shape[1], size=(draws, y.shape[1]))
    slopes, _ = _line(x[:, None], y[picks[:, :, None], seeds[:, None, :]])
    low, high = percentile_interval(slopes)
    return Scaling(float(exponent[0]), low, high, float(intercept[0]))


def _line(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return minus the slope, and the intercept, of least squares for each of D tables.

    Args:
        x: float, C×1.
        y: float, D×C×S; NaN is left out.
    """
    x = np.broadcast_to(x, y.shape)
    x = np.where(np.isnan(y), math.nan, x)
    mean_x, mean_y = (np.nanmean(values, axis=(1, 2), keepdims=True) for values in (x, y))
    spread = np.nansum((x - mean_x) ** 2, axis=(1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = np.nansum((x - mean_x) * (y - mean_y), axis=(1, 2)) / spread
    return -slope, mean_y[:, 0, 0] - slope * mean_x[:, 0, 0]


def scaling_table(study: Study, draws: int) -> pd.DataFrame:
    """Return the data-scaling fit of each model that was trained on two sizes or more.

    Args:
        study: the runs; those on the combo official do not count.
        draws: of the bootstrap.
    """
    combos = [combo for combo in study.combos if combo != OFFICIAL]
    n_train = study.n_train
    sizes = np.array([n_train[combo] for combo in combos])
    rows = []
    for model in study.models:
        random = np.random.default_rng(stream_seed(0, f"scaling/{model}"))
        fit = fit_scaling(sizes, study.accuracies(combos, model), draws, random) if combos else None
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
    """Return `model`, `n_train` and `error` of each run that is not on the combo official."""
    n_train = study.n_train
    rows = [
        (model, n_train[combo], 1 - one.accuracy)
        for (combo, model), by_seed in study.groups.items()
        if combo != OFFICIAL
        for one in by_seed.values()
    ]
    return pd.DataFrame(rows, columns=["model", "n_train", "error"])
