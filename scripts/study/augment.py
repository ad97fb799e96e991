"""Random changes to training images: whole batches on their device, one draw an image.

Every transform takes float images B×C×H×W with pixel values 0–255 and a `Draw`, and returns images of the same shape. A recipe
lists transforms in the order in which they are applied; normalisation follows them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from study.errors import StudyError

_LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601


@dataclass(frozen=True)
class Draw:
    """What the transforms of one batch may depend on.

    Attributes:
        generator: the source of all randomness, on the device of the images.
        positions: int64, B; the place of each image in the training set.
        epoch: number of the epoch, from 1.
    """

    generator: torch.Generator
    positions: Tensor
    epoch: int

    def uniform(self, low: float, high: float) -> Tensor:
        """Return one number an image, float B, uniform in [low, high)."""
        unit = torch.rand(len(self.positions), generator=self.generator, device=self.positions.device)
        return low + (high - low) * unit

    def happens(self, p: float) -> Tensor:
        """Return a mask, bool B×1×1×1, true with probability p."""
        return (self.uniform(0, 1) < p)[:, None, None, None]

    def integer(self, count: int) -> Tensor:
        """Return one whole number an image, int64 B, uniform in 0 … count - 1."""
        shape = (len(self.positions),)
        return torch.randint(count, shape, generator=self.generator, device=self.positions.device)


class Transform(Protocol):
    """Changes a batch of images."""

    def __call__(self, images: Tensor, draw: Draw) -> Tensor:
        """Return the changed images."""


@dataclass(frozen=True)
class HorizontalFlip:
    """Mirror left and right with probability `p`."""

    p: float = 0.5

    def __call__(self, images: Tensor, draw: Draw) -> Tensor:
        return torch.where(draw.happens(self.p), images.flip(3), images)


@dataclass(frozen=True)
class AlternatingFlip:
    """Mirror each image in every other epoch; which of the two comes first is a fixed coin toss for each image.

    Source: K. Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", 2024: with as many flips as a random flip, no
    image is shown the same way twice in a row.
    """

    def __call__(self, images: Tensor, draw: Draw) -> Tensor:
        # Knuth's multiplicative hash: neighbours in the training set get unrelated first sides.
        toss = (draw.positions * 2654435761 >> 15) & 1
        return torch.where(((toss + draw.epoch) % 2 == 1)[:, None, None, None], images.flip(3), images)


@dataclass(frozen=True)
class RandomCrop:
    """Move the image by up to `padding` pixels each way; what comes in is mirrored ("reflect", 101) or `fill`."""

    padding: int
    mode: str = "reflect"
    fill: Sequence[float] = (0, 0, 0)

    def __call__(self, images: Tensor, draw: Draw) -> Tensor:
        height, width = images.shape[2:]
        rows, row_inside = self._source(draw.integer(2 * self.padding + 1), height)
        columns, column_inside = self._source(draw.integer(2 * self.padding + 1), width)
        batch = torch.arange(len(images), device=images.device)[:, None, None]
        # Index with the channels last, as they lie in memory, so that a pixel moves as one.
        cropped = images.permute(0, 2, 3, 1)[batch, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
        if self.mode == "reflect":
            return cropped
        inside = (row_inside[:, :, None] & column_inside[:, None, :])[:, None]
        return torch.where(inside, cropped, _colour(self.fill, images))

    def _source(self, offset: Tensor, size: int) -> tuple[Tensor, Tensor]:
        """Return where each output line comes from, mirrored into the image, and whether it lay inside."""
        line = torch.arange(size, device=offset.device) + offset[:, None] - self.padding
        mirrored = (size - 1) - ((size - 1) - line.abs()).abs()
        return mirrored, (line >= 0) & (line < size)


@dataclass(frozen=True)
class CoarseDropout:
    """Cover one `size`×`size` square, wholly inside the image, with the colour `fill`, with probability `p`."""

    size: int
    p: float = 0.5
    fill: Sequence[float] = (0, 0, 0)

    def __call__(self, images: Tensor, draw: Draw) -> Tensor:
        height, width = images.shape[2:]
        top, left = draw.integer(height - self.size + 1), draw.integer(width - self.size + 1)
        hole = _hole(images, top, left, self.size) & draw.happens(self.p)
        return torch.where(hole, _colour(self.fill, images), images)


@dataclass(frozen=True)
class Cutout:
    """Cover a `size`×`size` square centred on any pixel, cut off at the border, with the colour `fill`.

    Source: T. DeVries and G. Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout", 2017.
    """

    size: int
    fill: Sequence[float] = (0, 0, 0)

    def __call__(self, images: Tensor, draw: Draw) -> Tensor:
        height, width = images.shape[2:]
        top, left = draw.integer(height) - self.size // 2, draw.integer(width) - self.size // 2
        return torch.where(_hole(images, top, left, self.size), _colour(self.fill, images), images)


@dataclass(frozen=True)
class ShiftScaleRotate:
    """Shift, scale and rotate about the middle, with probability `p`; bilinear, borders mirrored (101).

    Per image: angle uniform in ±`rotate` degrees (counter-clockwise), scale uniform in 1 ± `scale`, shifts uniform in
    ±`shift` of the width and the height.
    """

    shift: float
    scale: float
    rotate: float
    p: float = 0.5

    def __call__(self, images: Tensor, draw: Draw) -> Tensor:
        angle = draw.uniform(-self.rotate, self.rotate) * torch.pi / 180
        scale = draw.uniform(1 - self.scale, 1 + self.scale)
        shift_x, shift_y = (draw.uniform(-self.shift, self.shift) for _ in range(2))
        moved = affine(images, angle, scale, shift_x * images.shape[3], shift_y * images.shape[2])
        return torch.where(draw.happens(self.p), moved, images)


def affine(images: Tensor, angle: Tensor, scale: Tensor, shift_x: Tensor, shift_y: Tensor) -> Tensor:
    """Return images rotated (radians, counter-clockwise) and scaled about the middle, then shifted (pixels).

    All parameters are float B. Bilinear; beyond the border the image is mirrored without repeating the last pixel.
    """
    height, width = images.shape[2:]
    y = torch.arange(height, device=images.device, dtype=images.dtype) - (height - 1) / 2
    x = torch.arange(width, device=images.device, dtype=images.dtype) - (width - 1) / 2
    dx = x[None, None, :] - shift_x[:, None, None]
    dy = y[None, :, None] - shift_y[:, None, None]
    cos, sin = ((f(angle) / scale)[:, None, None] for f in (torch.cos, torch.sin))
    # From the output back to the source; with the y axis downwards a positive angle turns counter-clockwise.
    source = torch.stack(
        [(cos * dx - sin * dy) * 2 / max(width - 1, 1), (sin * dx + cos * dy) * 2 / max(height - 1, 1)], dim=-1
    )
    return F.grid_sample(images, source, mode="bilinear", padding_mode="reflection", align_corners=True)


@dataclass(frozen=True)
class ColourJitter:
    """Change brightness, contrast, saturation and hue, in an order of their own for each image, with probability `p`.

    Factors are uniform in 1 ± `brightness`, 1 ± `contrast` and 1 ± `saturation`; the hue turns by a share of the full circle
    uniform in ±`hue`.
    """

    brightness: float
    contrast: float
    saturation: float
    hue: float
    p: float = 0.5

    def __call__(self, images: Tensor, draw: Draw) -> Tensor:
        parameters = (
            (adjust_brightness, 1 + draw.uniform(-self.brightness, self.brightness)),
            (adjust_contrast, 1 + draw.uniform(-self.contrast, self.contrast)),
            (adjust_saturation, 1 + draw.uniform(-self.saturation, self.saturation)),
            (adjust_hue, draw.uniform(-self.hue, self.hue)),
        )
        rank = torch.stack([draw.uniform(0, 1) for _ in parameters], dim=1).argsort(dim=1)
        jittered = images
        for place in range(len(parameters)):
            current = jittered
            for which, (adjust, amount) in enumerate(parameters):
                chosen = (rank[:, place] == which)[:, None, None, None]
                jittered = torch.where(chosen, adjust(current, amount), jittered)
        return torch.where(draw.happens(self.p), jittered, images)


def adjust_brightness(images: Tensor, factor: Tensor) -> Tensor:
    """Return images multiplied by a factor each, float B, within 0–255."""
    return (images * factor[:, None, None, None]).clamp(0, 255)


def adjust_contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Return images spread by a factor each, float B, about the mean of their grey form, within 0–255."""
    mean = grey(images).mean(dim=(1, 2, 3), keepdim=True)
    return torch.lerp(mean, images, factor[:, None, None, None]).clamp(0, 255)


