"""What the runs of one combo and model say together."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from study.comparison.intervals import t_interval
from study.data.names import EXTERNAL, OFFICIAL
from study.runs.metrics import NORMAL, wilson_interval
from study.runs.summary import QUALITY

_METRICS = ["common_test_accuracy", "test_accuracy", "out_of_sample_accuracy", *QUALITY]
# Where there are such images.
_EXTERNAL = f"{EXTERNAL}_accuracy"
# Shares of test images, of which each run has Wilson's interval.
_SHARES = ("common_test_accuracy", "test_accuracy", _EXTERNAL)


def group_row(runs: pd.DataFrame) -> dict[str, float]:
    """Return mean, sd and 95 % t interval over seeds of each metric of one combo and model.

    Intervals are cut off where the metric ends: at 0, and except for losses at 1. Those of
    accuracies on a test are at least as wide as Wilson's over all its answers, because a few seeds
    may agree by luck. It counts images, or groups of them, as the intervals of the runs do.

    Args:
        runs: one row per run, with its `status`; those that diverged do not count.

    Returns:
        `n` runs count, of `n_runs`; then the statistics.
    """
    ok = runs[runs["status"] != "diverged"]
    row: dict[str, float] = {"n": len(ok), "n_runs": len(runs)}
    official = "combo" in runs and (runs["combo"] == OFFICIAL).all()
    for metric in [*_METRICS, *([_EXTERNAL] if _EXTERNAL in runs else [])]:
        interval = t_interval(ok[metric].dropna().to_list() if metric in ok else [])
        most = math.inf if metric.startswith(("nll", "brier")) else 1.0
        low, high = interval.low, interval.high
        if interval.n > 1 and metric in _SHARES and f"{metric}_low" in ok:
            once = official or metric == _EXTERNAL  # all seeds test the same images
            n = _as_many_images(ok, metric) * (1 if once else interval.n)
            least_low, least_high = wilson_interval(interval.mean, n, NORMAL)
            low, high = min(low, least_low), max(high, least_high)
        ends = {"low": np.clip(low, 0, most), "high": np.clip(high, 0, most)}
        numbers = {"mean": interval.mean, "sd": interval.sd} | ends
        row |= {f"{metric}_{part}": number for part, number in numbers.items()}
    return row


def _as_many_images(runs: pd.DataFrame, metric: str) -> float:
    """Return as how many single images the test of a run counts, the harmonic mean of all runs.

    Wilson's interval of a share depends on quantile² / n alone. So the interval of a run, which
    counts groups where images belong together, says as how many images it counts.
    """
    share, half = runs[metric], (runs[f"{metric}_high"] - runs[f"{metric}_low"]) / 2
    beside = share * (1 - share) - 2 * half**2
    ratio = 2 * half**2 / (beside + np.sqrt(beside**2 + (1 - 4 * half**2) * half**2))
    return NORMAL**2 / ratio.mean()


def group_rows(summary: pd.DataFrame) -> list[dict[str, Any]]:
    """Return `combo`, `model` and `group_row` of each group, in the order of the runs.

    Args:
        summary: one row per run.
    """
    return [
        {"combo": combo, "model": model} | group_row(group)
        for (combo, model), group in summary.groupby(["combo", "model"], sort=False)
    ]


def recall_table(summary: pd.DataFrame) -> pd.DataFrame:
    """Return the mean recall of each class over seeds, one row per model and combo.

    Args:
        summary: one row per run, with `recall_<class>`; only runs that are ok count.
    """
    recalls = mean_by_model_and_combo(summary, [c for c in summary if c.startswith("recall_")])
    return recalls.rename(columns=lambda name: name.removeprefix("recall_"))


def mean_by_model_and_combo(summary: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return means over the seeds that are ok, in the study's order: models first, then combos."""
    order = {model: number for number, model in enumerate(summary["model"].unique())}
    ok = summary[summary["status"] != "diverged"].sort_values(
        "model", key=lambda column: column.map(order), kind="stable"
    )
    return ok.groupby(["model", "combo"], sort=False)[list(columns)].mean()
