"""Figures of one run."""

from collections.abc import Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.report.plots.images import captioned_images_figure
from study.report.plots.style import COLOURS, MARKERS, STYLE, message_figure, percent

# Cells and names of more classes than these would be too small to read.
_MOST_NUMBERED = 30
_MOST_NAMED = 100
_LINES = ("-", "--", ":")


def confusion_matrix_figure(matrix: np.ndarray, classes: Sequence[str], name: str) -> Figure:
    """Return two heat maps of a confusion matrix: counts, and percentages of the true class.

    Both are coloured by the percentages. Of many classes the numbers are left out, and of very many
    some of the names.

    Args:
        matrix: int, K×K; rows are true classes, columns predicted ones.
        classes: K names.
        name: of the run.
    """
    totals = matrix.sum(axis=1, keepdims=True)
    share = np.divide(matrix, totals, out=np.full(matrix.shape, np.nan), where=totals > 0)
    n, correct = matrix.sum(), np.trace(matrix)
    with plt.rc_context(STYLE):
        size = min(max(0.6 * len(classes), 3), 0.6 * _MOST_NUMBERED)
        figure, panels = plt.subplots(1, 2, figsize=(2 * size + 1.4, size + 1.7), sharey=True)
        for axes, heading, values in zip(
            panels, ("Images", "% of the true class"), (matrix, 100 * share), strict=True
        ):
            axes.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto", interpolation="none")
            if len(classes) <= _MOST_NUMBERED:
                _write_cells(axes, values, share)
            _name_classes(axes, classes)
            axes.set(xlabel="Predicted", title=heading)
            axes.spines[:].set_visible(False)
        panels[0].set_ylabel("True")
        panels[1].tick_params(axis="y", length=0)
        title = f"{name}: {correct / n:.1%} of {n:,} test images right"
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    return figure


def _write_cells(axes: Axes, values: np.ndarray, share: np.ndarray) -> None:
    """Write each value into its cell, in a colour that shows on the cell's."""
    for (row, column), value in np.ndenumerate(values):
        colour = "white" if share[row, column] > 0.5 else "black"
        whole = np.issubdtype(values.dtype, np.integer)
        text = str(value) if whole else "–" if np.isnan(value) else f"{value:.1f}"
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=9)


def _name_classes(axes: Axes, classes: Sequence[str]) -> None:
    """Name the classes at both axes, of very many every so manieth."""
    ticks = range(0, len(classes), -(-len(classes) // _MOST_NAMED))
    names = [classes[tick] for tick in ticks]
    font = {"fontsize": 7} if len(classes) > _MOST_NUMBERED else {}
    axes.set_xticks(ticks, names, rotation=45, ha="right", rotation_mode="anchor", **font)
    axes.set_yticks(ticks, names, **font)


def curves_figure(history: pd.DataFrame, kept_epoch: int | None, name: str) -> Figure:
    """Return loss, accuracy and learning rate over the epochs of a training, the kept epoch marked.

    Args:
        history: a row an epoch: `epoch`, `learning_rate`, and `loss` and `accuracy` of train, val
            and test. Values that are not finite are left out, and so are sets without any, such as
            val where there are no validation images.
        kept_epoch: the epoch whose weights were kept, from 1; None if the training diverged.
        name: of the run.
    """
    title = f"{name}: {learning_finding(history, kept_epoch)}"
    if history.empty:
        return message_figure(title)
    history = history.select_dtypes("number")
    history = history.where(np.isfinite(history))
    with plt.rc_context(STYLE):
        figure, rows = plt.subplots(3, 1, figsize=(9, 6.2), sharex=True, height_ratios=(2, 2, 1))
        _draw_parts(rows[:2], history)
        marker = "." if len(history) == 1 else ""
        rows[2].plot(history["epoch"], history["learning_rate"], color="0.3", marker=marker)
        for axes, label in zip(rows, ("Loss (nats)", "Accuracy", "Learning rate"), strict=True):
            if kept_epoch is not None:
                axes.axvline(kept_epoch, color="0.6", linewidth=1, zorder=0, label="kept epoch")
            axes.set_ylabel(label)
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


def _draw_parts(rows: Sequence[Axes], history: pd.DataFrame) -> None:
    """Draw loss into the first axes and accuracy into the second, a line for each part."""
    looks = zip(("train", "val", "test"), COLOURS, MARKERS, _LINES, strict=False)
    for part, colour, marker, line in looks:
        for axes, measure in zip(rows, ("loss", "accuracy"), strict=True):
            values = history[f"{part}_{measure}"]
            if values.notna().any():
                look = {"color": colour, "marker": marker, "markersize": 4, "label": part}
                every = -(-len(history) // 20)
                axes.plot(history["epoch"], values, line, markevery=every, **look)


def learning_finding(history: pd.DataFrame, kept_epoch: int | None) -> str:
    """Return the best epoch by validation, if there is any, and the one whose weights were kept.

    Args:
        history: see `curves_figure`, as `kept_epoch`.
        kept_epoch: its number, from 1; None if the training diverged.
    """
    if kept_epoch is None:
        return f"the training diverged in epoch {len(history) + 1}"
    accuracy = history["val_accuracy"]
    if accuracy.notna().any():
        best = history.loc[accuracy.idxmax()]
        kept = "which is kept" if best["epoch"] == kept_epoch else f"epoch {kept_epoch} is kept"
        reached = f"best validation accuracy {best['val_accuracy']:.1%}"
        return f"{reached} in epoch {best['epoch']:.0f} of {len(history)}, {kept}"
    reached = history.set_index("epoch").loc[kept_epoch, "test_accuracy"]
    return f"epoch {kept_epoch} of {len(history)} is kept, test accuracy {reached:.1%}"


def mistakes_figure(
    wrong: pd.DataFrame, images: np.ndarray, n_test: int, name: str, count: int = 20
) -> Figure:
    """Return a sheet of the most confident mistakes of a run on its own test split.

    Args:
        wrong: a row a mistake, surest first: `image_id`, `true`, `pred`, `confidence`.
        images: uint8, N×H×W×C; all images of the study.
        n_test: number of images of the test split.
        name: of the run.
        count: how many are shown.
    """
    if wrong.empty:
        return message_figure(f"{name}: no mistakes on {n_test:,} test images")
    shown = wrong.head(count)
    captions = [
        f"image {row.image_id}\ntrue {row.true}\npredicted {row.pred} {row.confidence:.1%}"
        for row in shown.itertuples()
    ]
    title = (
        f"{name}: the {len(shown)} most confident of {len(wrong):,} mistakes "
        f"on {n_test:,} test images"
    )
    return captioned_images_figure(images[shown["image_id"]], captions, title)
