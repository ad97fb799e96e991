"""Figures, one function each, from a table or an array; every one states its finding and names its axes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from study.calibration import error_of_bins
from study.files import atomic_path

# Okabe & Ito's palette: told apart with colour-blindness and, with the markers, in grey print.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_STYLE = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "study",  # same figure, same bytes
    "figure.constrained_layout.use": True,
}


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write the figure in the format of the path's suffix, atomically and without a date, then close it."""
    with atomic_path(path) as temporary, plt.rc_context(_STYLE):
        figure.savefig(temporary, metadata={"Date": None} if temporary.suffix == ".svg" else None, dpi=150)
    plt.close(figure)


def confusion_matrix_figure(matrix: np.ndarray, classes: Sequence[str], title: str) -> Figure:
    """Return a heat map of a confusion matrix, int K×K: counts written, colour by the share of the true class."""
    with plt.rc_context(_STYLE):
        size = 2.2 + 0.6 * len(classes)
        figure, axes = plt.subplots(figsize=(size + 1, size))
        totals = matrix.sum(axis=1, keepdims=True)
        share = np.divide(matrix, totals, out=np.zeros(matrix.shape), where=totals > 0)
        image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
        for (row, column), count in np.ndenumerate(matrix):
            colour = "white" if share[row, column] > 0.5 else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=9)
        ticks = range(len(classes))
        axes.set_xticks(ticks, classes, rotation=45, ha="right", rotation_mode="anchor")
        axes.set_yticks(ticks, classes)
        axes.set(xlabel="Predicted", ylabel="True", title=title)
        axes.spines[:].set_visible(False)
        figure.colorbar(image, ax=axes, label="Share of the true class", shrink=0.8)
    return figure


def schedule_figure(values: np.ndarray, steps_per_epoch: int, title: str, momentum_name: str) -> Figure:
    """Return learning rate and momentum over the epochs.

    Args:
        values: float, steps×2; learning rate and momentum at each step.
        steps_per_epoch: training steps in an epoch.
        title: what is shown.
        momentum_name: what to call the momentum.
    """
    epochs = np.arange(len(values)) / steps_per_epoch
    with plt.rc_context(_STYLE):
        figure, rows = plt.subplots(2, 1, figsize=(8, 5), sharex=True, height_ratios=(2, 1))
        for axes, column, name, colour in zip(rows, values.T, ("Learning rate", momentum_name), _COLOURS, strict=False):
            axes.plot(epochs, column, color=colour, drawstyle="steps-post")
            axes.set_ylabel(name)
            axes.grid(color="0.9")
            axes.margins(x=0.01)
        rows[0].ticklabel_format(axis="y", style="sci", scilimits=(-2, 3))
        rows[1].set_xlabel("Epochs done")
        rows[1].ticklabel_format(axis="y", useOffset=False)
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure


def lr_find_figure(
    rates: np.ndarray, losses: np.ndarray, smoothed: np.ndarray, places: Mapping[str, int], title: str
) -> Figure:
    """Return loss over learning rate, with the suggestions marked.

    Args:
        rates: float, n; the learning rate of each step.
        losses: float, n; of each step's batch.
        smoothed: float, n.
        places: step of each suggestion, by the name of its rule.
        title: what is shown.
    """
    with plt.rc_context(_STYLE):
        figure, axes = plt.subplots(figsize=(8, 4.6))
        axes.plot(rates, losses, color="0.75", linewidth=1, label="loss of a batch")
        axes.plot(rates, smoothed, color=_COLOURS[0], label="smoothed")
        for (name, place), colour, marker in zip(places.items(), _COLOURS[1:], _MARKERS, strict=False):
            label = f"{name}: {rates[place]:.3g}"
            axes.plot(rates[place], smoothed[place], marker, color=colour, markersize=9, zorder=3, label=label)
        axes.set_xscale("log")
        # A diverged end would press everything else flat.
        low, high = smoothed.min(), smoothed[: smoothed.argmin() + 1].max()
        axes.set_ylim(low - 0.15 * (high - low) - 0.01, high + 0.25 * (high - low) + 0.01)
        axes.set(xlabel="Learning rate", ylabel="Loss", title=title)
        axes.grid(color="0.9")
        axes.legend(frameon=False)
    return figure


