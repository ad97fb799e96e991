"""Sheets of images."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from study.plots.style import STYLE


def image_grid_figure(rows: Mapping[str, np.ndarray], columns: Sequence[str], title: str) -> Figure:
    """Return images in a grid, not smoothed.

    Args:
        rows: name of each row and its images, uint8 n×H×W×3.
        columns: n names, shown above the first row.
        title: what is shown.
    """
    with plt.rc_context(STYLE):
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
    with plt.rc_context(STYLE):
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
