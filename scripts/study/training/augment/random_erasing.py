"""Boxes of random area and shape, covered with a colour."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from study.training.augment.boxes import random_sizes, random_start
from study.training.augment.cover import box_mask, covered
from study.training.augment.draw import Draw

SCHEMA = {
    "description": "Cover a box of random area and shape.",
    "properties": {
        "p": {
            "description": "Probability. Default: 0.5.",
            "type": "number",
            "minimum": 0,
            "maximum": 1,
        },
        "scale": {
            "description": "Smallest and largest area, share of the image. Default: 0.02 to 0.33.",
            "type": "array",
            "minItems": 2,
            "maxItems": 2,
            "items": {
                "description": "A share.",
                "type": "number",
                "exclusiveMinimum": 0,
                "maximum": 1,
            },
        },
        "ratio": {
            "description": "Smallest and largest height divided by width. Default: 0.3 to 3.3.",
            "type": "array",
            "minItems": 2,
            "maxItems": 2,
            "items": {"description": "A ratio.", "type": "number", "exclusiveMinimum": 0},
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
}


@dataclass(frozen=True)
class RandomErasing:
    """Cover a box of random area and shape with `fill`, with probability `p`.

    Per image: the area is uniform in `scale`, the ratio of height to width log-uniform in `ratio`,
    the place uniform. The box is lower and narrower than the image; where ten are not, none is
    covered.

    Source: Z. Zhong et al., "Random Erasing Data Augmentation", 2017, as torchvision's transforms
    v2 have it.
    """

    p: float = 0.5
    scale: Sequence[float] = (0.02, 0.33)
    ratio: Sequence[float] = (0.3, 3.3)
    fill: Sequence[float] = (0, 0, 0)

    def __call__(self, images: Tensor, draw: Draw) -> Tensor:
        _, height, width, _ = images.shape
        low, high = self.scale
        area = low * height * width, high * height * width
        rows, columns, _ = random_sizes(draw, area, self.ratio, (height - 1, width - 1))
        top, left = random_start(draw, height - rows), random_start(draw, width - columns)
        rows = rows * draw.happens(self.p)
        return covered(images, box_mask(images, top, left, rows, columns), self.fill)
