"""Colours in the type and on the device of a batch of images."""

from collections.abc import Sequence

import torch
from torch import Tensor


def wide_enough(images: Tensor, fill: Sequence[float]) -> Tensor:
    """Return the images, as float if `fill` is a colour that uint8 cannot hold."""
    return images if all(float(value).is_integer() for value in fill) else images.float()


def fill_colour(fill: Sequence[float], images: Tensor) -> Tensor:
    """Return a colour as a tensor of the images' type, on their device; one number a channel."""
    # Made on the device: a list copied to a GPU would wait until all work there is done.
    return torch.cat([images.new_full((1,), value) for value in fill])
