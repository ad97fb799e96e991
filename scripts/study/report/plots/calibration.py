"""The figure of calibration: accuracy of answers by their confidence."""

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from study.report.plots.style import COLOURS, MARKERS, STYLE, message_figure, percent, set_title
from study.report.plots.texts import wrapped
from study.runs.calibration import error_of_bins


def calibration_figure(bins: pd.DataFrame) -> Figure:
    """Return reliability diagrams, accuracy over confidence: a panel per model, a line per state.

    Args:
        bins: what `study.comparison.tables.calibration_table` returned.
    """
    if bins.empty:
        return message_figure("No calibration: all runs diverged.")
    models = bins["model"].unique()
    columns = min(4, len(models))
    lines = -(-len(models) // columns)
    with plt.rc_context(STYLE):
        figure, grid = plt.subplots(
            lines,
            columns,
            figsize=(1 + 3.6 * columns, 0.8 + 3.6 * lines),
            sharex=True,
            sharey=True,
            squeeze=False,
        )
        for axes in grid.flat[len(models) :]:
            axes.set_visible(False)
        for axes, model in zip(grid.flat, models, strict=False):
            _draw_reliability(axes, model, bins[bins["model"] == model])
        handles, labels = grid[0, 0].get_legend_handles_labels()
        grid[0, 0].legend(handles, labels, frameon=False, loc="upper left", markerscale=0.7)
        figure.supxlabel("Confidence")
        figure.supylabel("Accuracy")
        title = "Accuracy of answers by their confidence: all runs of a model, on test images"
        set_title(figure, title)
    return figure


def _draw_reliability(axes: plt.Axes, model: str, bins: pd.DataFrame) -> None:
    """Draw the reliability of a model's answers, and write its calibration errors above."""
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=1, zorder=0)
    errors = []
    for (state, rows), colour, marker in zip(
        bins.groupby("state", sort=False), COLOURS, MARKERS, strict=False
    ):
        count, confidence, accuracy = rows[["n", "confidence", "accuracy"]].to_numpy().T
        axes.plot(confidence, accuracy, color=colour, linewidth=1)
        area = 12 + 160 * count / count.sum()
        axes.scatter(confidence, accuracy, area, color=colour, marker=marker, label=state)
        errors.append(error_of_bins(count, confidence, accuracy))
    text = f"{model}: calibration error {' → '.join(f'{error:.1%}' for error in errors)}"
    axes.set_title(wrapped(text, 3.2, 11))
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.grid(True)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(percent)
