"""Boxes of an image covered with those of another one, labels mixed by area."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from study.training.augment.cover import box_mask, replaced
from study.training.augment.draw import Draw, partner

SCHEMA = {
    "description": "Cover a box with that of another image; not together with `mixup`.",
    "properties": {
        "alpha": {
            "description": "Of the distribution Beta(alpha, alpha) of the shares; 1 makes all"
            " shares equally likely.",
            "type": "number",
            "exclusiveMinimum": 0,
        },
    },
    "required": ["alpha"],
}


@dataclass(frozen=True)
class CutMix:
    """Cover a box with the same box of another image of the batch; labels are mixed by area.

    The box has the image's shape and a centre anywhere. The share of the image that it covers,
    before it is cut off at the border, is of the distribution Beta(alpha, alpha).

    Source: S. Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers with
    Localizable Features", 2019, with a box for each image.
    """

    alpha: float
    mixes: ClassVar[bool] = True

    def __call__(self, images: Tensor, draw: Draw) -> Tensor:
        _, height, width, _ = images.shape
        side = draw.beta(self.alpha).sqrt()
        rows, columns = (side * height).long(), (side * width).long()
        top, left = draw.integer(height) - rows // 2, draw.integer(width) - columns // 2
        box = box_mask(images, top, left, rows, columns)
        draw.own = 1 - box.float().mean(dim=(1, 2))
        return replaced(images, box, partner(images))