def trials_figure(trials: pd.DataFrame, keys: Sequence[str], title: str) -> Figure:
    """Return the validation accuracies of a hyper-parameter search.

    A heat map where two keys were searched over a grid; else the accuracy by trial beside parallel coordinates.

    Args:
        trials: one row a trial with `trial`, the keys, `state` and `val_accuracy` (NaN unless complete).
        keys: the searched recipe keys.
        title: what is shown.
    """
    listed = [key for key in keys if trials[key].map(lambda value: isinstance(value, list)).any()]
    trials = trials.assign(**{key: trials[key].map(str) for key in listed})
    with plt.rc_context(_STYLE):
        if len(keys) == 2 and not trials.duplicated(list(keys)).any() and _is_grid(trials, keys):
            figure = _trials_heat_map(trials, keys)
        else:
            figure = _trials_lines(trials, keys)
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
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
    for place, value in np.ndenumerate(values):
        text = "diverged" if np.isnan(value) else f"{value:.1%}"
        colour = "white" if value > middle else "black"
        axes.text(*place[::-1], text, ha="center", va="center", color=colour, weight="bold" if place == best else None)
    axes.add_patch(
        plt.Rectangle((best[1] - 0.5, best[0] - 0.5), 1, 1, fill=False, edgecolor=_COLOURS[1], linewidth=2.5)
    )
    axes.set_xticks(range(len(table.columns)), [_value_text(value) for value in table.columns])
    axes.set_yticks(range(len(table)), [_value_text(value) for value in table.index])
    axes.set(xlabel=across, ylabel=down)
    axes.spines[:].set_visible(False)
    colours = figure.colorbar(image, ax=axes, label="Validation accuracy")
    colours.formatter = matplotlib.ticker.PercentFormatter(1.0)
    return figure


def _trials_lines(trials: pd.DataFrame, keys: Sequence[str]) -> Figure:
    complete = trials[trials["val_accuracy"].notna()]
    figure, (history, parallel) = plt.subplots(1, 2, figsize=(11, 4.6), width_ratios=(1, 1.3))
    history.plot(complete["trial"], complete["val_accuracy"], "o", color=_COLOURS[0], label="complete")
    history.plot(
        complete["trial"],
        complete["val_accuracy"].cummax(),
        color=_COLOURS[1],
        drawstyle="steps-post",
        label="best so far",
    )
    for trial in trials.loc[trials["val_accuracy"].isna(), "trial"]:
        history.axvline(trial, color="0.85", linewidth=1, zorder=0)
    history.plot([], [], color="0.85", label="pruned or diverged")
    history.set(xlabel="Trial", ylabel="Validation accuracy")
    history.yaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1.0))
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
            positions[key] = column.map(lambda value, names=names: names.index(str(value)) / max(1, len(names) - 1))
            ends = tuple((i / max(1, len(names) - 1), name) for i, name in enumerate(names))
        for height, value in ends:
            background = {"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.8}
            parallel.text(place + 0.03, height, _value_text(value), va="center", fontsize=9, zorder=4, bbox=background)
    colours = matplotlib.cm.ScalarMappable(cmap="viridis_r")
    colours.set_clim(complete["val_accuracy"].min(), complete["val_accuracy"].max())
    for row, accuracy in complete.sort_values("val_accuracy")["val_accuracy"].items():
        parallel.plot([positions[key][row] for key in keys], color=colours.to_rgba(accuracy), linewidth=1.2)
    parallel.set_xticks(range(len(keys)), keys)
    parallel.set(yticks=[], xlim=(-0.1, len(keys) - 0.6 if len(keys) > 1 else 0.6))
    parallel.spines["left"].set_visible(False)
    figure.colorbar(colours, ax=parallel, label="Validation accuracy", format=matplotlib.ticker.PercentFormatter(1.0))
    return figure


def _value_text(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def reproduction_figure(
    systems: Mapping[str, Mapping[str, Any]],
    table: pd.DataFrame,
    curves: Callable[[str, str, str], Sequence[np.ndarray]],
    title: str,
) -> Figure:
    """Return a panel a system: its curves of accuracy by epoch over ours, or else its final accuracies by combo beside ours.

    Args:
        systems: content of config/published.yaml, those to draw.
        table: what `study.reproduction.reproduction_table` returned.
        curves: gives our accuracies by epoch, one array a run, for a model, a combo and "val" or "test".
        title: what is shown.
    """
    with plt.rc_context(_STYLE):
        figure, row = plt.subplots(1, len(systems), figsize=(1 + 4.4 * len(systems), 4.2), squeeze=False)
        for axes, (name, system) in zip(row[0], systems.items(), strict=True):
            axes.set_title(f"{name}: {system['model']}")
            if "curves" in system:
                for curve in system["curves"]:
                    _draw_published_curve(axes, system, curve, curves)
            else:
                _draw_published_points(axes, system, table[table["system"] == name])
            axes.yaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1.0, decimals=0))
            axes.grid(color="0.9")
            axes.set_axisbelow(True)
            axes.legend(frameon=False, loc="lower right")
        row[0][0].set_ylabel("Accuracy")
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure


