"""Figures that compare runs: differences, where the spread comes from, and data scaling."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from study.comparison.scaling import Scaling
from study.report.plots.style import (
    STYLE,
    legend_below,
    log_ticks,
    message_figure,
    model_looks,
    percent,
    set_ticks,
    set_title,
    write_cells,
)
from study.report.plots.texts import shortened, text_inches, wrapped
from study.wording import real_differences


def comparisons_figure(pairs: pd.DataFrame) -> Figure:
    """Return the differences of accuracy in points: a matrix of combos a model, one of all models.

    Colour follows the verdict: decided differences are coloured and bold, undecided ones are grey
    and in brackets.

    Args:
        pairs: rows of `study.comparison.tables.comparisons` with `compared`, `within`, `a`, `b`,
            `difference` and `verdict`.
    """
    if pairs.empty:
        return message_figure(
            "Nothing to compare: no two combos or models have runs that can be compared."
        )
    panels = _panels(pairs)
    decided = int((pairs["verdict"] != "undecided").sum())
    most = max(0.01, 100 * float(pairs["difference"].abs().max()))
    columns = min(2, len(panels))
    lines = -(-len(panels) // columns)
    with plt.rc_context(STYLE):
        widest = max(values.shape[1] for _, values, _ in panels)
        beside, below = (
            min(max(text_inches(name, 10) for _, table, _ in panels for name in names(table)), 4.5)
            for names in (lambda table: table.index, lambda table: table.columns)
        )
        heights = [
            0.9
            + 0.6 * below
            + 0.55 * max(len(v) for _, v, _ in panels[i * columns : (i + 1) * columns])
            for i in range(lines)
        ]
        figure, grid = plt.subplots(
            lines,
            columns,
            figsize=(columns * max(0.3 + beside + 0.75 * widest, 3.6) + 1, sum(heights) + 0.5),
            height_ratios=heights,
            squeeze=False,
        )
        for axes in grid.flat[len(panels) :]:
            axes.set_visible(False)
        for axes, panel in zip(grid.flat, panels, strict=False):
            image = _draw_panel(axes, *panel, most)
        figure.colorbar(image, ax=grid, label="Difference of accuracy, points", shrink=0.8)
        found = real_differences(decided, len(pairs))
        set_title(figure, f"{found} (bold: p ≤ 5 %, Holm; grey, in brackets: undecided)")
    return figure


def _panels(pairs: pd.DataFrame) -> list[tuple[str, pd.DataFrame, pd.DataFrame]]:
    """Return the title of each panel, its differences, and whether these are decided."""
    panels = []
    for model, family in pairs[pairs["compared"] == "combos"].groupby("within", sort=False):
        mirrored = family.rename(columns={"a": "b", "b": "a"}).assign(
            difference=-family["difference"]
        )
        both = pd.concat([family, mirrored], ignore_index=True)
        order = dict.fromkeys([*family["a"], *family["b"]])
        panels.append((f"{model}: row − column", *_cells(both, "b", "a", order)))
    models = pairs[pairs["compared"] == "models"]
    if len(models):
        models = models.assign(pair=models["b"] + " − " + models["a"])
        panels.append(("models, on each combo", *_cells(models, "pair", "within")))
    return panels


def _draw_panel(
    axes: plt.Axes, title: str, values: pd.DataFrame, real: pd.DataFrame, most: float
) -> AxesImage:
    """Draw a matrix of differences, in colours from -`most` to `most` points."""
    points = 100 * values.to_numpy()
    decided = np.where(real, points, np.nan)
    axes.imshow(
        np.where(np.isnan(points), np.nan, 0.08), cmap="Greys", vmin=0, vmax=1, aspect="auto"
    )
    image = axes.imshow(decided, cmap="RdBu", vmin=-most, vmax=most, aspect="auto")
    decimals = 1 if most >= 1 else 2
    texts = values.map(lambda difference: _signed(100 * difference, decimals))
    texts = texts.where(real, "(" + texts + ")").where(values.notna(), "")
    write_cells(axes, texts.to_numpy(), np.abs(decided) > 0.6 * most, real.to_numpy())
    set_ticks(axes, values.columns, 0.75 * values.shape[1])
    axes.set_yticks(range(len(values)), [shortened(name, 4.5) for name in values.index])
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_title(wrapped(title, 0.6 + 0.75 * max(values.shape[1], 3), 11))
    return image


def _signed(value: float, decimals: int) -> str:
    """Return points with a typographic minus sign, and without sign for zero."""
    text = f"{value:+.{decimals}f}"
    return text[1:] if float(text) == 0 else text.replace("-", "−")


def _cells(
    pairs: pd.DataFrame, rows: str, columns: str, order: Iterable[str] | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the differences, and whether they are decided, as tables.

    Rows and columns are in the given order; default: the order in `pairs`.
    """
    pairs = pairs.assign(real=(pairs["verdict"] != "undecided").astype(float))
    order = None if order is None else list(order)
    index, names = (order or list(dict.fromkeys(pairs[key])) for key in (rows, columns))
    values, real = (
        pairs.pivot(index=rows, columns=columns, values=key) for key in ("difference", "real")
    )
    return values.reindex(index, columns=names), real.reindex(index, columns=names) > 0


