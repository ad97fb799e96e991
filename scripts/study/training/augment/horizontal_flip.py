"""Random mirror images."""

from dataclasses import dataclass

from torch import Tensor

from study.training.augment.draw import Draw
from study.training.augment.mirror import mirrored

SCHEMA = {
    "description": "Mirror left and right.",
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
class HorizontalFlip:
    """Mirror left and right with probability `p`."""

    p: float = 0.5

    def __call__(self, images: Tensor, draw: Draw) -> Tensor:
        return mirrored(images, draw.happens(self.p))
