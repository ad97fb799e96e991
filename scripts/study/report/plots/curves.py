"""The figure of learning curves over seeds."""

import matplotlib
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from study.report.plots.style import COLOURS, STYLE, legend_below, percent
from study.runs.history import MEASURES, SPLITS

_DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)))


def learning_curves_figure(bands: pd.DataFrame, title: str) -> Figure:
    """Return loss and accuracy by epoch, a column a split and a line a combo: the mean over seeds in the range of all seeds.

    Args:
        bands: what `study.runs.history.seed_bands` returned, of one model.
        title: what is shown.
    """
    splits = [split for split in SPLITS if (bands["split"] == split).any()]
    combos = list(dict.fromkeys(bands["combo"]))
    with plt.rc_context(STYLE):
        figure, grid = plt.subplots(
            2,
            len(splits),
            figsize=(1.2 + 3.4 * len(splits), 5.6),
            sharex=True,
            sharey="row",
            squeeze=False,
        )
        for line, measure in zip(grid, MEASURES, strict=True):
            for axes, split in zip(line, splits, strict=True):
                for place, combo in enumerate(combos):
                    of = bands[
                        (bands["combo"] == combo)
                        & (bands["split"] == split)
                        & (bands["measure"] == measure)
                    ]
                    colour, dashes = COLOURS[place % len(COLOURS)], _DASHES[place % len(_DASHES)]
                    # One epoch is a point, which a line would not show.
                    marker = "o" if len(of) == 1 else None
                    axes.plot(
                        of["epoch"],
                        of["mean"],
                        color=colour,
                        linestyle=dashes,
                        marker=marker,
                        label=combo,
                    )
                    axes.fill_between(
                        of["epoch"],
                        of["lowest"],
                        of["highest"],
                        color=colour,
                        alpha=0.18,
                        linewidth=0,
                    )
                axes.grid(color="0.9")
                axes.set_axisbelow(True)
                axes.margins(x=0.02)
            line[0].set_ylabel(measure.capitalize())
        grid[1, 0].yaxis.set_major_formatter(percent)
        names = {"train": "Training images", "val": "Validation images", "test": "Own test images"}
        for axes, split in zip(grid[0], splits, strict=True):
            axes.set_title(names[split])
        for axes in grid[1]:
            axes.set_xlabel("Epoch")
            axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
        legend_below(figure, grid[0, 0].get_legend_handles_labels()[0], "Combo")
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure
