"""Sheets of images."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.report.plots.style import STYLE, set_title
from study.report.plots.texts import text_inches, wrapped


def image_grid_figure(rows: Mapping[str, np.ndarray], columns: Sequence[str], title: str) -> Figure:
    """Return images in a grid, not smoothed.

    Args:
        rows: name of each row and its images, uint8 n×H×W×3.
        columns: n names, shown above the first row.
        title: what is shown.
    """
    names = [wrapped(name, 0.95, 9, 4) for name in columns]
    lines = max((name.count("\n") for name in names), default=0)
    left = max(text_inches(name, 10) for name in rows)
    size = (max(len(columns) + left, 5), 1.05 * len(rows) + 0.6 + 0.15 * lines)
    with plt.rc_context(STYLE):
        figure, grid = plt.subplots(len(rows), len(columns), figsize=size, squeeze=False)
        for line, (name, images) in zip(grid, rows.items(), strict=True):
            for axes, image in zip(line, images, strict=True):
                axes.imshow(image, interpolation="nearest")
                axes.set(xticks=[], yticks=[])
                axes.spines[:].set_visible(False)
            line[0].set_ylabel(name, rotation=0, ha="right", va="center")
        for axes, name in zip(grid[0], names, strict=True):
            axes.set_title(name, fontsize=9, loc="center")
        set_title(figure, title)
    return figure


def image_pairs_figure(
    panels: Mapping[str, Sequence[tuple[np.ndarray, np.ndarray, str]]], title: str
) -> Figure:
    """Return pairs of images beside each other, not smoothed, in panels side by side.

    Args:
        panels: name of each panel and its pairs: two images, uint8 H×W×3, and what is
            written above them.
        title: what is shown.
    """
    across = 3  # pairs in a row of a panel
    down = max(-(-len(pairs) // across) for pairs in panels.values())
    with plt.rc_context(STYLE):
        figure = plt.figure(figsize=(2.1 * across * len(panels), 1.6 * down + 0.8))
        parts = figure.subfigures(1, len(panels), wspace=0.04, squeeze=False)[0]
        for part, (name, pairs) in zip(parts, panels.items(), strict=True):
            part.suptitle(wrapped(name, 2.0 * across, 11), x=0.01, ha="left", fontsize=11)
            grid = list(part.subplots(down, across, squeeze=False).flat)
            for axes in grid:
                axes.axis("off")
            for axes, (left, right, caption) in zip(grid, pairs, strict=False):
                gap = np.full((len(left), max(1, left.shape[1] // 16), 3), 255, np.uint8)
                both = np.concatenate([left, gap, right], axis=1)
                axes.imshow(both, interpolation="nearest")
                axes.set_title(wrapped(caption, 1.95, 7, 4), fontsize=7, loc="left")
        set_title(figure, title)
    return figure


def captioned_images_figure(images: np.ndarray, captions: Sequence[str], title: str) -> Figure:
    """Return images in rows of five, not smoothed, with a caption below each.

    Args:
        images: uint8 n×H×W×3, n ≥ 1.
        captions: n; their lines are wrapped.
        title: what is shown.
    """
    n, height, width = images.shape[:3]
    pixel = 1.2 / width  # inches
    across = 1.6  # inches that a caption may take
    captions = [wrapped(caption, across, 7.5, 7) for caption in captions]
    lines = 1 + max(caption.count("\n") for caption in captions)
    down, right = height + round((0.15 + 0.13 * lines) / pixel), round((across + 0.1) / pixel)
    tops, lefts = [down * row for row in range(-(-n // 5))], [right * column for column in range(5)]
    places = [(top, left) for top in tops for left in lefts][:n]
    with plt.rc_context(STYLE):
        figure, axes = sheet(images, places, pixel, title, size=(down * len(tops), right * 5))
        for (top, left), caption in zip(places, captions, strict=True):
            axes.text(left, top + height + 0.04 / pixel, caption, va="top", fontsize=7.5)
    return figure


def sheet(
    images: np.ndarray,
    places: Sequence[tuple[int, int]],
    pixel: float,
    title: str,
    size: tuple[int, int],
) -> tuple[Figure, Axes]:
    """Return a figure of one white picture into which the images are pasted, and its axes.

    A unit of the axes is a pixel. One picture for all images and not one for each: hundreds of axes
    take seconds.

    Args:
        images: uint8 n×H×W×3.
        places: row and column of each image's first pixel.
        pixel: side of a pixel, inches.
        title: wrapped to the width.
        size: height and width of the picture, pixels.
    """
    height, width = images.shape[1:3]
    picture = np.full((*size, 3), 255, np.uint8)
    for image, (top, left) in zip(images, places, strict=True):
        picture[top : top + height, left : left + width] = image
    margin = 0.12 / pixel
    title = wrapped(title, pixel * size[1], 11)
    above = (0.3 + 0.2 * title.count("\n")) / pixel + margin
    inches = (pixel * (size[1] + 2 * margin), pixel * (size[0] + above + margin))
    figure = plt.figure(figsize=inches, layout="none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.axis("off")
    # "none" puts the pixels themselves into an .svg, to be enlarged unsmoothed.
    axes.imshow(picture, interpolation="none", extent=(0, size[1], size[0], 0), aspect="auto")
    axes.set(xlim=(-margin, size[1] + margin), ylim=(size[0] + margin, -above))
    axes.text(0, margin - above, title, va="top", fontsize=11)
    return figure, axes
