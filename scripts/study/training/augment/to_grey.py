"""Random grey images."""

from dataclasses import dataclass

from torch import Tensor

from study.training.augment.draw import Draw
from study.training.augment.planes import chosen, grey, planes_of

SCHEMA = {
    "description": "Replace all channels by the luminance.",
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
class ToGrey:
    """Replace all channels by the luminance, with probability `p`."""

    p: float = 0.5

    def __call__(self, images: Tensor, draw: Draw) -> Tensor:
        planes = planes_of(images)
        return chosen(draw.happens(self.p), grey(planes).expand_as(planes), planes)