def variance_figure(components: pd.DataFrame) -> Figure:
    """Return the standard deviations of accuracy by what they come from, with their intervals.

    Args:
        components: what `study.comparison.variance.variance_table` returned; NaN is called so.
    """
    if components["sd"].isna().all():
        return message_figure(
            "Where the spread comes from is unknown: it takes several partitions as combos, or "
            "several seeds."
        )
    models, sources = (list(dict.fromkeys(components[column])) for column in ("model", "source"))
    looks = model_looks(models)
    # Chi-square intervals of few degrees of freedom are so wide that nothing else would be seen:
    # their ends leave the picture.
    most = 170 * components["sd"].max()
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(8, 1.4 + 0.28 * len(components)))
        for row in components.itertuples():
            height = sources.index(row.source) + (
                models.index(row.model) - (len(models) - 1) / 2
            ) * 0.7 / len(models)
            if np.isnan(row.sd):
                axes.text(0, height, " not known", va="center", fontsize=8, color="0.4")
                continue
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
        axes.set_ylim(len(sources) - 0.5, -0.5)
        axes.set_xlim(0, most if most > 0 else 1)
        axes.set(
            xlabel="Standard deviation of accuracy, points "
            "(lines: 95 % intervals, cut off at the right edge)"
        )
        axes.grid(True, axis="x")
        legend_below(figure, axes.get_legend_handles_labels()[0])
        set_title(figure, _variance_title(components))
    return figure


def _variance_title(components: pd.DataFrame) -> str:
    partition = components[(components["source"] == "partition") & components["p"].notna()]
    tests = ", ".join(f"p = {row.p:.2g} ({row.model})" for row in partition.itertuples())
    if not tests:
        return "Spread of accuracy by its sources"
    return f"Do partitions differ beyond their seeds? {tests}"


def scaling_figure(errors: pd.DataFrame, fits: pd.DataFrame) -> Figure:
    """Return error over training images on logarithmic axes, with the fits.

    Args:
        errors: what `study.comparison.scaling.errors_by_size` returned.
        fits: what `study.comparison.scaling.scaling_table` returned; models without are not drawn.
    """
    if fits.empty:
        return message_figure("No data scaling: no model has runs on combos of several sizes.")
    drawn = errors[errors["model"].isin(fits["model"])]
    changes = ", ".join(
        f"{_signed(100 * row.error_ratio_of_doubling - 100, 0)}% ({row.model})"
        for row in fits.itertuples()
    )
    if ((fits["low"] < 0) & (fits["high"] > 0)).any():
        changes += "; an interval holds 0"
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(7, 4.8))
        line = np.geomspace(drawn["n_train"].min(), drawn["n_train"].max(), 50)
        looks = model_looks(list(fits["model"]))
        for i, row in enumerate(fits.itertuples()):
            of_model = drawn[drawn["model"] == row.model]
            n = of_model["n_train"] * 1.015 ** (i - (len(fits) - 1) / 2)  # no model hides another
            look = looks[row.model]
            axes.plot(n, of_model["error"], linestyle="", **look, alpha=0.75, label=row.model)
            fit = Scaling(row.exponent, row.low, row.high, row.intercept)
            axes.plot(line, fit.error(line), color=look["color"], linewidth=1.2)
        axes.set_xscale("log")
        axes.set_yscale("log")
        sizes = np.unique(drawn["n_train"])
        limits = sizes[0] / 1.1, sizes[-1] * 1.1
        apart = (np.diff(np.log(sizes)) > 0.1 * np.log(limits[1] / limits[0])).all()
        axes.set_xlim(*limits)
        axes.set_xticks(sizes if apart else log_ticks(*limits))
        axes.set_yticks(log_ticks(*axes.get_ylim()))
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.yaxis.set_major_formatter(percent)
        axes.minorticks_off()
        axes.set(
            xlabel="Training images",
            ylabel="Error on the common test",
        )
        set_title(figure, f"Error with twice the training images: {changes}")
        axes.grid(True)
        axes.legend(frameon=False)
    return figure
