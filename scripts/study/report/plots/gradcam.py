"""Figures of Grad-CAM: what speaks for a class in an image."""

from collections.abc import Iterator, Sequence

import matplotlib
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from study.report.plots.images import sheet
from study.report.plots.style import STYLE
from study.report.plots.texts import wrapped
from study.runs.gradcam_maps import GradcamMaps
from study.runs.predictions import ROLE_CODES

# uint8, 256×3: the colour of each value of a map.
MAP_COLOURS = np.round(255 * matplotlib.colormaps["inferno"](np.arange(256))[:, :3]).astype(
    np.uint8
)

_CAPTION = 1.35  # inches


def gradcam_figure(
    images: np.ndarray, maps: GradcamMaps, classes: Sequence[str], title: str
) -> Figure:
    """Return one row per image: caption, image, and by layer the maps of predicted and true class.

    More than four images are shown in two blocks side by side, because the report cuts off what is
    taller than a window.

    Args:
        images: uint8 n×H×W×3, n ≥ 1.
        maps: of these images.
        classes: names in label order.
        title: what is shown.
    """
    n, height, width = images.shape[:3]
    pixel = 0.95 / width  # inches
    gap, head = max(1, width // 16), round(0.45 / pixel)
    captions = [wrapped(text, _CAPTION, 7.5) for text in _captions(maps, classes)]
    lines = 1 + max(text.count("\n") for text in captions)
    caption_width = round((_CAPTION + 0.1) / pixel)
    blocks = 1 if n <= 4 else 2
    rows = -(-n // blocks)
    # The image stands apart from the maps, and the layers from each other.
    steps = [0, *(width + (3 if turn == 0 else 1) * gap for _ in maps.layers for turn in range(2))]
    columns = (caption_width + np.cumsum(steps)).tolist()
    block_width, down = (
        columns[-1] + width + 4 * gap,
        gap + max(height, round(0.125 * lines / pixel)),
    )
    starts = [(head + down * (i % rows), block_width * (i // rows)) for i in range(n)]
    over = overlay(images[:, None], maps.maps.reshape(n, -1, height, width))
    shown = np.concatenate([images[:, None], over], axis=1).reshape(-1, height, width, 3)
    places = [(top, left + column) for top, left in starts for column in columns]
    with plt.rc_context(STYLE):
        figure, axes = sheet(
            shown, places, pixel, title, size=(head + down * rows, block_width * blocks)
        )
        for (top, left), caption in zip(starts, captions, strict=True):
            axes.text(left, top + height / 2, caption, va="center", fontsize=7.5)
        names = ["image", *["predicted", "true"] * len(maps.layers)]
        heads = [f"{layer}, {h}×{w}" for layer, (h, w) in zip(maps.layers, maps.sizes, strict=True)]
        for left in dict.fromkeys(left for _, left in starts):
            for column, name in zip(columns, names, strict=True):
                axes.text(
                    left + column, head - 0.05 / pixel, name, va="bottom", fontsize=8, color="0.3"
                )
            for column, name in zip(columns[1::2], heads, strict=True):
                axes.text(left + column, head - 0.22 / pixel, name, va="bottom", fontsize=8)
    return figure


def _captions(maps: GradcamMaps, classes: Sequence[str]) -> Iterator[str]:
    for image_id, predicted, true, p, role in zip(
        maps.image_ids, maps.predicted, maps.true, maps.confidence, maps.roles, strict=True
    ):
        known = "\ntrained on it" if role == ROLE_CODES["train"] else ""
        names = "\n".join(
            wrapped(f"{what} {classes[label]}", _CAPTION, 7.5, 3)
            for what, label in (("true", true), ("predicted", predicted))
        )
        yield f"image {image_id}\n{names}\n{p:.1%}{known}"


def overlay(images: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """Return images in grey under maps in colours, uint8 …×H×W×3: half of each, then brightened.

    The brightest value becomes 255, but no value more than doubles: that is what halving took
    away. The colours are matplotlib's inferno: they grow lighter from black to yellow evenly for
    every eye and in grey print, unlike the rainbow (jet) that is usual here. Where a map is 0 the
    image stays grey.

    Args:
        images: uint8 …×H×W×3.
        maps: uint8 …×H×W.
    """
    mixed = (0.5 * MAP_COLOURS[maps] + 0.5 * images.mean(axis=-1, keepdims=True)) / 255
    largest = mixed.max(axis=(-3, -2, -1), keepdims=True)
    return np.round(255 * mixed / np.maximum(largest, 0.5)).astype(np.uint8)
