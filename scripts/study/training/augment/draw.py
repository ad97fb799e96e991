"""What a transform draws for each image of a batch."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


@dataclass
class Draw:
    """What the transforms of one batch may depend on, and what a mixing one leaves for the loss.

    Attributes:
        generator: the source of all randomness, on the device of the images.
        positions: int64, B; the position of each image in the training set.
        epoch: number of the epoch, from 1; a number, or an int64 scalar on the device.
        own: float B, or None if images are not mixed; the share of each image's own label in its
            target. The rest is the label of the image before it in the batch, see `partner`.
    """

    generator: torch.Generator
    positions: Tensor
    epoch: int | Tensor
    own: Tensor | None = None

    def uniform(self, low: float, high: float) -> Tensor:
        """Return one number per image, float B, uniform in [low, high)."""
        unit = torch.rand(
            len(self.positions), generator=self.generator, device=self.positions.device
        )
        return low + (high - low) * unit

    def happens(self, p: float) -> Tensor:
        """Return a mask, bool B, true with probability p."""
        return self.uniform(0, 1) < p

    def integer(self, count: int) -> Tensor:
        """Return one whole number an image, int64 B, uniform in 0 … count - 1."""
        shape = (len(self.positions),)
        return torch.randint(count, shape, generator=self.generator, device=self.positions.device)

    def beta(self, alpha: float) -> Tensor:
        """Return one number per image, float B, of the symmetric beta distribution."""
        both = torch.full((len(self.positions), 2), alpha, device=self.positions.device)
        # torch's public distributions take no generator.
        return torch._sample_dirichlet(both, self.generator)[:, 0]


def partner(batch: Tensor) -> Tensor:
    """Return, for each image or label of a batch, the one that is mixed into it: the one before it.

    The order of a batch is random, so its neighbour is a random image.
    """
    return batch.roll(1, 0)


class Transform(Protocol):
    """Changes a batch of images.

    A class that mixes each image with its `partner` has the attribute `mixes = True` and leaves the
    shares in `draw.own`; a recipe may have one such transform.
    """

    def __call__(self, images: Tensor, draw: Draw) -> Tensor:
        """Return the changed images."""