def _draw_published_curve(
    axes: plt.Axes,
    system: Mapping[str, Any],
    curve: Mapping[str, Any],
    curves: Callable[[str, str, str], Sequence[np.ndarray]],
) -> None:
    for colour, model, label in (
        (_COLOURS[2], system["tuned"], "ours, tuned"),
        (_COLOURS[1], system["model"], "ours, reported"),
    ):
        for i, values in enumerate(curves(model, curve["combo"], curve["measured_on"])):
            axes.plot(np.arange(1, len(values) + 1), values, color=colour, alpha=0.7, label=label if i == 0 else None)
    published = np.array(curve["values"])
    axes.plot(np.arange(1, len(published) + 1), published, "o-", color=_COLOURS[0], markersize=3, label="published")
    axes.set_xlabel(f"Epoch ({curve['measured_on']} of {curve['combo']})")


def _draw_published_points(axes: plt.Axes, system: Mapping[str, Any], table: pd.DataFrame) -> None:
    finals = [
        claim for claim in system["claims"] if claim["measure"] == "test_accuracy" and "not_comparable" not in claim
    ]
    for place, claim in enumerate(finals):
        values = claim.get("values", [claim.get("value")])
        axes.plot(
            np.full(len(values), place - 0.2), values, "o", color=_COLOURS[0], label="published" if place == 0 else None
        )
        row = table[(table["combo"] == claim["combo"]) & (table["measure"] == "test accuracy")].iloc[0]
        for offset, column, colour, marker in ((0, "ours", _COLOURS[1], "s"), (0.2, "tuned", _COLOURS[2], "^")):
            if np.isfinite(row[column]):
                spread = row[f"{column}_sd"] if np.isfinite(row[f"{column}_sd"]) else 0
                label = f"{column if column == 'ours' else 'ours, tuned'}, mean ± sd" if place == 0 else None
                axes.errorbar(place + offset, row[column], spread, fmt=marker, color=colour, label=label)
    axes.set_xticks(range(len(finals)), [claim["combo"] for claim in finals])


def image_grid_figure(rows: Mapping[str, np.ndarray], columns: Sequence[str], title: str) -> Figure:
    """Return images in a grid, not smoothed.

    Args:
        rows: name of each row and its images, uint8 n×H×W×3.
        columns: n names, shown above the first row.
        title: what is shown.
    """
    with plt.rc_context(_STYLE):
        figure, grid = plt.subplots(
            len(rows), len(columns), figsize=(len(columns), 1.05 * len(rows) + 0.6), squeeze=False
        )
        for line, (name, images) in zip(grid, rows.items(), strict=True):
            for axes, image in zip(line, images, strict=True):
                axes.imshow(image, interpolation="nearest")
                axes.set(xticks=[], yticks=[])
                axes.spines[:].set_visible(False)
            line[0].set_ylabel(name, rotation=0, ha="right", va="center")
        for axes, name in zip(grid[0], columns, strict=True):
            axes.set_title(name, fontsize=9, loc="center")
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure


