"""Figures of one run."""

from collections.abc import Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from study.report.plots.style import COLOURS, MARKERS, STYLE, percent

_LINES = ("-", "--", ":")


def confusion_matrix_figure(matrix: np.ndarray, classes: Sequence[str], title: str) -> Figure:
    """Return two heat maps of a confusion matrix, int K×K: counts, and percentages of the true class; both coloured by the latter."""
    totals = matrix.sum(axis=1, keepdims=True)
    share = np.divide(matrix, totals, out=np.full(matrix.shape, np.nan), where=totals > 0)
    with plt.rc_context(STYLE):
        size = max(0.6 * len(classes), 3)
        figure, panels = plt.subplots(1, 2, figsize=(2 * size + 1.4, size + 1.7), sharey=True)
        for axes, name, values in zip(
            panels, ("Images", "% of the true class"), (matrix, 100 * share), strict=True
        ):
            axes.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto", interpolation="none")
            for (row, column), value in np.ndenumerate(values):
                colour = "white" if share[row, column] > 0.5 else "black"
                text = (
                    str(value) if values is matrix else "–" if np.isnan(value) else f"{value:.1f}"
                )
                axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=9)
            ticks = range(len(classes))
            axes.set_xticks(ticks, classes, rotation=45, ha="right", rotation_mode="anchor")
            axes.set_yticks(ticks, classes)
            axes.set(xlabel="Predicted", title=name)
            axes.spines[:].set_visible(False)
        panels[0].set_ylabel("True")
        panels[1].tick_params(axis="y", length=0)
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure


def curves_figure(history: pd.DataFrame, kept_epoch: int | None, title: str) -> Figure:
    """Return loss, accuracy and learning rate over the epochs of a training, with the epoch marked whose weights were kept.

    Args:
        history: a row an epoch, at least one: `epoch`, `learning_rate`, and `loss` and `accuracy` of train, val and test. Values
            that are not finite are left out, and so are sets without any, such as val where there are no validation images.
        kept_epoch: its number, from 1; None if the training diverged.
        title: what is shown.
    """
    history = history.select_dtypes("number")
    history = history.where(np.isfinite(history))
    epochs = history["epoch"]
    with plt.rc_context(STYLE):
        figure, rows = plt.subplots(3, 1, figsize=(9, 6.2), sharex=True, height_ratios=(2, 2, 1))
        looks = zip(("train", "val", "test"), COLOURS, MARKERS, _LINES, strict=False)
        for part, colour, marker, line in looks:
            for axes, measure in zip(rows, ("loss", "accuracy"), strict=False):
                values = history[f"{part}_{measure}"]
                if values.notna().any():
                    every = -(-len(epochs) // 20)
                    axes.plot(
                        epochs,
                        values,
                        line,
                        color=colour,
                        marker=marker,
                        markersize=4,
                        markevery=every,
                        label=part,
                    )
        rows[2].plot(
            epochs, history["learning_rate"], color="0.3", marker="." if len(epochs) == 1 else ""
        )
        for axes, name in zip(rows, ("Loss (nats)", "Accuracy", "Learning rate"), strict=True):
            if kept_epoch is not None:
                axes.axvline(kept_epoch, color="0.6", linewidth=1, zorder=0, label="kept epoch")
            axes.set_ylabel(name)
            axes.grid(color="0.9")
        rows[0].legend(
            frameon=False, ncols=4, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0
        )
        rows[1].yaxis.set_major_formatter(percent)
        rows[2].set_ylim(bottom=0)
        rows[2].ticklabel_format(axis="y", style="sci", scilimits=(-2, 3), useOffset=False)
        rows[2].set_xlabel("Epoch")
        rows[2].xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True, min_n_ticks=1))
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure


def learning_finding(history: pd.DataFrame, kept_epoch: int) -> str:
    """Return what the curves of a training tell: its best epoch by validation, if there is any, and the one whose weights were kept.

    Args:
        history: see `curves_figure`, as `kept_epoch`.
        kept_epoch: its number, from 1.
    """
    accuracy = history["val_accuracy"]
    if accuracy.notna().any():
        best = history.loc[accuracy.idxmax()]
        kept = "which is kept" if best["epoch"] == kept_epoch else f"epoch {kept_epoch} is kept"
        return f"best validation accuracy {best['val_accuracy']:.1%} in epoch {best['epoch']:.0f} of {len(history)}, {kept}"
    reached = history.set_index("epoch").loc[kept_epoch, "test_accuracy"]
    return f"epoch {kept_epoch} of {len(history)} is kept, test accuracy {reached:.1%}"
