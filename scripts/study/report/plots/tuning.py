"""Figures of hyper-parameter searches."""

from collections.abc import Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from study.report.plots.style import COLOURS, STYLE, percent, set_ticks, set_title, write_cells
from study.wording import percentage


def trials_figure(trials: pd.DataFrame, keys: Sequence[str], title: str) -> Figure:
    """Return the validation accuracies of a hyper-parameter search.

    A heat map where two keys were searched over a grid; else the accuracy by trial beside parallel
    coordinates.

    Args:
        trials: one row per trial with `trial`, the keys, `state` and `val_accuracy` (NaN unless
            complete).
        keys: the searched recipe keys.
        title: what is shown.
    """
    listed = [key for key in keys if trials[key].map(lambda value: isinstance(value, list)).any()]
    trials = trials.assign(**{key: trials[key].map(str) for key in listed})
    with plt.rc_context(STYLE):
        if len(keys) == 2 and not trials.duplicated(list(keys)).any() and _is_grid(trials, keys):
            figure = _trials_heat_map(trials, keys)
        else:
            figure = _trials_lines(trials, keys)
        set_title(figure, title)
    return figure


def _is_grid(trials: pd.DataFrame, keys: Sequence[str]) -> bool:
    return len(trials) == np.prod([trials[key].nunique() for key in keys])


def _trials_heat_map(trials: pd.DataFrame, keys: Sequence[str]) -> Figure:
    down, across = keys
    table = trials.pivot(index=down, columns=across, values="val_accuracy")
    table = table.loc[trials[down].drop_duplicates(), trials[across].drop_duplicates()]
    values = table.to_numpy(float)
    figure, axes = plt.subplots(figsize=(2.5 + 1.1 * len(table.columns), 1.8 + 0.7 * len(table)))
    image = axes.imshow(values, cmap="Blues", aspect="auto")
    middle = (np.nanmin(values) + np.nanmax(values)) / 2
    best = np.unravel_index(np.nanargmax(values), values.shape)
    bold = np.zeros(values.shape, bool)
    bold[best] = True
    states = trials.pivot(index=down, columns=across, values="state").loc[
        table.index, table.columns
    ]
    texts = table.map(percentage).where(table.notna(), states)
    write_cells(axes, texts.to_numpy(), values > middle, bold)
    axes.add_patch(
        plt.Rectangle(
            (best[1] - 0.5, best[0] - 0.5), 1, 1, fill=False, edgecolor=COLOURS[1], linewidth=2.5
        )
    )
    axes.set_xticks(range(len(table.columns)), [value_text(value) for value in table.columns])
    axes.set_yticks(range(len(table)), [value_text(value) for value in table.index])
    axes.set(xlabel=across, ylabel=down)
    axes.spines[:].set_visible(False)
    colours = figure.colorbar(image, ax=axes, label="Validation accuracy")
    colours.ax.yaxis.set_major_formatter(percent)
    return figure


def _trials_lines(trials: pd.DataFrame, keys: Sequence[str]) -> Figure:
    complete = trials[trials["val_accuracy"].notna()]
    figure, (history, parallel) = plt.subplots(1, 2, figsize=(11, 4.6), width_ratios=(1, 1.3))
    history.plot(
        complete["trial"], complete["val_accuracy"], "o", color=COLOURS[0], label="complete"
    )
    history.plot(
        complete["trial"],
        complete["val_accuracy"].cummax(),
        color=COLOURS[1],
        drawstyle="steps-post",
        label="best so far",
    )
    for trial in trials.loc[trials["val_accuracy"].isna(), "trial"]:
        history.axvline(trial, color="0.85", linewidth=1, zorder=0)
    history.plot([], [], color="0.85", label="pruned, diverged or failed")
    history.set(xlabel="Trial", ylabel="Validation accuracy")
    history.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    history.yaxis.set_major_formatter(percent)
    history.legend(frameon=False)
    positions = {}
    for place, key in enumerate(keys):
        column = trials[key]
        if pd.api.types.is_numeric_dtype(column) and column.dtype != bool:
            logarithmic = column.min() > 0 and column.max() >= 50 * column.min()
            scaled = np.log(column) if logarithmic else column.astype(float)
            low, high = scaled.min(), scaled.max()
            positions[key] = (scaled - low) / (high - low if high > low else 1)
            ends = ((0, column.min()), (1, column.max()))
        else:
            names = list(dict.fromkeys(map(str, column)))
            positions[key] = column.map(
                lambda value, names=names: names.index(str(value)) / max(1, len(names) - 1)
            )
            ends = tuple((i / max(1, len(names) - 1), name) for i, name in enumerate(names))
        for height, value in ends:
            background = {"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.8}
            parallel.text(
                place + 0.03,
                height,
                value_text(value),
                va="center",
                fontsize=9,
                zorder=4,
                bbox=background,
            )
    colours = matplotlib.cm.ScalarMappable(cmap="viridis_r")
    colours.set_clim(complete["val_accuracy"].min(), complete["val_accuracy"].max())
    for row, accuracy in complete.sort_values("val_accuracy")["val_accuracy"].items():
        parallel.plot(
            [positions[key][row] for key in keys], color=colours.to_rgba(accuracy), linewidth=1.2
        )
    set_ticks(parallel, keys, 5.5)
    parallel.set(yticks=[], xlim=(-0.1, len(keys) - 0.6 if len(keys) > 1 else 0.6))
    parallel.spines["left"].set_visible(False)
    figure.colorbar(colours, ax=parallel, label="Validation accuracy", format=percent)
    return figure


def value_text(value: object) -> str:
    """Return a setting as it is shown, a number to three digits."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)
