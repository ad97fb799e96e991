"""Random images upside down."""

from dataclasses import dataclass

from torch import Tensor

from study.training.augment.draw import Draw
from study.training.augment.mirror import mirrored

SCHEMA = {
    "description": "Mirror top and bottom.",
    "properties": {
        "p": {
            "description": "Probability. Default: 0.5.",
            "type": "number",
            "minimum": 0,
            "maximum": 1,
        },
    },
}


@dataclass(frozen=True)
class VerticalFlip:
    """Mirror top and bottom with probability `p`."""

    p: float = 0.5

    def __call__(self, images: Tensor, draw: Draw) -> Tensor:
        return mirrored(images.transpose(1, 2), draw.happens(self.p)).transpose(1, 2)
