"""Figures of comparisons between runs: differences, where the spread comes from, data scaling, calibration."""

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from study.report.plots.style import COLOURS, MARKERS, STYLE, legend_below, model_looks, percent
from study.runs.calibration import error_of_bins


def comparisons_figure(pairs: pd.DataFrame) -> Figure:
    """Return the differences of accuracy in points: a matrix of combos a model, and for each pair of models a row over combos.

    Decided differences are bold, undecided ones in brackets.

    Args:
        pairs: rows of `study.comparison.tables.comparisons` with `compared`, `within`, `a`, `b`, `difference` and `verdict`.
    """
    panels = []
    for model, family in pairs[pairs["compared"] == "combos"].groupby("within", sort=False):
        mirrored = family.rename(columns={"a": "b", "b": "a"}).assign(
            difference=-family["difference"]
        )
        both = pd.concat([family, mirrored], ignore_index=True)
        panels.append(
            (
                f"{model}: row less column",
                *_cells(both, "b", "a", dict.fromkeys([*family["a"], *family["b"]])),
            )
        )
    models = pairs[pairs["compared"] == "models"]
    if len(models):
        models = models.assign(pair=models["b"] + " less " + models["a"])
        panels.append(("models, on each combo", *_cells(models, "pair", "within")))
    decided = int((pairs["verdict"] != "undecided").sum())
    most = max(0.1, 100 * float(pairs["difference"].abs().max()))
    columns = min(2, len(panels))
    lines = -(-len(panels) // columns)
    with plt.rc_context(STYLE):
        widest = max(values.shape[1] for _, values, _ in panels)
        heights = [
            1.3 + 0.55 * max(len(v) for _, v, _ in panels[i * columns : (i + 1) * columns])
            for i in range(lines)
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
            image = axes.imshow(
                100 * values.to_numpy(), cmap="RdBu", vmin=-most, vmax=most, aspect="auto"
            )
            for place, value in np.ndenumerate(100 * values.to_numpy()):
                if not np.isnan(value):
                    text = _signed(value) if real.iat[place] else f"({_signed(value)})"
                    look = {
                        "color": "white" if abs(value) > 0.6 * most else "black",
                        "weight": "bold" if real.iat[place] else None,
                    }
                    axes.text(*place[::-1], text, ha="center", va="center", **look)
            axes.set_xticks(
                range(len(values.columns)),
                values.columns,
                rotation=35,
                ha="right",
                rotation_mode="anchor",
            )
            axes.set_yticks(range(len(values)), values.index)
            axes.spines[:].set_visible(False)
            axes.tick_params(length=0)
            axes.set_title(title)
        figure.colorbar(image, ax=grid, label="Difference of accuracy, points", shrink=0.8)
        title = f"{decided} of {len(pairs)} differences are real (bold: p ≤ 5 %, Holm)"
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure


def _signed(value: float) -> str:
    """Return a number of points to one decimal, with a minus sign as printers have it, and none before a zero."""
    text = f"{value:+.1f}"
    return "0.0" if float(text) == 0 else text.replace("-", "−")


def _cells(
    pairs: pd.DataFrame, rows: str, columns: str, order: Iterable[str] | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the differences, and whether they are decided, as tables; in an order of rows and columns, or as they come."""
    pairs = pairs.assign(real=(pairs["verdict"] != "undecided").astype(float))
    order = None if order is None else list(order)
    index, names = (order or list(dict.fromkeys(pairs[key])) for key in (rows, columns))
    values, real = (
        pairs.pivot(index=rows, columns=columns, values=key) for key in ("difference", "real")
    )
    return values.reindex(index, columns=names), real.reindex(index, columns=names) > 0


def variance_figure(components: pd.DataFrame, title: str) -> Figure:
    """Return the standard deviations of accuracy by what they come from, with their intervals.

    Args:
        components: rows of `study.comparison.variance.variance_components`, with `model`, `source`, `sd`, `low` and `high`; NaN is not drawn.
        title: what is shown.
    """
    models, sources = (list(dict.fromkeys(components[column])) for column in ("model", "source"))
    looks = model_looks(models)
    # Chi-square intervals of two degrees of freedom reach so far that nothing else would be seen: their ends leave the picture.
    most = 100 * max(
        components["sd"].max(), components.loc[components["source"] == "seed", "high"].max()
    )
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(8, 1.4 + 0.28 * len(components)))
        for row in components.itertuples():
            if np.isnan(row.sd):
                continue
            height = sources.index(row.source) + (
                models.index(row.model) - (len(models) - 1) / 2
            ) * 0.7 / len(models)
            look = looks[row.model]
            axes.barh(height, 100 * row.sd, 0.6 / len(models), color=look["color"], alpha=0.35)
            axes.plot(100 * row.sd, height, look["marker"], color=look["color"])
            if np.isfinite(row.low):
                axes.hlines(
                    height, 100 * row.low, 100 * row.high, color=look["color"], linewidth=1.2
                )
            text = f" {100 * row.sd:.2f}"
            axes.annotate(
                text, (100 * row.sd, height), (3, 5), textcoords="offset points", fontsize=8
            )
        for model in models:
            axes.plot([], [], linestyle="", **looks[model], label=model)
        axes.set_yticks(range(len(sources)), sources)
        axes.invert_yaxis()
        axes.set_xlim(0, 1.15 * most if most > 0 else 1)
        axes.set(
            xlabel="Standard deviation of accuracy, points (lines: 95 % intervals, cut off at the right edge)"
        )
        axes.grid(axis="x", color="0.9")
        axes.set_axisbelow(True)
        legend_below(figure, axes.get_legend_handles_labels()[0])
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure


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
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(7, 4.8))
        everywhere = np.concatenate([n for n, _ in points.values()])
        line = np.geomspace(everywhere.min(), everywhere.max(), 50)
        looks = model_looks(list(points))
        for place, (model, (n, error)) in enumerate(points.items()):
            colour = looks[model]["color"]
            shift = 1.015 ** (
                place - (len(points) - 1) / 2
            )  # so that models do not hide each other
            axes.plot(n * shift, error, linestyle="", **looks[model], alpha=0.75, label=model)
            if model in fits:
                axes.plot(line, fits[model](line), color=colour, linewidth=1.2)
        axes.set_xscale("log")
        axes.set_yscale("log")
        ticks = np.unique(everywhere)
        axes.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        axes.xaxis.minorticks_off()
        for formatter in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
            formatter(percent)
        axes.set(xlabel="Training images", ylabel="Error on the common test", title=title)
        axes.grid(color="0.9", which="both")
        axes.legend(frameon=False)
    return figure


def calibration_figure(
    bins: Mapping[str, Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]]], title: str
) -> Figure:
    """Return reliability diagrams: accuracy over confidence, a panel a model, as trained and after temperature scaling.

    Args:
        bins: by model and state what `study.runs.calibration.reliability` returned: count, mean confidence and accuracy of each bin.
        title: what is shown.
    """
    columns = min(4, len(bins))
    lines = -(-len(bins) // columns)
    with plt.rc_context(STYLE):
        figure, grid = plt.subplots(
            lines,
            columns,
            figsize=(1 + 3.6 * columns, 0.8 + 3.6 * lines),
            sharex=True,
            sharey=True,
            squeeze=False,
        )
        for axes in grid.flat[len(bins) :]:
            axes.set_visible(False)
        for axes, (model, states) in zip(grid.flat, bins.items(), strict=False):
            axes.plot([0, 1], [0, 1], color="0.7", linewidth=1, zorder=0)
            for (state, (count, confidence, accuracy)), colour, marker in zip(
                states.items(), COLOURS, MARKERS, strict=False
            ):
                area = 12 + 160 * count / count.sum()
                axes.plot(confidence, accuracy, color=colour, linewidth=1)
                axes.scatter(confidence, accuracy, area, color=colour, marker=marker, label=state)
            errors = (error_of_bins(*of_state) for of_state in states.values())
            axes.set_title(
                f"{model}: calibration error {' → '.join(f'{error:.1%}' for error in errors)}"
            )
            axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
            axes.grid(color="0.92")
            axes.set_axisbelow(True)
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter(percent)
        handles, labels = grid[0, 0].get_legend_handles_labels()
        grid[0, 0].legend(handles, labels, frameon=False, loc="upper left", markerscale=0.7)
        figure.supxlabel("Confidence")
        figure.supylabel("Accuracy")
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure
