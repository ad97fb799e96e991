"""Blends of two images and their labels."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from study.training.augment.draw import Draw, partner

SCHEMA = {
    "description": "Blend each image with another one; not together with `cutmix`.",
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
class Mixup:
    """Blend each image and its label with another of the batch.

    The share of the image itself is of the distribution Beta(alpha, alpha).

    Source: H. Zhang et al., "mixup: Beyond Empirical Risk Minimization", 2018, with a share for
    each image.
    """

    alpha: float
    mixes: ClassVar[bool] = True

    def __call__(self, images: Tensor, draw: Draw) -> Tensor:
        draw.own = draw.beta(self.alpha)
        images = images.float()
        return torch.lerp(partner(images), images, draw.own[:, None, None, None])
