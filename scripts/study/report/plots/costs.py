"""Figures of what trainings take: accuracy for its cost, and time and memory."""

from collections.abc import Sequence

import matplotlib
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from study.report.plots.accuracy import mean_by_model_and_combo
from study.report.plots.style import STYLE, legend_below, model_looks, percent
from study.wording import duration


def cost_table(summary: pd.DataFrame) -> pd.DataFrame:
    """Return a row a model and combo: mean accuracy and costs over the seeds that are ok."""
    accuracy = summary["common_test_accuracy"].fillna(summary["test_accuracy"])
    columns = ["accuracy", "train_seconds", "parameters", "multiply_adds"]
    return mean_by_model_and_combo(summary.assign(accuracy=accuracy), columns).reset_index()


def cost_figure(costs: pd.DataFrame, models: Sequence[str]) -> Figure:
    """Return accuracy over training time, parameters and multiply-adds, on logarithmic axes.

    Args:
        costs: what `cost_table` returned, of at least one group; a group is a point.
        models: all models of the study.
    """
    looks = model_looks(models)
    panels = {
        "train_seconds": "Training, seconds",
        "parameters": "Parameters",
        "multiply_adds": "Multiply-adds for an image",
    }
    with plt.rc_context(STYLE):
        figure, row = plt.subplots(1, len(panels), figsize=(11, 4.2), sharey=True)
        for axes, (column, name) in zip(row, panels.items(), strict=True):
            for model, points in costs.sort_values(column).groupby("model", sort=False):
                axes.plot(points[column], points["accuracy"], **looks[model], linewidth=0.8)
            # A decade at least, so that models of like size are not torn apart.
            least, most = costs[column].min(), costs[column].max()
            widen = max(1.5, (10 * least / most) ** 0.5)
            axes.set(xscale="log", xlim=(least / widen, most * widen), xlabel=name)
            axes.xaxis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 5), numticks=12))
            engineering = (
                matplotlib.ticker.EngFormatter(sep="") if column != "train_seconds" else "{x:,g}"
            )  # 500m would be minutes
            axes.xaxis.set_major_formatter(engineering)
            axes.xaxis.minorticks_off()
            axes.grid(color="0.9")
            axes.set_axisbelow(True)
        best = costs.loc[costs.groupby("model")["accuracy"].idxmax()]
        for point in best.itertuples():
            place = {
                "xy": (point.train_seconds, point.accuracy),
                "xytext": (-6, 4),
                "textcoords": "offset points",
            }
            row[0].annotate(point.combo, **place, ha="right", fontsize=8, color="0.3")
        row[0].yaxis.set_major_formatter(percent)
        row[0].set_ylabel("Accuracy, mean over seeds")
        handles = [
            plt.Line2D([], [], **looks[model], linewidth=0.8, label=model) for model in models
        ]
        legend_below(figure, handles, "Model")
        best = costs.loc[costs["accuracy"].idxmax()]
        title = (
            f"Most accurate: {best['model']} on {best['combo']}, {best['accuracy']:.1%} "
            f"after {best['train_seconds']:,.0f} s of training"
        )
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure


def resources_table(summary: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of the summary that say what each training took."""
    names = ["model", "combo", "seed", "train_seconds", "total_seconds", "peak_memory_mb"]
    return summary[names]


def resources_figure(runs: pd.DataFrame) -> Figure:
    """Return training time and peak memory of every run, by combo.

    Args:
        runs: what `resources_table` returned.
    """
    combos, models = (list(dict.fromkeys(runs[column])) for column in ("combo", "model"))
    looks = model_looks(models)
    with plt.rc_context(STYLE):
        figure, row = plt.subplots(1, 2, figsize=(10.5, 4.2))
        for axes, (column, name) in zip(
            row,
            {"train_seconds": "Training, seconds", "peak_memory_mb": "Peak memory, MB"}.items(),
            strict=True,
        ):
            for m, model in enumerate(models):
                of = runs[runs["model"] == model]
                place = of["combo"].map(combos.index) + (m - (len(models) - 1) / 2) * 0.5 / len(
                    models
                )
                axes.plot(place, of[column], linestyle="", **looks[model], alpha=0.75, label=model)
            axes.set_xticks(range(len(combos)), combos)
            axes.set(xlim=(-0.6, len(combos) - 0.4), xlabel="Combo of partitions", ylabel=name)
            axes.set_ylim(bottom=0)
            axes.grid(axis="y", color="0.9")
            axes.set_axisbelow(True)
        legend_below(figure, row[0].get_legend_handles_labels()[0], "Model")
        total, most = runs["train_seconds"].sum(), runs["peak_memory_mb"].max()
        title = f"{len(runs)} trainings: {duration(total)} in all, at most {most:,.0f} MB"
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure
