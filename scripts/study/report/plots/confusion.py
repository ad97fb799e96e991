"""The confusion matrix of one run."""

from collections.abc import Sequence

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from study.report.plots.style import COLOURS, STYLE, percent, set_ticks, set_title, write_cells
from study.report.plots.texts import shortened, text_inches
from study.wording import percentage

# Numbers in the cells of more classes than these would be too small to read.
MOST_NUMBERED = 25
_MOST_NAMED = 60
_PAIRS = 25
_NAME = 2.8  # inches


def confusion_matrix_figure(matrix: np.ndarray, classes: Sequence[str], name: str) -> Figure:
    """Return a confusion matrix: numbers for few classes, a heat map for many.

    Few classes are drawn twice, with counts and with percentages of the true class. Beside the heat
    map of many are the most frequent confusions.

    Args:
        matrix: int, K×K; rows are true classes, columns predicted ones.
        classes: K names.
        name: of the run.
    """
    totals = matrix.sum(axis=1, keepdims=True)
    share = np.divide(matrix, totals, out=np.full(matrix.shape, np.nan), where=totals > 0)
    n, correct = int(matrix.sum()), int(np.trace(matrix))
    few = len(classes) <= MOST_NUMBERED
    with plt.rc_context(STYLE):
        figure = _numbers(matrix, share, classes) if few else _heat_map(matrix, share, classes)
        accuracy = (
            f"{percentage(correct / n)} of {n:,} test images right" if n else "no test images"
        )
        set_title(figure, f"{name}: {accuracy}")
    return figure


def name_classes(axes: Axes, classes: Sequence[str], inches: float, at: str = "xy") -> None:
    """Name the classes at the axes; of very many only some, evenly spaced.

    Args:
        axes: whose places 0, 1, … are the classes.
        classes: their names.
        inches: width of the axes.
        at: "x", "y" or both.
    """
    every = -(-len(classes) // _MOST_NAMED)
    size = 7 if len(classes) > MOST_NUMBERED else 10
    if "x" in at:
        set_ticks(axes, classes, inches, size, every)
    if "y" in at:
        names = [shortened(str(name), _NAME, size) for name in classes[::every]]
        axes.set_yticks(range(0, len(classes), every), names, fontsize=size)


def _numbers(matrix: np.ndarray, share: np.ndarray, classes: Sequence[str]) -> Figure:
    size = max(0.6 * len(classes), 3)
    names = min(_NAME, max(text_inches(name, 10) for name in classes))
    figsize = (2 * size + 0.8 + names, size + 1.2 + 0.7 * names)
    figure, panels = plt.subplots(1, 2, figsize=figsize, sharey=True)
    shares = ["–" if np.isnan(one) else f"{100 * one:.1f}" for one in share.flat]
    cells = matrix.astype(str), np.reshape(shares, share.shape)
    headings = "Images", "% of the true class"
    for axes, heading, texts in zip(panels, headings, cells, strict=True):
        _draw_shares(axes, share)
        write_cells(axes, texts, share > 0.5, size=9)
        name_classes(axes, classes, size)
        axes.set(xlabel="Predicted", title=heading)
    panels[0].set_ylabel("True")
    panels[1].tick_params(axis="y", length=0)
    return figure


def _heat_map(matrix: np.ndarray, share: np.ndarray, classes: Sequence[str]) -> Figure:
    figure, (heat, bars) = plt.subplots(1, 2, figsize=(15, 9), width_ratios=(9, 3))
    image = _draw_shares(heat, share)
    name_classes(heat, classes, 9)
    heat.set(xlabel="Predicted", ylabel="True")
    bar = figure.colorbar(image, ax=heat, shrink=0.6, label="Share of the true class")
    bar.ax.yaxis.set_major_formatter(percent)
    wrong = matrix - np.diag(np.diag(matrix))
    worst = np.argsort(-wrong, axis=None, kind="stable")[:_PAIRS]
    pairs = [np.unravel_index(place, wrong.shape) for place in worst]
    pairs = [(int(true), int(seen)) for true, seen in pairs if wrong[true, seen]]
    drawn = bars.barh(range(len(pairs)), [wrong[pair] for pair in pairs], color=COLOURS[0])
    bars.bar_label(drawn, [f"{wrong[pair]:,} ({share[pair]:.0%})" for pair in pairs], padding=3)
    names = [" → ".join(shortened(classes[label], 1.2, 9) for label in pair) for pair in pairs]
    bars.set_yticks(range(len(pairs)), names, fontsize=9)
    bars.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    bars.set(title="Most frequent confusions", xlabel="Images (share of the true class)")
    bars.margins(x=0.35)
    if not pairs:
        bars.text(0.5, 0.5, "none", transform=bars.transAxes, ha="center", color="0.3")
    bars.set_ylim(_PAIRS - 0.5, -0.5)
    return figure


def _draw_shares(axes: Axes, share: np.ndarray) -> plt.cm.ScalarMappable:
    axes.spines[:].set_visible(False)
    return axes.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto", interpolation="none")