def image_pairs_figure(panels: Mapping[str, Sequence[tuple[np.ndarray, np.ndarray, str]]], title: str) -> Figure:
    """Return pairs of images beside each other, not smoothed, in panels side by side.

    Args:
        panels: name of each panel and its pairs: two images, uint8 H×W×C (in grey unless C is 3), and what is written above them.
        title: what is shown.
    """
    across = 3  # pairs in a row of a panel
    down = max(-(-len(pairs) // across) for pairs in panels.values())
    with plt.rc_context(_STYLE):
        figure = plt.figure(figsize=(2.1 * across * len(panels), 1.45 * down + 0.8))
        parts = figure.subfigures(1, len(panels), wspace=0.04, squeeze=False)[0]
        for part, (name, pairs) in zip(parts, panels.items(), strict=True):
            part.suptitle(name, x=0.01, ha="left", fontsize=11)
            grid = list(part.subplots(down, across, squeeze=False).flat)
            for axes in grid:
                axes.axis("off")
            for axes, (left, right, caption) in zip(grid, pairs, strict=False):
                gap = np.full((len(left), max(1, left.shape[1] // 16), left.shape[2]), 255, np.uint8)
                both = np.concatenate([left, gap, right], axis=1)
                both = both if both.shape[2] == 3 else both.mean(axis=2)
                axes.imshow(both, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
                axes.set_title(caption, fontsize=7, loc="left")
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure


def message_figure(message: str) -> Figure:
    """Return a figure that holds nothing but a line of text, where there is nothing to draw."""
    with plt.rc_context(_STYLE):
        figure = plt.figure(figsize=(8, 1))
        figure.text(0.02, 0.5, message, va="center")
    return figure


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
    panels = {
        "common_test_accuracy": "Common test: same images for every combo",
        "test_accuracy": "Own test: each combo's images, not comparable",
    }
    with plt.rc_context(_STYLE):
        figure, row = plt.subplots(1, 2, figsize=(11, 4.6), sharey=True)
        for axes, (metric, title) in zip(row, panels.items(), strict=True):
            for m, model in enumerate(models):
                colour, marker = _COLOURS[m % len(_COLOURS)], _MARKERS[m % len(_MARKERS)]
                offset = (m - (len(models) - 1) / 2) * 0.6 / max(len(models), 1)
                for c, combo in enumerate(combos):
                    at = (summary["combo"] == combo) & (summary["model"] == model)
                    if not at.any():
                        continue
                    values = summary.loc[at, metric].to_numpy(float)
                    spread = np.linspace(-0.04, 0.04, len(values)) if len(values) > 1 else np.zeros(len(values))
                    axes.plot(c + offset + spread, values, marker, color=colour, alpha=0.55, markersize=5, zorder=2)
                    group = groups[(groups["combo"] == combo) & (groups["model"] == model)].iloc[0]
                    mean, low, high = (group[f"{metric}_{part}"] for part in ("mean", "low", "high"))
                    axes.hlines(mean, c + offset - 0.12, c + offset + 0.12, color=colour, linewidth=2, zorder=3)
                    if np.isfinite(low):
                        axes.vlines(c + offset, low, high, color=colour, linewidth=1, zorder=1)
                axes.plot([], [], marker, color=colour, label=model)
            axes.set_xticks(range(len(combos)), combos)
            axes.set_xlim(-0.6, len(combos) - 0.4)
            axes.grid(axis="y", color="0.9")
            axes.set_axisbelow(True)
            axes.set(title=title, xlabel="Combo of partitions")
        row[0].set_ylabel("Accuracy")
        row[0].yaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1.0, decimals=0))
        row[0].set_ylim(*_accuracy_limits(summary[list(panels)].to_numpy(float), groups))
        row[1].legend(title="Model", loc="lower right", frameon=False)
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
    return f"{best} leads {worst} by {gap:.1f} points on the common test (mean over models and seeds)"


def comparisons_figure(pairs: pd.DataFrame) -> Figure:
    """Return the differences of accuracy in points: a matrix of combos a model, and for each pair of models a row over combos.

    Decided differences are bold, undecided ones in brackets.

    Args:
        pairs: rows of `study.contrasts.comparisons` with `compared`, `within`, `a`, `b`, `difference` and `verdict`.
    """
    panels = []
    for model, family in pairs[pairs["compared"] == "combos"].groupby("within", sort=False):
        mirrored = family.rename(columns={"a": "b", "b": "a"}).assign(difference=-family["difference"])
        both = pd.concat([family, mirrored], ignore_index=True)
        panels.append(
            (f"{model}: row less column", *_cells(both, "b", "a", dict.fromkeys([*family["a"], *family["b"]])))
        )
    models = pairs[pairs["compared"] == "models"]
    if len(models):
        models = models.assign(pair=models["b"] + " less " + models["a"])
        panels.append(("models, on each combo", *_cells(models, "pair", "within")))
    decided = int((pairs["verdict"] != "undecided").sum())
    most = max(0.1, 100 * float(pairs["difference"].abs().max()))
    columns = min(2, len(panels))
    lines = -(-len(panels) // columns)
    with plt.rc_context(_STYLE):
        widest = max(values.shape[1] for _, values, _ in panels)
        heights = [
            1.3 + 0.55 * max(len(v) for _, v, _ in panels[i * columns : (i + 1) * columns]) for i in range(lines)
        ]
        figure, grid = plt.subplots(
            lines,
            columns,
            figsize=(columns * (1.7 + 0.75 * widest) + 1, sum(heights) + 0.5),
            height_ratios=heights,
            squeeze=False,
        )
        for axes in grid.flat[len(panels) :]:
            axes.set_visible(False)
        for axes, (title, values, real) in zip(grid.flat, panels, strict=False):
            image = axes.imshow(100 * values.to_numpy(), cmap="RdBu", vmin=-most, vmax=most, aspect="auto")
            for place, value in np.ndenumerate(100 * values.to_numpy()):
                if not np.isnan(value):
                    text = f"{value:+.1f}" if real.iat[place] else f"({value:+.1f})"
                    look = {
                        "color": "white" if abs(value) > 0.6 * most else "black",
                        "weight": "bold" if real.iat[place] else None,
                    }
                    axes.text(*place[::-1], text, ha="center", va="center", **look)
            axes.set_xticks(range(len(values.columns)), values.columns, rotation=35, ha="right", rotation_mode="anchor")
            axes.set_yticks(range(len(values)), values.index)
            axes.spines[:].set_visible(False)
            axes.tick_params(length=0)
            axes.set_title(title)
        figure.colorbar(image, ax=grid, label="Difference of accuracy, points", shrink=0.8)
        title = f"{decided} of {len(pairs)} differences are real (bold: p ≤ 5 %, Holm)"
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure


def _cells(
    pairs: pd.DataFrame, rows: str, columns: str, order: Iterable[str] | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the differences, and whether they are decided, as tables; in an order of rows and columns, or as they come."""
    pairs = pairs.assign(real=(pairs["verdict"] != "undecided").astype(float))
    order = None if order is None else list(order)
    index, names = (order or list(dict.fromkeys(pairs[key])) for key in (rows, columns))
    values, real = (pairs.pivot(index=rows, columns=columns, values=key) for key in ("difference", "real"))
    return values.reindex(index, columns=names), real.reindex(index, columns=names) > 0


def scaling_figure(
    points: Mapping[str, tuple[np.ndarray, np.ndarray]],
    fits: Mapping[str, Callable[[np.ndarray], np.ndarray]],
    title: str,
) -> Figure:
    """Return error over training images on logarithmic axes, with the fits.

    Args:
        points: by model the number of training images and the error of each run.
        fits: by model the fitted error; a model may have none.
        title: what is shown.
    """
    with plt.rc_context(_STYLE):
        figure, axes = plt.subplots(figsize=(7, 4.8))
        everywhere = np.concatenate([n for n, _ in points.values()])
        line = np.geomspace(everywhere.min(), everywhere.max(), 50)
        styles = zip(points.items(), _COLOURS * len(points), _MARKERS * len(points), strict=False)
        for place, ((model, (n, error)), colour, marker) in enumerate(styles):
            shift = 1.015 ** (place - (len(points) - 1) / 2)  # so that models do not hide each other
            axes.plot(n * shift, error, marker, color=colour, alpha=0.75, label=model)
            if model in fits:
                axes.plot(line, fits[model](line), color=colour, linewidth=1.2)
        axes.set_xscale("log")
        axes.set_yscale("log")
        ticks = np.unique(everywhere)
        axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        axes.xaxis.minorticks_off()
        for formatter in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
            formatter(matplotlib.ticker.PercentFormatter(1.0, decimals=0))
        axes.set(xlabel="Training images", ylabel="Error on the common test", title=title)
        axes.grid(color="0.9", which="both")
        axes.legend(frameon=False)
    return figure


def calibration_figure(
    bins: Mapping[str, Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]]], title: str
) -> Figure:
    """Return reliability diagrams: accuracy over confidence, a panel a model, as trained and after temperature scaling.

    Args:
        bins: by model and state what `study.calibration.reliability` returned: count, mean confidence and accuracy of each bin.
        title: what is shown.
    """
    columns = min(4, len(bins))
    lines = -(-len(bins) // columns)
    with plt.rc_context(_STYLE):
        figure, grid = plt.subplots(
            lines, columns, figsize=(1 + 3.6 * columns, 0.8 + 3.6 * lines), sharex=True, sharey=True, squeeze=False
        )
        for axes in grid.flat[len(bins) :]:
            axes.set_visible(False)
        for axes, (model, states) in zip(grid.flat, bins.items(), strict=False):
            axes.plot([0, 1], [0, 1], color="0.7", linewidth=1, zorder=0)
            for (state, (count, confidence, accuracy)), colour, marker in zip(
                states.items(), _COLOURS, _MARKERS, strict=False
            ):
                area = 12 + 160 * count / count.sum()
                axes.plot(confidence, accuracy, color=colour, linewidth=1)
                axes.scatter(confidence, accuracy, area, color=colour, marker=marker, label=state)
            errors = (error_of_bins(*of_state) for of_state in states.values())
            axes.set_title(f"{model}: calibration error {' → '.join(f'{error:.1%}' for error in errors)}")
            axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
            axes.grid(color="0.92")
            axes.set_axisbelow(True)
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter(matplotlib.ticker.PercentFormatter(1.0, decimals=0))
        handles, labels = grid[0, 0].get_legend_handles_labels()
        grid[0, 0].legend(handles, labels, frameon=False, loc="upper left", markerscale=0.7)
        figure.supxlabel("Confidence")
        figure.supylabel("Accuracy")
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure


def precision_recall_figure(
    sources: Mapping[str, pd.DataFrame],
    scores: Sequence[str],
    targets: Mapping[str, str],
    curve: Callable[[pd.Series, pd.Series], tuple[np.ndarray, np.ndarray]],
    agreement: pd.DataFrame,
    title: str,
) -> Figure:
    """Return precision over recall of scores of hardness, a row for each source of human votes and a panel for each target.

    Args:
        sources: one row an image with the scores and the targets, by the name of the source.
        scores: columns, larger is harder.
        targets: columns of yes or no, and what yes means.
        curve: gives precision and recall, from a score and a target.
        agreement: one row a source, target, score and metric with its `value`, among them `average_precision`.
        title: what is shown.
    """
    average_precision = agreement[agreement["metric"] == "average_precision"].set_index(["source", "target", "score"])
    with plt.rc_context(_STYLE):
        figure, grid = plt.subplots(
            len(sources), len(targets), figsize=(1 + 5 * len(targets), 0.6 + 3.8 * len(sources)), squeeze=False
        )
        for line, (source, images) in zip(grid, sources.items(), strict=True):
            for axes, (target, meaning) in zip(line, targets.items(), strict=True):
                prevalence = highest = images[target].mean()
                axes.set_title(f"{source}: {images[target].sum()} of {len(images)} images {meaning}")
                for score, colour, dashes in zip(scores, _COLOURS, ("-", "--", "-.", ":"), strict=False):
                    if prevalence:
                        precision, recall = curve(images[score], images[target])
                        mean = average_precision.loc[(source, target, score), "value"]
                        axes.plot(recall, precision, dashes, color=colour, label=f"{score}: {mean:.3f}")
                        # The first few images decide how a curve begins: that may leave the picture.
                        highest = max(highest, precision[recall >= 0.05].max())
                axes.axhline(prevalence, color="0.5", linewidth=1, label=f"any order: {prevalence:.3f}")
                axes.set(xlim=(0, 1), ylim=(0, min(1, 1.5 * highest) or 1), xlabel="Recall")
                axes.grid(color="0.9")
                axes.legend(frameon=False, title="Average precision", loc="upper right", ncols=2)
            line[0].set_ylabel("Precision")
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure


def hardness_map_figure(table: pd.DataFrame, title: str) -> Figure:
    """Return a map of all judged images: mean over the spread of the label's probability among runs that have not seen them.

    Args:
        table: columns `p_label_mean`, `p_label_std`, `error_rate`; NaN where no run may judge.
        title: what is shown.
    """
    judged = table[table["error_rate"].notna()]
    with plt.rc_context(_STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 4.6), sharex=True, sharey=True)
        x, y = judged["p_label_std"], judged["p_label_mean"]
        grid = {"gridsize": 40, "extent": (0, 0.5, 0, 1), "linewidths": 0.1}
        dense = left.hexbin(x, y, bins="log", cmap="Greys", mincnt=1, **grid)
        wrong = right.hexbin(x, y, judged["error_rate"], cmap="cividis", vmin=0, vmax=1, mincnt=1, **grid)
        figure.colorbar(dense, ax=left, label="Images")
        bar = figure.colorbar(wrong, ax=right, label="Share of runs that are wrong")
        bar.formatter = matplotlib.ticker.PercentFormatter(1.0, decimals=0)
        for axes in (left, right):
            axes.set_xlabel("Standard deviation over runs of p(label)")
        left.set_ylabel("Mean of p(label) over runs")
        for height, word in ((0.97, "easy"), (0.03, "hard")):
            left.text(0.49, height, word, ha="right", va="center", color="0.3", style="italic")
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure


def growth_figure(growth: pd.DataFrame, title: str) -> Figure:
    """Return how much of the list of hardest images fewer runs find.

    Args:
        growth: rows of `study.hardness.growth`: `n_runs`, `score`, `overlap`.
        title: what is shown.
    """
    names = {"hardness": "mean rank of the loss", "error_rate": "share of wrong runs"}
    with plt.rc_context(_STYLE):
        figure, axes = plt.subplots(figsize=(7, 4.2))
        for (score, rows), colour, marker in zip(growth.groupby("score", sort=False), _COLOURS, _MARKERS, strict=False):
            axes.plot(rows["n_runs"], rows["overlap"], marker=marker, color=colour, label=f"by {names[score]}")
        axes.set_xscale("log", base=2)
        ticks = growth["n_runs"].unique()
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.xaxis.minorticks_off()
        axes.set_ylim(0, 1.02)
        axes.yaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1.0, decimals=0))
        axes.set(xlabel="Runs", ylabel="Share of the whole study's list", title=title)
        axes.grid(color="0.9")
        axes.legend(frameon=False)
    return figure


def confusion_pairs_figure(pairs: pd.DataFrame, title: str) -> Figure:
    """Return bars for the most frequent confusions among hard images, label → consensus of the runs.

    Args:
        pairs: columns `label`, `consensus` (names) and `n`, most frequent first.
        title: what is shown.
    """
    with plt.rc_context(_STYLE):
        figure, axes = plt.subplots(figsize=(7, 0.9 + 0.3 * max(1, len(pairs))))
        names = [f"{row.label} → {row.consensus}" for row in pairs.itertuples()]
        bars = axes.barh(names, pairs["n"], color=_COLOURS[0])
        axes.bar_label(bars, padding=3)
        axes.invert_yaxis()
        axes.set(xlabel="Images", title=title)
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
    return figure


def human_error_figure(
    tables: Mapping[str, np.ndarray], groups: Mapping[str, pd.DataFrame], names: Sequence[str], title: str
) -> Figure:
    """Return, a row for each source of human votes, what is hard for models and for people, and human error over hardness.

    Args:
        tables: int 2×2 by source; rows easy and hard for models, columns easy and hard for people.
        groups: by source, one row a group of images of like hardness with `hardness`, `human_error`, `low` and `high`.
        names: what makes an image hard for models, and for people.
        title: what is shown.
    """
    with plt.rc_context(_STYLE):
        figure, grid = plt.subplots(len(tables), 2, figsize=(11, 0.6 + 3.8 * len(tables)), squeeze=False)
        for (cells, axes), (source, table) in zip(grid, tables.items(), strict=True):
            share = table / table.sum()
            cells.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
            for (row, column), count in np.ndenumerate(table):
                colour = "white" if share[row, column] > 0.5 else "black"
                text = f"{count}\n{share[row, column]:.1%}"
                cells.text(column, row, text, ha="center", va="center", color=colour)
            cells.set_xticks(range(2), ["easy for people", f"hard for people\n({names[1]})"])
            cells.set_yticks(range(2), ["easy for\nmodels", f"hard for\nmodels\n({names[0]})"])
            cells.spines[:].set_visible(False)
            cells.set_title(f"{source}: {table.sum()} images")
            group = groups[source]
            label = f"mean of {table.sum() // len(group)} images, 95 % interval"
            axes.plot(group["hardness"], group["human_error"], "o-", color=_COLOURS[0], label=label)
            axes.vlines(group["hardness"], group["low"], group["high"], color=_COLOURS[0], linewidth=1)
            axes.set(xlim=(0, 1), xlabel="Hardness for models (mean rank of the loss)", ylabel="Human error")
            axes.set_ylim(bottom=0)
            axes.yaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1.0))
            axes.grid(color="0.9")
            axes.legend(frameon=False, loc="upper left")
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure
