"""The normalisation that is measured on the training images."""

import numpy as np
import pytest

from study.data.pixel_statistics import pixel_statistics, with_normalization


def test_statistics_are_those_of_the_named_images_alone():
    images = np.random.default_rng(0).integers(0, 256, (600, 5, 4, 3), np.uint8)
    chosen = np.arange(0, 600, 2)
    measured = pixel_statistics(images, chosen)
    pixels = images[chosen].reshape(-1, 3) / 255
    assert measured["mean"] == pytest.approx(pixels.mean(axis=0))
    assert measured["std"] == pytest.approx(pixels.std(axis=0))


def test_a_flat_channel_can_divide():
    assert pixel_statistics(np.full((2, 3, 3, 1), 7, np.uint8), np.arange(2))["std"] == [1 / 255]


def test_only_data_is_measured():
    recipe = {"normalize": {"mean": [0] * 3, "std": [1] * 3}}
    images = np.zeros((1, 2, 2, 3), np.uint8)
    assert with_normalization(recipe, images, np.arange(1)) == recipe
    measured = with_normalization({"normalize": "data"}, images, np.arange(1))
    assert measured["normalize"]["mean"] == [0, 0, 0]
