"""Squares centred anywhere, covered with a colour."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from study.training.augment.cover import box_mask, covered
from study.training.augment.draw import Draw

SCHEMA = {
    "description": "Cover a square centred anywhere.",
    "properties": {
        "size": {"description": "Side of the square, pixels.", "type": "integer", "minimum": 1},
        "fill": {
            "description": "Three pixel values, 0–255. Default: black.",
            "type": "array",
            "minItems": 3,
            "maxItems": 3,
            "items": {
                "description": "A pixel value.",
                "type": "number",
                "minimum": 0,
                "maximum": 255,
            },
        },
    },
    "required": ["size"],
}


@dataclass(frozen=True)
class Cutout:
    """Cover a `size`×`size` square centred on any pixel, cut off at the border, with `fill`.

    Source: T. DeVries and G. Taylor, "Improved Regularization of Convolutional Neural Networks with
    Cutout", 2017.
    """

    size: int
    fill: Sequence[float] = (0, 0, 0)

    def __call__(self, images: Tensor, draw: Draw) -> Tensor:
        _, height, width, _ = images.shape
        top, left = draw.integer(height) - self.size // 2, draw.integer(width) - self.size // 2
        size = torch.full_like(top, self.size)
        return covered(images, box_mask(images, top, left, size, size), self.fill)
