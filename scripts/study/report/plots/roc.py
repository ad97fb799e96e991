"""The figure of ROC and precision–recall curves."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.data.names import OFFICIAL
from study.report.plots.style import COLOURS, STYLE, message_figure, percent, set_title
from study.report.plots.texts import shortened, wrapped
from study.runs.roc import GRID, MOST_CURVES, Curves

_DASHES = ("-", "--", ":", "-.")
_AXES = (("False-positive rate", "Recall"), ("Recall", "Precision"))
_LEGEND_INCHES, _LEGEND_SIZE = 3.0, 9


class _Line(NamedTuple):
    """What one line of both panels of a row shows: its name, values 2×101 and areas 2."""

    name: str
    values: np.ndarray
    areas: np.ndarray

    @property
    def label(self) -> str:
        """Areas and name, in at most two lines."""
        areas = " / ".join(f"{area:.3f}" for area in self.areas)
        return wrapped(f"{areas}  {self.name}", _LEGEND_INCHES - 0.5, _LEGEND_SIZE, 2)


def roc_figure(
    model: str, curves: Mapping[str, Curves], classes: Sequence[str], shares: np.ndarray
) -> Figure:
    """Return ROC and precision–recall curves of a model, the means over seeds.

    The first row has one line per combo: of two classes that of the rarer one, else the mean over
    classes. A second row has one line per class, on the combo that separates classes best, unless
    there are more than `MOST_CURVES`.

    Args:
        model: its name.
        curves: what `study.comparison.roc.mean_curves` returned.
        classes: K names in label order.
        shares: float, K; share of each class in all images.
    """
    if not curves:
        return message_figure(f"{model}: all runs diverged, so there are no curves.")
    two = len(classes) == 2
    row = 1 + int(np.argmin(shares)) if two else 0
    level = float(shares.min()) if two else 1 / max(np.count_nonzero(shares), 1)
    best = _best(curves)
    of_combos = [
        _Line(
            f"{combo} (its own test)" if combo == OFFICIAL else combo,
            one.values[:, row],
            one.areas[:, row],
        )
        for combo, one in curves.items()
    ]
    name = shortened(classes[row - 1], 3)
    what = f"{name}, the rarer class ({percent(round(level, 3))})" if two else "Mean over classes"
    rows = {what: (of_combos, level)}
    if 2 < len(classes) <= MOST_CURVES:
        parts = zip(
            classes, curves[best].values.swapaxes(0, 1)[1:], curves[best].areas.T[1:], strict=True
        )
        rows[shortened(f"Each class, on {best}", 7, 11)] = ([_Line(*part) for part in parts], None)
    # Of many lines the legend is higher than a square panel.
    legends = [sum(1 + line.label.count("\n") for line in lines) for lines, _ in rows.values()]
    heights = [max(3.5, 0.7 + 0.17 * n_lines) for n_lines in legends]
    with plt.rc_context(STYLE):
        figure, grid = plt.subplots(
            *(len(rows), 3),
            figsize=(7.2 + _LEGEND_INCHES, 0.6 + sum(heights)),
            squeeze=False,
            height_ratios=heights,
            width_ratios=(3.6, 3.6, _LEGEND_INCHES),
        )
        for line, (title, (lines, level)) in zip(grid, rows.items(), strict=True):
            _draw_row(line, title, lines, level)
        area, precision = curves[best].areas[:, row]
        where = "best on" if len(curves) > 1 else "on"
        set_title(
            figure,
            f"{model} tells classes apart {where} {best}: area under the ROC curve {area:.3f}, "
            f"average precision {precision:.3f}",
        )
    return figure


def _best(curves: Mapping[str, Curves]) -> str:
    """Return the combo with the largest area, of those that are tested on the same images."""
    common = [combo for combo in curves if combo != OFFICIAL] or list(curves)
    return max(common, key=lambda combo: np.nan_to_num(curves[combo].areas[0, 0]))


def _draw_row(row: Sequence[Axes], title: str, lines: Sequence[_Line], level: float | None) -> None:
    """Draw the ROC curves, the precision–recall curves, and what each line is.

    Args:
        row: three axes.
        title: of the row.
        lines: to draw.
        level: precision of answers by chance, if it is the same for all lines.
    """
    for kind, (axes, (x, y)) in enumerate(zip(row, _AXES, strict=False)):
        for place, line in enumerate(lines):
            look = {
                "color": COLOURS[place % len(COLOURS)],
                "linestyle": _DASHES[place // len(COLOURS) % len(_DASHES)],
            }
            axes.plot(GRID, line.values[kind], linewidth=1.3, label=line.label, **look)
        chance = {0: GRID, 1: None if level is None else np.full(len(GRID), level)}[kind]
        if chance is not None:
            axes.plot(GRID, chance, color="0.6", linestyle=":", linewidth=1, label="by chance")
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02), xlabel=x, ylabel=y)
        axes.grid(True)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(percent)
    row[0].set_title(title)
    row[2].axis("off")
    row[2].legend(
        *row[0].get_legend_handles_labels(),
        title="ROC area / average precision",
        loc="upper left",
        frameon=False,
        fontsize=_LEGEND_SIZE,
        title_fontsize=_LEGEND_SIZE,
        alignment="left",
    )
