"""Figures of accuracy: by combo and by class."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.data.names import EXTERNAL
from study.report.plots.confusion import MOST_NUMBERED, name_classes
from study.report.plots.style import (
    STYLE,
    legend_below,
    message_figure,
    model_looks,
    percent,
    set_ticks,
    set_title,
    write_cells,
)
from study.report.plots.texts import shortened, text_inches, wrapped
from study.runs.baselines import SIDE
from study.wording import percentage

# What needs no network: how it is drawn, and what it is.
_BASELINES = {
    "nearest_neighbour": (":", f"Dotted: nearest neighbour on {SIDE}×{SIDE} pixels"),
    "largest_class": ("--", "Dashed: always the largest class"),
}


def accuracy_by_combo_figure(
    summary: pd.DataFrame, groups: pd.DataFrame, baselines: pd.DataFrame
) -> Figure:
    """Return accuracy by combo: a panel for the common test, one for the combos' own tests.

    And a third one where the user has test images that are in no partition.

    Every run is a point; a bar is the mean over seeds with its 95 % t-interval. Runs that diverged
    have no accuracies and the combo `official` none on the common test: these are not drawn.

    Args:
        summary: one row per run, with `combo`, `model`, `common_test_accuracy` and `test_accuracy`.
        groups: one row per combo and model, with `<metric>_mean`, `<metric>_low`, `<metric>_high`.
        baselines: what needs no network, of `study.runs.baselines`. They are drawn where they fall
            into the picture, which they do not widen.
    """
    summary = summary.dropna(subset=["test_accuracy"])
    if summary.empty:
        return message_figure("Every training diverged: there is no accuracy to draw.")
    combos = list(dict.fromkeys(summary["combo"]))
    panels = {
        "common_test_accuracy": "Common test: same images for every combo",
        "test_accuracy": "Own test: each combo's images, not comparable",
    }
    if f"{EXTERNAL}_accuracy" in summary:
        panels[f"{EXTERNAL}_accuracy"] = "Your test images: no run trained here saw them"
    panels = {metric: title for metric, title in panels.items() if summary[metric].notna().any()}
    limits = _accuracy_limits(summary[list(panels)].to_numpy(float), groups)
    with plt.rc_context(STYLE):
        size = (max(5.5 * len(panels), 8), 4.9)
        figure, row = plt.subplots(1, len(panels), figsize=size, sharey=True, squeeze=False)
        row = row[0]
        for axes, (metric, title) in zip(row, panels.items(), strict=True):
            _draw_groups(axes, summary, groups, metric, limits)
            of_panel = metric.removesuffix("_accuracy") == baselines["measured_on"]
            _draw_baselines(axes, baselines[of_panel], combos)
            set_ticks(axes, combos, 4.5)
            axes.set_xlim(-0.6, len(combos) - 0.4)
            axes.grid(True, axis="y")
            axes.set(title=title, xlabel="Combo of partitions")
        row[0].set_ylabel("Accuracy")
        row[0].yaxis.set_major_formatter(percent)
        row[0].set_ylim(*limits)
        how = (
            "Points: runs. Bars: means over seeds. Lines: 95 % t-intervals of the mean, "
            "never narrower than Wilson's over all answers; an arrow says that one goes on beyond "
            "the picture."
        )
        if (summary.groupby(["combo", "model"])[list(panels)].count() == 1).any(axis=None):
            how += " No line where there is one seed."
        how += _reached(baselines, limits)
        legend_below(figure, row[-1].get_legend_handles_labels()[0], wrapped(how, 0.9 * size[0], 9))
        set_title(figure, _finding(groups))
    return figure


def _draw_groups(
    axes: Axes,
    summary: pd.DataFrame,
    groups: pd.DataFrame,
    metric: str,
    limits: tuple[float, float],
) -> None:
    """Draw one metric of all runs, the combos side by side and the models of a combo too."""
    combos, models = (list(dict.fromkeys(summary[name])) for name in ("combo", "model"))
    groups = groups.set_index(["combo", "model"])
    for m, (model, look) in enumerate(model_looks(models).items()):
        half = min(0.12, 0.25 / len(models))
        offset = (m - (len(models) - 1) / 2) * 0.6 / len(models)
        for c, combo in enumerate(combos):
            runs = summary[(summary["combo"] == combo) & (summary["model"] == model)]
            if runs.empty:
                continue
            values = runs[metric].to_numpy(float)
            spread = np.linspace(-0.04, 0.04, len(values)) if len(values) > 1 else np.zeros(1)
            point = {"color": look["color"], "markersize": 5}
            x = c + offset
            axes.plot(x + spread, values, look["marker"], alpha=0.55, zorder=2, **point)
            group = groups.loc[(combo, model)]
            mean, low, high = (group[f"{metric}_{part}"] for part in ("mean", "low", "high"))
            bar = {"color": look["color"], "linewidth": 2, "zorder": 3}
            axes.hlines(mean, x - half, x + half, **bar)
            if not np.isfinite(low):
                continue
            low, high = max(low, 0), min(high, 1)  # no accuracy is beyond these
            axes.vlines(x, low, high, color=look["color"], linewidth=1, zorder=1)
            for beyond, edge, arrow in (
                (low < limits[0], limits[0], 7),
                (high > limits[1], limits[1], 6),
            ):
                if beyond:
                    axes.plot(x, edge, marker=arrow, clip_on=False, **point)
        axes.plot([], [], look["marker"], color=look["color"], label=model)


def _draw_baselines(axes: Axes, baselines: pd.DataFrame, combos: Sequence[str]) -> None:
    """Draw a line through all models of a combo for each baseline, the mean over seeds."""
    means = baselines.groupby("combo")[list(_BASELINES)].mean()
    for c, combo in enumerate(combos):
        for name, (style, _) in _BASELINES.items() if combo in means.index else ():
            axes.hlines(
                *(means.at[combo, name], c - 0.42, c + 0.42),
                color="0.35",
                linestyle=style,
                linewidth=1,
                zorder=0,
            )


def _reached(baselines: pd.DataFrame, limits: tuple[float, float]) -> str:
    """Return what the baselines reach, in words, also where no line is in the picture."""
    means, text = baselines.groupby("combo")[list(_BASELINES)].mean(), ""
    for name, (_, what) in _BASELINES.items():
        least, most = means[name].min(), means[name].max()
        ends = " to ".join(dict.fromkeys(map(percentage, (least, most))))
        beyond = "below" if most < limits[0] else "above" if least > limits[1] else ""
        text += f" {what}, {ends}{f' ({beyond} the picture)' if beyond else ''}."
    return text


def _accuracy_limits(values: np.ndarray, groups: pd.DataFrame) -> tuple[float, float]:
    """Return limits that hold every point, and each interval unless it is wider than the data."""
    ends = groups.filter(regex="accuracy_(low|high)$").to_numpy()
    lowest, highest = np.nanmin(values), np.nanmax(values)
    spread = max(highest - lowest, 0.04)
    beyond = spread / (20 if highest > lowest else 2)
    low = np.nanmin([lowest - beyond, max(np.nanmin(ends, initial=1), lowest - spread / 2)])
    high = np.nanmax([highest + beyond, min(np.nanmax(ends, initial=0), highest + spread / 2)])
    low = max(0, low - spread / 20)
    # Room for the upper half of a marker at 100 %, and for no tick beyond.
    return low, min(1 + (1 - low) / 50, high + spread / 20)


def _finding(groups: pd.DataFrame) -> str:
    """Return which combo and model has the highest mean; whether it is really best, others say."""
    metric, where = "common_test_accuracy_mean", "the common test"
    if groups[metric].isna().all():
        metric, where = "test_accuracy_mean", "its own test"
    best = groups.loc[groups[metric].idxmax()]
    return (
        f"Highest mean accuracy on {where}: "
        f"{best['model']} on {best['combo']}, {percentage(best[metric])}"
    )


def recall_figure(recalls: pd.DataFrame) -> Figure:
    """Return a heat map of recall by class.

    Args:
        recalls: what `recall_table` returned, of at least one group; NaN where a class has
            no images.
    """
    values = recalls.to_numpy(float)
    n_groups, n_classes = values.shape
    names = [" on ".join(shortened(part, 2.4) for part in name) for name in recalls.index]
    few = n_classes <= MOST_NUMBERED
    width = 1.8 + max(text_inches(name, 10) for name in names)
    slant = 0.7 * max(text_inches(str(name), 10 if few else 7) for name in recalls.columns)
    cells = 0.75 * n_classes if few else min(0.2 * n_classes, 14)
    height = 1.2 + min(slant, 2) + 0.36 * n_groups
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(max(width + cells, 8), height))
        image = axes.imshow(values, cmap="cividis", aspect="auto", interpolation="none")
        middle = (image.norm.vmin + image.norm.vmax) / 2
        if few:
            texts = recalls.map(lambda recall: f"{recall:.0%}" if np.isfinite(recall) else "")
            write_cells(axes, texts.to_numpy(), values < middle, size=9)
        name_classes(axes, list(recalls.columns), cells, "x")
        axes.set_yticks(range(n_groups), names)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        bar = figure.colorbar(image, ax=axes, label="Recall")
        bar.ax.yaxis.set_major_formatter(percent)
        means = recalls.mean().dropna().sort_values()
        least, best = (shortened(str(means.index[place]), 3, 12) for place in (0, -1))
        lowest, highest = percentage(means.iloc[0], 0), percentage(means.iloc[-1], 0)
        finding = f"{least} is recognised least ({lowest}), {best} best ({highest})"
        if lowest == highest:
            finding = f"All classes are recognised alike ({lowest})"
        over = "seeds" if n_groups == 1 else "all rows"
        set_title(figure, f"{finding}: mean recall over {over}")
    return figure
