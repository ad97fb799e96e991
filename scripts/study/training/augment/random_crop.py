"""Random shifts by whole pixels."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from study.training.augment.draw import Draw
from study.training.augment.fill import fill_colour, wide_enough

SCHEMA = {
    "description": "Pad the image and cut a window of the image's size out of it.",
    "properties": {
        "padding": {
            "description": "Pixels to pad on each side before the crop.",
            "type": "integer",
            "minimum": 1,
        },
        "mode": {
            "description": "What the padding holds: the mirrored image (without repeating the edge)"
            " or `fill`. Default: `reflect`.",
            "enum": ["reflect", "constant"],
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
    "required": ["padding"],
}


@dataclass(frozen=True)
class RandomCrop:
    """Move the image by up to `padding` pixels each way.

    The pixels that come in are those of the mirror image ("reflect", 101) or `fill` ("constant").
    """

    padding: int
    mode: str = "reflect"
    fill: Sequence[float] = (0, 0, 0)

    def __call__(self, images: Tensor, draw: Draw) -> Tensor:
        count, height, width, channels = images.shape
        images = wide_enough(images, self.fill) if self.mode == "constant" else images
        padded = self._padded(images)
        top, left = (draw.integer(2 * self.padding + 1) for _ in range(2))
        # Each line of a window is one copy of `width` pixels: number all pixels of the padded batch
        # and take runs of them.
        row, column = width + 2 * self.padding, channels
        runs = padded.as_strided(
            (padded.numel() // column - width + 1, width * column), (column, 1)
        )
        line = torch.arange(height, device=images.device) + top[:, None]
        image = torch.arange(count, device=images.device) * (padded.shape[1] * row)
        first = image[:, None] + line * row + left[:, None]
        return runs.index_select(0, first.flatten()).view(images.shape)

    def _padded(self, images: Tensor) -> Tensor:
        p = self.padding
        for axis in (1, 2):
            size = images.shape[axis]
            if self.mode == "reflect":
                before, after = (
                    images.narrow(axis, start, p).flip(axis) for start in (1, size - 1 - p)
                )
            else:
                shape = list(images.shape)
                shape[axis] = p
                before = after = fill_colour(self.fill, images).expand(shape)
            images = torch.cat([before, images, after], dim=axis)
        return images.contiguous()