def adjust_saturation(images: Tensor, factor: Tensor) -> Tensor:
    """Return images spread by a factor each, float B, about their grey form, within 0–255."""
    return torch.lerp(grey(images).expand_as(images), images, factor[:, None, None, None]).clamp(0, 255)


def adjust_hue(images: Tensor, turn: Tensor) -> Tensor:
    """Return RGB images with the hue turned by a share of the full circle each, float B."""
    high, low = images.amax(dim=1), images.amin(dim=1)
    chroma = high - low
    safe = torch.where(chroma > 0, chroma, 1)
    red, green, blue = images.unbind(dim=1)
    sector = torch.where(
        high == red,
        (green - blue) / safe,
        torch.where(high == green, 2 + (blue - red) / safe, 4 + (red - green) / safe),
    )
    hue = sector + 6 * turn[:, None, None]
    # Of the HSV hexcone: channel n falls from the highest to the lowest value with the distance of its hue.
    channels = []
    for offset in (5, 3, 1):
        k = (offset + hue) % 6
        channels.append(high - chroma * torch.minimum(k, 4 - k).clamp(0, 1))
    return torch.stack(channels, dim=1)


def grey(images: Tensor) -> Tensor:
    """Return the luminance, float B×1×H×W, of RGB images."""
    weights = torch.tensor(_LUMINANCE, device=images.device, dtype=images.dtype)
    return (images * weights[:, None, None]).sum(dim=1, keepdim=True)


