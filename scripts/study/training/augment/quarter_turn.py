"""Random turns by right angles."""

from dataclasses import dataclass

import torch
from torch import Tensor

from study.errors import StudyError
from study.training.augment.draw import Draw

SCHEMA = {
    "description": "Turn by 0, 90, 180 or 270 degrees, for images without an up and a down.",
}


@dataclass(frozen=True)
class QuarterTurn:
    """Turn by 0, 90, 180 or 270 degrees, each with probability 1/4; images are square."""

    def __call__(self, images: Tensor, draw: Draw) -> Tensor:
        count, height, width, _ = images.shape
        if height != width:
            raise StudyError(
                f"augmentation 'quarter_turn': images have {height}×{width} pixels and would no "
                "longer fit; give square ones, or remove it"
            )
        # Choosing whole images is many times faster than choosing pixels.
        turned = torch.cat([images.rot90(turns, (1, 2)) for turns in range(4)])
        return turned.index_select(
            0, torch.arange(count, device=images.device) + count * draw.integer(4)
        )
