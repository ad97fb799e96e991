"""Sheets of images, by the pixels and texts they draw."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

from study.report.plots.images import captioned_images_figure, image_grid_figure


def images(n, side=8):
    return np.random.default_rng(n).integers(0, 255, (n, side, side, 3), np.uint8)


def test_mistakes_are_shown_upright_in_their_colours_with_captions_below():
    shown = images(7)
    captions = [f"image {i}" for i in range(7)]
    (axes,) = captioned_images_figure(shown, captions, "finding").axes
    picture = axes.images[0].get_array()
    assert axes.images[0].get_interpolation() == "none" and axes.yaxis_inverted()
    left, right, bottom, top = axes.images[0].get_extent()
    assert (left, right, bottom, top) == (
        0,
        picture.shape[1],
        picture.shape[0],
        0,
    )  # a unit is a pixel
    texts = {text.get_text(): text.get_position() for text in axes.texts}
    for image, caption in zip(shown, captions, strict=True):
        x, y = texts[caption]
        below = int(y)
        found = picture[below - 8 : below, int(x) : int(x) + 8]
        assert np.array_equal(found, image)
    assert texts["image 5"][1] > texts["image 4"][1] and texts["image 5"][0] == texts["image 0"][0]
    assert "finding" in texts


def test_a_long_title_is_wrapped_to_the_figure():
    title = (
        "dilated_separable_tuned on v1+v2+v3, seed 2025: the one most confident of 12,345 mistakes "
        "on 12,346 test images"
    )
    figure = captioned_images_figure(images(1), ["caption"], title)
    (shown,) = [text for text in figure.axes[0].texts if text.get_text().startswith("dilated")]
    assert shown.get_text().replace("\n", " ") == title
    end = shown.get_window_extent(FigureCanvasAgg(figure).get_renderer()).x1
    assert end < figure.bbox.width


def test_an_image_grid_shows_the_images_row_by_row_in_true_colours():
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8)
    figure = image_grid_figure(
        {"original": images, "epoch 1": images[::-1]}, ["a", "b", "c"], "title"
    )
    shown = [axes.images[0].get_array() for axes in figure.axes]
    assert all(np.array_equal(x, y) for x, y in zip(shown, [*images, *images[::-1]], strict=True))
    assert [axes.get_title() for axes in figure.axes[:3]] == ["a", "b", "c"]
