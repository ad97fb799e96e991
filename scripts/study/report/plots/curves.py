"""The figure of learning curves over seeds."""

import matplotlib
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.report.plots.style import (
    COLOURS,
    STYLE,
    legend_below,
    message_figure,
    percent,
    set_title,
)
from study.runs.history import MEASURES, SPLITS
from study.wording import percentage

_DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)))
_NAMES = {"train": "Training images", "val": "Validation images", "test": "Own test images"}


def learning_curves_figure(bands: pd.DataFrame, model: str) -> Figure:
    """Return loss and accuracy by epoch, one column per split and one line per combo.

    A line is the mean over seeds, in the range of all seeds.

    Args:
        bands: what `study.runs.history.seed_bands` returned, of one model.
        model: its name.
    """
    if bands.empty:
        return message_figure(f"{model}: no run finished an epoch.")
    splits = [split for split in SPLITS if (bands["split"] == split).any()]
    size = (1.2 + 3.4 * len(splits), 5.6)
    with plt.rc_context(STYLE):
        figure, grid = plt.subplots(
            2, len(splits), figsize=size, sharex=True, sharey="row", squeeze=False
        )
        for line, measure in zip(grid, MEASURES, strict=True):
            for axes, split in zip(line, splits, strict=True):
                shown = (bands["split"] == split) & (bands["measure"] == measure)
                _draw_combos(axes, bands[shown], list(bands["combo"].unique()))
                axes.grid(True)
                axes.margins(x=0.02)
            line[0].set_ylabel(measure.capitalize())
        grid[1, 0].yaxis.set_major_formatter(percent)
        for axes, split in zip(grid[0], splits, strict=True):
            axes.set_title(_NAMES[split])
        for axes in grid[1]:
            axes.set_xlabel("Epoch")
            axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True, min_n_ticks=1))
        legend_below(figure, grid[0, 0].get_legend_handles_labels()[0], "Combo")
        set_title(figure, _finding(bands, model))
    return figure


def _draw_combos(axes: Axes, rows: pd.DataFrame, combos: list[str]) -> None:
    """Draw a line and its band for each combo, from the rows of one split and measure."""
    for number, combo in enumerate(combos):
        row = rows[rows["combo"] == combo]
        epochs, colour = row["epoch"], COLOURS[number % len(COLOURS)]
        axes.plot(
            epochs,
            row["mean"],
            color=colour,
            linestyle=_DASHES[number % len(_DASHES)],
            marker="o" if len(row) == 1 else None,  # a line would not show one epoch
            label=combo,
        )
        band = {"color": colour, "alpha": 0.18, "linewidth": 0}
        axes.fill_between(epochs, row["lowest"], row["highest"], **band)


def _finding(bands: pd.DataFrame, model: str) -> str:
    """Return accuracy at the end of the training, on training and on test images."""
    accuracies = bands[bands["measure"] == "accuracy"]
    last = accuracies.groupby(["combo", "split"], sort=False).last()["mean"].unstack()
    last = last.dropna(subset="test") if "test" in last else last
    if last.empty or "test" not in last:
        return f"{model}: mean over seeds (lines) and range (bands)"
    best = last.loc[last["test"].idxmax()]
    seeds = accuracies.loc[accuracies["combo"] == best.name, "n"]
    fewer = f", of {seeds.iloc[-1]} of {seeds.max()} seeds," if seeds.iloc[-1] < seeds.max() else ""
    return (
        f"{model}: on {best.name} the last epoch{fewer} reaches {percentage(best['test'])} on its "
        f"test, {percentage(best['train'])} on training images; mean and range over seeds"
    )
