"""Figures of one run."""

from collections.abc import Sequence

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from study.plots.style import STYLE


def confusion_matrix_figure(matrix: np.ndarray, classes: Sequence[str], title: str) -> Figure:
    """Return a heat map of a confusion matrix, int K×K: counts written, colour by the share of the true class."""
    with plt.rc_context(STYLE):
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
