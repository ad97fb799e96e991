"""Figures of the images that stay hard."""

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from study.report.plots.style import (
    COLOURS,
    MARKERS,
    STYLE,
    log_ticks,
    message_figure,
    percent,
    set_title,
)
from study.report.plots.texts import shortened

# A cell of one image is to be seen, too.
_GREYS = ListedColormap(plt.get_cmap("Greys")(np.linspace(0.25, 1, 256)))


def hardness_map_figure(table: pd.DataFrame, title: str) -> Figure:
    """Return a map of all judged images: mean over spread of p(label) among runs that judge them.

    Args:
        table: columns `p_label_mean`, `p_label_std` (NaN with one run), `error_rate`; NaN where no
            run compares the image.
        title: what is shown.
    """
    judged = table[table["error_rate"].notna()]
    if judged.empty:
        return message_figure("No runs that may judge an image can be compared.")
    with plt.rc_context(STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4.6), sharex=True, sharey=True)
        x, y = judged["p_label_std"].fillna(0), judged["p_label_mean"]
        grid = {"gridsize": 40, "extent": (0, 0.5, 0, 1), "linewidths": 0.1}
        dense = left.hexbin(x, y, bins="log", cmap=_GREYS, mincnt=1, **grid)
        wrong = right.hexbin(
            x, y, judged["error_rate"], cmap="cividis", vmin=0, vmax=1, mincnt=1, **grid
        )
        counts = dense.get_array()
        ticks = log_ticks(counts.min(), counts.max()) if counts.max() > counts.min() else [1]
        ticks = [tick for tick in ticks if tick == round(tick)]
        figure.colorbar(dense, ax=left, label="Images", ticks=ticks, format="{x:,.0f}")
        bar = figure.colorbar(wrong, ax=right, label="Share of runs that are wrong")
        bar.ax.yaxis.set_major_formatter(percent)
        for axes in (left, right):
            axes.set_xlabel("Standard deviation over runs of p(label)")
        left.set_ylabel("Mean of p(label) over runs")
        for height, word in ((0.97, "easy"), (0.03, "hard")):
            left.text(0.49, height, word, ha="right", va="center", color="0.3", style="italic")
        set_title(figure, title)
    return figure


def growth_figure(growth: pd.DataFrame, title: str) -> Figure:
    """Return how much of the list of hardest images fewer runs find.

    Args:
        growth: rows of `study.hardness.reliability.growth`: `n_runs`, `score`, `overlap`.
        title: what is shown.
    """
    names = {"hardness": "hardness (mean rank within runs)", "error_rate": "share of wrong runs"}
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(7, 4.2))
        for (score, rows), colour, marker in zip(
            growth.groupby("score", sort=False), COLOURS, MARKERS, strict=False
        ):
            axes.plot(
                rows["n_runs"],
                rows["overlap"],
                marker=marker,
                color=colour,
                label=f"by {names[score]}",
            )
        axes.set_xscale("log", base=2)
        ticks = growth["n_runs"].unique()
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.xaxis.minorticks_off()
        axes.set_ylim(0, 1.02)
        axes.yaxis.set_major_formatter(percent)
        axes.set(xlabel="Runs", ylabel="Share of the whole study's list")
        set_title(figure, title)
        axes.grid(True)
        axes.legend(frameon=False)
    return figure


def confusion_pairs_figure(pairs: pd.DataFrame, title: str) -> Figure:
    """Return bars for the most frequent confusions among hard images: label → what it is taken for.

    Args:
        pairs: columns `label`, `other_class` (names) and `n`, most frequent first.
        title: what is shown.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(8, 0.9 + 0.3 * max(1, len(pairs))))
        names = [
            " → ".join(shortened(str(name), 1.8) for name in (row.label, row.other_class))
            for row in pairs.itertuples()
        ]
        bars = axes.barh(range(len(pairs)), pairs["n"], color=COLOURS[0])
        axes.set_yticks(range(len(pairs)), names)
        axes.bar_label(bars, padding=3)
        axes.margins(x=0.1)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.invert_yaxis()
        axes.set(xlabel="Images")
        set_title(figure, title)
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
    return figure