@dataclass(frozen=True)
class ToGrey:
    """Replace all channels by the luminance, with probability `p`."""

    p: float = 0.5

    def __call__(self, images: Tensor, draw: Draw) -> Tensor:
        return torch.where(draw.happens(self.p), grey(images).expand_as(images), images)


def _hole(images: Tensor, top: Tensor, left: Tensor, size: int) -> Tensor:
    """Return a mask, bool B×1×H×W, of the square with these top left corners, int64 B."""
    height, width = images.shape[2:]
    rows = torch.arange(height, device=images.device) - top[:, None]
    columns = torch.arange(width, device=images.device) - left[:, None]
    inside = ((rows >= 0) & (rows < size))[:, :, None] & ((columns >= 0) & (columns < size))[:, None, :]
    return inside[:, None]


def _colour(fill: Sequence[float], images: Tensor) -> Tensor:
    return torch.tensor(fill, device=images.device, dtype=images.dtype)[:, None, None]


TRANSFORMS: dict[str, type[Transform]] = {
    "horizontal_flip": HorizontalFlip,
    "alternating_flip": AlternatingFlip,
    "random_crop": RandomCrop,
    "coarse_dropout": CoarseDropout,
    "cutout": Cutout,
    "shift_scale_rotate": ShiftScaleRotate,
    "colour_jitter": ColourJitter,
    "to_grey": ToGrey,
}


def make_transforms(steps: Sequence[dict[str, Any]]) -> list[Transform]:
    """Return the transforms of a recipe's `augment` list: mappings with `name` and the transform's parameters.

    Raises:
        StudyError: no such transform, or it has no such parameter.
    """
    transforms = []
    for step in steps:
        name, parameters = step["name"], {key: value for key, value in step.items() if key != "name"}
        if name not in TRANSFORMS:
            raise StudyError(f"unknown augmentation {name!r}; known: {', '.join(TRANSFORMS)}")
        try:
            transforms.append(TRANSFORMS[name](**parameters))
        except TypeError as error:
            raise StudyError(f"augmentation {name!r}: {error}; correct 'augment' in the recipe") from error
    return transforms
