"""Boxes of random area and shape inside an image."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from study.training.augment.draw import Draw

_TRIALS = 10


def random_sizes(
    draw: Draw, area: tuple[float, float], ratio: Sequence[float], largest: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return rows and columns, int64 B, of a box for each image, and whether one was found.

    Of ten boxes the first is taken that has a pixel and is not too large. Where there is none, the
    sizes are zero.

    Args:
        draw: of the batch.
        area: smallest and largest area, pixels; uniform between them.
        ratio: smallest and largest height divided by width; its logarithm is uniform.
        largest: rows and columns that a box has at most.

    Source: torchvision's transforms v2, `RandomResizedCrop` and `RandomErasing`.
    """
    found = torch.zeros_like(draw.positions, dtype=torch.bool)
    rows = columns = torch.zeros_like(draw.positions)
    for _ in range(_TRIALS):
        size = draw.uniform(*area)
        shape = draw.uniform(math.log(ratio[0]), math.log(ratio[1])).exp()
        tried_rows, tried_columns = (x.sqrt().round().long() for x in (size * shape, size / shape))
        fits = (tried_rows <= largest[0]) & (tried_columns <= largest[1])
        taken = fits & (tried_rows > 0) & (tried_columns > 0) & ~found
        rows = torch.where(taken, tried_rows, rows)
        columns = torch.where(taken, tried_columns, columns)
        found |= taken
    return rows, columns, found


def random_start(draw: Draw, room: Tensor) -> Tensor:
    """Return one whole number per image, int64 B, uniform in 0 … `room`, int64 B."""
    # The product may be rounded up to the next whole number.
    return torch.minimum((draw.uniform(0, 1) * (room + 1)).long(), room)
