"""Mean and standard deviation of the pixels that a model learns from."""

from collections.abc import Mapping
from typing import Any

import numpy as np

_AT_ONCE = 256  # images


def pixel_statistics(images: np.ndarray, image_ids: np.ndarray) -> dict[str, list[float]]:
    """Return `mean` and `std` of each channel on the scale 0–1, exactly.

    A channel of one value has the standard deviation of one grey level, so that it can divide.

    Args:
        images: uint8, N×H×W×C.
        image_ids: int64, n ≥ 1; which of them count.
    """
    counts = np.zeros((images.shape[-1], 256), np.int64)
    for start in range(0, len(image_ids), _AT_ONCE):
        block = images[image_ids[start : start + _AT_ONCE]]
        for channel, count in enumerate(counts):
            count += np.bincount(block[..., channel].ravel(), minlength=256)
    levels, n = np.arange(256) / 255, counts.sum(axis=1)
    mean = counts @ levels / n
    std = np.sqrt((counts * (levels - mean[:, None]) ** 2).sum(axis=1) / n)
    return {"mean": mean.tolist(), "std": np.maximum(std, 1 / 255).tolist()}


def with_normalization(
    recipe: Mapping[str, Any], images: np.ndarray, train_ids: np.ndarray
) -> dict[str, Any]:
    """Return a recipe whose `normalize` are numbers: those of the training images for `data`."""
    if recipe["normalize"] != "data":
        return dict(recipe)
    return {**recipe, "normalize": pixel_statistics(images, train_ids)}
