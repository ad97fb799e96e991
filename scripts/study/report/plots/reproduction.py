"""The figure of published results beside ours."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from study.report.plots.style import COLOURS, STYLE, percent, set_ticks, set_title


def reproduction_figure(
    systems: Mapping[str, Mapping[str, Any]],
    table: pd.DataFrame,
    curves: Callable[[str, str, str], Sequence[np.ndarray]],
    title: str,
) -> Figure:
    """Return a panel a system: published accuracies beside ours, by epoch or else by combo.

    Args:
        systems: content of config/published.yaml, those to draw.
        table: what `study.comparison.reproduction.reproduction_table` returned.
        curves: gives our accuracies by epoch, one array a run, for a model, a combo and "val" or
            "test".
        title: what is shown.
    """
    with plt.rc_context(STYLE):
        figure, row = plt.subplots(
            1, len(systems), figsize=(1 + 4.4 * len(systems), 4.2), squeeze=False
        )
        for axes, (name, system) in zip(row[0], systems.items(), strict=True):
            axes.set_title(f"{name}: {system['model']}")
            if "curves" in system:
                for curve in system["curves"]:
                    _draw_published_curve(axes, system, curve, curves)
            else:
                _draw_published_points(axes, system, table[table["system"] == name])
            axes.yaxis.set_major_formatter(percent)
            axes.grid(True)
            axes.legend(
                frameon=False,
                loc="upper center",
                bbox_to_anchor=(0.5, -0.14),
                ncols=3,
                fontsize=8.5,
            )
        row[0][0].set_ylabel("Accuracy")
        set_title(figure, title)
    return figure


def _draw_published_curve(
    axes: plt.Axes,
    system: Mapping[str, Any],
    curve: Mapping[str, Any],
    curves: Callable[[str, str, str], Sequence[np.ndarray]],
) -> None:
    for colour, model, label in (
        (COLOURS[2], system["tuned"], "ours, tuned"),
        (COLOURS[1], system["model"], "ours, reported"),
    ):
        for i, values in enumerate(curves(model, curve["combo"], curve["measured_on"])):
            axes.plot(
                np.arange(1, len(values) + 1),
                values,
                color=colour,
                alpha=0.7,
                label=label if i == 0 else None,
            )
    published = np.array(curve["values"])
    axes.plot(
        np.arange(1, len(published) + 1),
        published,
        "o-",
        color=COLOURS[0],
        markersize=3,
        label="published",
    )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel(f"Epoch ({curve['measured_on']} of {curve['combo']})")


def _draw_published_points(axes: plt.Axes, system: Mapping[str, Any], table: pd.DataFrame) -> None:
    finals = [
        claim
        for claim in system["claims"]
        if claim["measure"] == "test_accuracy" and "not_comparable" not in claim
    ]
    for position, claim in enumerate(finals):
        values = claim.get("values", [claim.get("value")])
        axes.plot(
            np.full(len(values), position - 0.2),
            values,
            "o",
            color=COLOURS[0],
            label="published" if position == 0 else None,
        )
        row = table[
            (table["combo"] == claim["combo"]) & (table["measure"] == "test accuracy")
        ].iloc[0]
        for offset, column, colour, marker in (
            (0, "ours", COLOURS[1], "s"),
            (0.2, "tuned", COLOURS[2], "^"),
        ):
            if np.isfinite(row[column]):
                spread = row[f"{column}_sd"] if np.isfinite(row[f"{column}_sd"]) else 0
                label = (
                    f"{column if column == 'ours' else 'ours, tuned'}, mean ± sd"
                    if position == 0
                    else None
                )
                axes.errorbar(
                    position + offset, row[column], spread, fmt=marker, color=colour, label=label
                )
    set_ticks(axes, [claim["combo"] for claim in finals], 3.8)
