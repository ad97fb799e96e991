"""Figures of one run."""

from collections.abc import Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.report.plots.images import captioned_images_figure
from study.report.plots.style import COLOURS, MARKERS, STYLE, message_figure, percent, set_title
from study.report.plots.texts import shortened
from study.wording import counted, percentage

_LINES = ("-", "--", ":")


def curves_figure(history: pd.DataFrame, kept_epoch: int | None, name: str) -> Figure:
    """Return loss, accuracy and learning rate over the epochs of a training, the kept epoch marked.

    Args:
        history: one row per epoch: `epoch`, `learning_rate`, and `loss` and `accuracy` of train,
            val and test. Values that are not finite are left out, and so are sets without
            any, such as val where there are no validation images.
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
            axes.grid(True)
        rows[0].legend(
            frameon=False, ncols=4, loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0
        )
        rows[1].yaxis.set_major_formatter(percent)
        rows[2].set_ylim(bottom=0)
        rows[2].ticklabel_format(axis="y", style="sci", scilimits=(-2, 3), useOffset=False)
        rows[2].set_xlabel("Epoch")
        rows[2].xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True, min_n_ticks=1))
        set_title(figure, title)
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
        reached = f"best validation accuracy {percentage(best['val_accuracy'])}"
        return f"{reached} in epoch {best['epoch']:.0f} of {len(history)}, {kept}"
    reached = history.set_index("epoch").loc[kept_epoch, "test_accuracy"]
    return f"epoch {kept_epoch} of {len(history)} is kept, test accuracy {percentage(reached)}"


def mistakes_figure(
    wrong: pd.DataFrame, images: np.ndarray, n_test: int, name: str, count: int = 20
) -> Figure:
    """Return a sheet of the most confident mistakes of a run on its own test split.

    Args:
        wrong: one row per mistake, surest first: `image_id`, `true`, `pred`, `confidence`.
        images: uint8, N×H×W×C; all images of the study.
        n_test: number of images of the test split.
        name: of the run.
        count: how many are shown.
    """
    if wrong.empty:
        return message_figure(f"{name}: no mistakes on {n_test:,} test images")
    shown = wrong.head(count)
    captions = [
        f"image {row.image_id}\ntrue {shortened(row.true, 2.5, 7.5)}\n"
        f"predicted {shortened(row.pred, 2.5, 7.5)} {row.confidence:.1%}"
        for row in shown.itertuples()
    ]
    most = f"the {len(shown)} most confident of " if len(shown) < len(wrong) else ""
    found = f"{counted(len(wrong), 'mistake')} on {counted(n_test, 'test image')}"
    title = f"{name}: {most}{found}"
    return captioned_images_figure(images[shown["image_id"]], captions, title)
