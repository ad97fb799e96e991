"""Figures of what trainings take: accuracy for its cost, and time and memory."""

from collections.abc import Mapping, Sequence

import matplotlib
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.comparison.groups import mean_by_model_and_combo
from study.data.names import OFFICIAL
from study.report.plots.style import (
    STYLE,
    legend_below,
    log_ticks,
    model_looks,
    percent,
    set_ticks,
    set_title,
)
from study.report.plots.texts import shortened
from study.wording import counted, duration, percentage


def cost_table(summary: pd.DataFrame) -> pd.DataFrame:
    """Return one row per model and combo: mean accuracy and costs over the seeds that are ok.

    Models whose costs are unknown, as those of imported ones, are left out.
    """
    accuracy = summary["common_test_accuracy"].fillna(summary["test_accuracy"])
    columns = ["accuracy", "train_seconds", "parameters", "multiply_adds"]
    table = mean_by_model_and_combo(summary.assign(accuracy=accuracy), columns).reset_index()
    return table.dropna(subset=columns)


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
            _draw_points(axes, costs.sort_values(column), column, looks)
            # A decade at least, so that models of like size are not torn apart.
            least, most = costs[column].min(), costs[column].max()
            widen = max(1.5, (10 * least / most) ** 0.5)
            axes.set(xscale="log", xlim=(least / widen, most * widen), xlabel=name)
            axes.set_xticks(log_ticks(least / widen, most * widen))
            engineering = (
                matplotlib.ticker.EngFormatter(sep="") if column != "train_seconds" else "{x:,g}"
            )  # 500m would be minutes
            axes.xaxis.set_major_formatter(engineering)
            axes.xaxis.minorticks_off()
            axes.grid(True)
        comparable = costs[costs["combo"] != OFFICIAL]
        comparable = comparable if len(comparable) else costs
        _name_best(row[0], comparable, (costs["train_seconds"].agg(["min", "max"]).prod()) ** 0.5)
        row[0].yaxis.set_major_formatter(percent)
        row[0].set_ylabel("Accuracy, mean over seeds")
        handles = [
            plt.Line2D([], [], **looks[model], linewidth=0.8, label=model)
            for model in models
            if model in set(costs["model"])
        ]
        hollow = (
            ". Hollow: the combo official, on its own test"
            if OFFICIAL in set(costs["combo"])
            else ""
        )
        legend_below(figure, handles, f"Model{hollow}")
        best = comparable.loc[comparable["accuracy"].idxmax()]
        known = "" if set(models) <= set(costs["model"]) else " of those with known costs"
        title = (
            f"Most accurate{known}: {best['model']} on {best['combo']}, "
            f"{percentage(best['accuracy'])} after {duration(best['train_seconds'])} of training"
        )
        set_title(figure, title)
    return figure


def _name_best(axes: Axes, costs: pd.DataFrame, middle: float) -> None:
    """Name the best combo of each model, on that side of the point on which there is room."""
    best = costs.loc[costs.groupby("model")["accuracy"].idxmax()]
    for point in best.itertuples():
        left = point.train_seconds <= middle
        axes.annotate(
            shortened(point.combo, 1.5, 8),
            xy=(point.train_seconds, point.accuracy),
            xytext=(6 if left else -6, 4),
            textcoords="offset points",
            ha="left" if left else "right",
            fontsize=8,
            color="0.3",
        )


def _draw_points(
    axes: Axes, costs: pd.DataFrame, column: str, looks: Mapping[str, Mapping[str, str]]
) -> None:
    """Draw accuracy over one cost, each model in its look."""
    # The combos of a model differ in time alone, along which a line leads; but not to another test.
    line = {"linewidth": 0.8} if column == "train_seconds" else {"linestyle": ""}
    hollow = {"linestyle": "", "markerfacecolor": "none"}
    for model, points in costs.groupby("model", sort=False):
        own_test = points["combo"] == OFFICIAL
        for drawn, look in ((points[~own_test], line), (points[own_test], hollow)):
            if len(drawn):
                axes.plot(drawn[column], drawn["accuracy"], **looks[model], **look)


def resources_table(summary: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of the summary that say what each training here took."""
    names = ["model", "combo", "seed", "train_seconds", "total_seconds", "peak_memory_mb"]
    return summary[names].dropna(subset="train_seconds")


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
            set_ticks(axes, combos, 4.4)
            axes.set(xlim=(-0.6, len(combos) - 0.4), xlabel="Combo of partitions", ylabel=name)
            axes.set_ylim(0, 1.08 * of_all if (of_all := runs[column].max()) > 0 else 1)
            axes.grid(True, axis="y")
        legend_below(figure, row[0].get_legend_handles_labels()[0], "Model")
        total, most = runs["train_seconds"].sum(), runs["peak_memory_mb"].max()
        title = (
            f"{counted(len(runs), 'training')}: {duration(total)} in all, at most {most:,.0f} MB"
        )
        set_title(figure, title)
    return figure
