"""Figures of Grad-CAM's maps."""

import numpy as np
import pytest

from study.report.plots.gradcam import gradcam_figure, overlay
from study.runs.gradcam_maps import GradcamMaps
from study.runs.predictions import ROLE_CODES

CLASS_NAMES = ["cat", "dog", "frog"]


def pictures(n):
    return np.random.default_rng(n).integers(0, 255, (n, 8, 8, 3), np.uint8)


def place_of(text):
    return round(text.get_position()[0])


def maps_of(n, **changes):
    random = np.random.default_rng(n)
    return GradcamMaps(
        "v1", 42, np.arange(n) + 100, np.ones(n, np.int64), np.zeros(n, np.int64),
        np.full(n, 0.998), np.full(n, ROLE_CODES["test"], np.uint8),
        np.array(["layer3", "layer4"]), np.array([[4, 4], [2, 2]]),
        random.integers(0, 256, (n, 2, 2, 8, 8), np.uint8),
    )._replace(**changes)  # fmt: skip


@pytest.mark.parametrize(("n", "blocks", "rows"), [(3, 1, 3), (13, 2, 7)])
def test_each_image_stands_before_its_maps_for_predicted_and_true_class_layer_by_layer(
    n, blocks, rows
):
    shown, maps = pictures(n), maps_of(n)
    (axes,) = gradcam_figure(shown, maps, CLASS_NAMES, "finding").axes
    picture = np.asarray(axes.images[0].get_array())
    heads = [text for text in axes.texts if text.get_text() in ("image", "predicted", "true")]
    assert [text.get_text() for text in heads] == [
        "image",
        "predicted",
        "true",
        "predicted",
        "true",
    ] * blocks
    sizes = [text.get_text() for text in axes.texts if "×" in text.get_text()]
    assert sizes == ["layer3, 4×4", "layer4, 2×2"] * blocks
    captions = [text for text in axes.texts if text.get_text().startswith("image 1")]
    assert captions[0].get_text() == "image 100\ntrue cat\npredicted dog\n99.8%"
    for i, caption in enumerate(captions):
        top = round(caption.get_position()[1]) - 4
        row = [
            picture[top : top + 8, place_of(head) : place_of(head) + 8]
            for head in heads[5 * (i // rows) :]
        ]
        assert np.array_equal(row[0], shown[i])
        for cell, expected in zip(row[1:5], maps.maps[i].reshape(4, 8, 8), strict=True):
            assert np.array_equal(cell, overlay(shown[i], expected))


def test_captions_say_what_the_run_had_trained_on():
    maps = maps_of(2, roles=np.array([ROLE_CODES["train"], ROLE_CODES["val"]], np.uint8))
    texts = [
        text.get_text()
        for text in gradcam_figure(pictures(2), maps, CLASS_NAMES, "finding").axes[0].texts
    ]
    assert texts[1].endswith("trained on it") and "trained" not in texts[2]


def test_an_overlay_is_grey_where_nothing_speaks_for_the_class_and_lighter_the_more_does():
    flat = np.full((1, 256, 3), [90, 60, 30], np.uint8)
    over = overlay(flat, np.arange(256, dtype=np.uint8)[None])
    empty = overlay(flat, np.zeros((1, 256), np.uint8))
    assert np.abs(empty.astype(int) - 60).max() <= 4  # the mean of the channels
    assert np.ptp(over[0, 0].astype(int)) <= 4 and np.ptp(over[0, 255].astype(int)) > 50
    luminance = over[0] @ [0.299, 0.587, 0.114]
    assert (np.diff(luminance) > -1.5).all() and luminance[255] > 2 * luminance[0]
    assert over.max() == 255
    assert overlay(0 * flat, np.zeros((1, 256), np.uint8)).max() <= 4
