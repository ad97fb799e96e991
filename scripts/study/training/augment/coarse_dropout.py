"""Squares wholly inside the image, covered with a colour."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from study.training.augment.cover import box_mask, covered
from study.training.augment.draw import Draw

SCHEMA = {
    "description": "Cover one square wholly inside the image.",
    "properties": {
        "size": {"description": "Side of the square, pixels.", "type": "integer", "minimum": 1},
        "p": {
            "description": "Probability. Default: 0.5.",
            "type": "number",
            "minimum": 0,
            "maximum": 1,
        },
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
class CoarseDropout:
    """Cover one `size`×`size` square inside the image with `fill`, with probability `p`."""

    size: int
    p: float = 0.5
    fill: Sequence[float] = (0, 0, 0)

    def __call__(self, images: Tensor, draw: Draw) -> Tensor:
        _, height, width, _ = images.shape
        top, left = draw.integer(height - self.size + 1), draw.integer(width - self.size + 1)
        size = self.size * draw.happens(self.p)
        return covered(images, box_mask(images, top, left, size, size), self.fill)
