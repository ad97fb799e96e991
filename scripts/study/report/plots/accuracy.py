"""Figures of accuracy: by combo, by class, and for what it costs."""

from collections.abc import Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from study.report.plots.style import STYLE, legend_below, message_figure, model_looks, percent


def accuracy_by_combo_figure(summary: pd.DataFrame, groups: pd.DataFrame) -> Figure:
    """Return accuracy by combo, one panel for the common test and one for the combos' own tests.

    Every run is a point; a bar is the mean over seeds with its 95 % t-interval. Runs that diverged have no accuracies and the
    combo `official` none on the common test: these are not drawn.

    Args:
        summary: one row a run, with `combo`, `model`, `common_test_accuracy` and `test_accuracy`.
        groups: one row a combo and model, with `<metric>_mean`, `<metric>_low` and `<metric>_high`.
    """
    summary = summary.dropna(subset=["test_accuracy"])
    if summary.empty:
        return message_figure("Every training diverged: there is no accuracy to draw.")
    combos = list(dict.fromkeys(summary["combo"]))
    models = list(dict.fromkeys(summary["model"]))
    looks = model_looks(models)
    panels = {
        "common_test_accuracy": "Common test: same images for every combo",
        "test_accuracy": "Own test: each combo's images, not comparable",
    }
    lowest, highest = _accuracy_limits(summary[list(panels)].to_numpy(float), groups)
    with plt.rc_context(STYLE):
        figure, row = plt.subplots(1, 2, figsize=(11, 4.9), sharey=True)
        for axes, (metric, title) in zip(row, panels.items(), strict=True):
            for m, model in enumerate(models):
                colour, marker = looks[model]["color"], looks[model]["marker"]
                offset = (m - (len(models) - 1) / 2) * 0.6 / max(len(models), 1)
                for c, combo in enumerate(combos):
                    at = (summary["combo"] == combo) & (summary["model"] == model)
                    if not at.any():
                        continue
                    values = summary.loc[at, metric].to_numpy(float)
                    spread = (
                        np.linspace(-0.04, 0.04, len(values))
                        if len(values) > 1
                        else np.zeros(len(values))
                    )
                    axes.plot(
                        c + offset + spread,
                        values,
                        marker,
                        color=colour,
                        alpha=0.55,
                        markersize=5,
                        zorder=2,
                    )
                    group = groups[(groups["combo"] == combo) & (groups["model"] == model)].iloc[0]
                    mean, low, high = (
                        group[f"{metric}_{part}"] for part in ("mean", "low", "high")
                    )
                    axes.hlines(
                        mean,
                        c + offset - 0.12,
                        c + offset + 0.12,
                        color=colour,
                        linewidth=2,
                        zorder=3,
                    )
                    if np.isfinite(low):
                        axes.vlines(c + offset, low, high, color=colour, linewidth=1, zorder=1)
                        for beyond, edge, arrow in (
                            (low < lowest, lowest, 7),
                            (high > highest, highest, 6),
                        ):
                            if beyond:
                                axes.plot(
                                    c + offset,
                                    edge,
                                    marker=arrow,
                                    color=colour,
                                    markersize=5,
                                    clip_on=False,
                                )
                axes.plot([], [], marker, color=colour, label=model)
            axes.set_xticks(range(len(combos)), combos)
            axes.set_xlim(-0.6, len(combos) - 0.4)
            axes.grid(axis="y", color="0.9")
            axes.set_axisbelow(True)
            axes.set(title=title, xlabel="Combo of partitions")
        row[0].set_ylabel("Accuracy")
        row[0].yaxis.set_major_formatter(percent)
        row[0].set_ylim(lowest, highest)
        how = "Points: runs. Bars: means over seeds. Lines: 95 % t-intervals of the mean; an arrow says that one goes on beyond the picture."
        if (summary.groupby(["combo", "model"])[list(panels)].nunique() == 1).any(axis=None):
            how += " No line where there is one seed, or seeds that agree by chance."
        legend_below(figure, row[1].get_legend_handles_labels()[0], how)
        figure.suptitle(_finding(groups, combos), x=0.01, ha="left", fontsize=12)
    return figure


def _accuracy_limits(values: np.ndarray, groups: pd.DataFrame) -> tuple[float, float]:
    """Return limits that hold every point, and the intervals unless few seeds make them wider than the data."""
    ends = groups.filter(regex="accuracy_(low|high)$").to_numpy()
    lowest, highest = np.nanmin(values), np.nanmax(values)
    spread = max(highest - lowest, 0.04)
    low = np.nanmin([lowest - spread / 20, max(np.nanmin(ends, initial=1), lowest - spread / 2)])
    high = np.nanmax([highest + spread / 20, min(np.nanmax(ends, initial=0), highest + spread / 2)])
    return max(0, low - spread / 20), min(1.005, high + spread / 20)


def _finding(groups: pd.DataFrame, combos: list[str]) -> str:
    means = groups.groupby("combo")["common_test_accuracy_mean"].mean().reindex(combos).dropna()
    if means.empty:
        return f"{combos[0]} reaches {groups['test_accuracy_mean'].mean():.1%} on its test"
    if len(means) < 2:
        return f"{means.index[0]} reaches {means.iloc[0]:.1%} on the common test"
    best, worst = means.idxmax(), means.idxmin()
    gap = 100 * (means[best] - means[worst])
    return (
        f"{best} leads {worst} by {gap:.1f} points on the common test (mean over models and seeds)"
    )


def class_accuracy_figure(recalls: pd.DataFrame, title: str) -> Figure:
    """Return a heat map of accuracy by class.

    Args:
        recalls: a row a model and combo, named so in its index, a column a class; mean recall over seeds, NaN where there is none.
        title: what is shown.
    """
    values = recalls.to_numpy(float)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            figsize=(max(3.2 + 0.75 * values.shape[1], 8), 1.7 + 0.36 * len(values))
        )
        image = axes.imshow(values, cmap="cividis", aspect="auto")
        middle = (image.norm.vmin + image.norm.vmax) / 2
        for (row, column), value in np.ndenumerate(values):
            if np.isfinite(value):
                colour = "white" if value < middle else "black"
                axes.text(
                    column, row, f"{value:.0%}", ha="center", va="center", color=colour, fontsize=9
                )
        axes.set_xticks(
            range(values.shape[1]), recalls.columns, rotation=35, ha="right", rotation_mode="anchor"
        )
        axes.set_yticks(range(len(values)), [" on ".join(name) for name in recalls.index])
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        bar = figure.colorbar(image, ax=axes, label="Recall, mean over seeds")
        bar.ax.yaxis.set_major_formatter(percent)
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure


def cost_figure(costs: pd.DataFrame, models: Sequence[str], title: str) -> Figure:
    """Return accuracy over what it costs: training time, parameters and multiply-adds, on logarithmic axes; a point a combo and model.

    Args:
        costs: a row a combo and model, with `combo`, `model`, `accuracy`, `train_seconds`, `parameters` and `multiply_adds` of
            one image.
        models: all models of the study.
        title: what is shown.
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
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure


def resources_figure(runs: pd.DataFrame, title: str) -> Figure:
    """Return training time and peak memory of every run, by combo.

    Args:
        runs: a row a run, with `combo`, `model`, `train_seconds` and `peak_memory_mb`.
        title: what is shown.
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
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure
