"""Random changes to training images: whole batches on their device, one draw an image.

Every transform takes images B×H×W×C with values 0–255 and a `Draw`, and returns images of the same shape. Images are uint8 as
they come, and stay so while pixels are only moved or replaced; a transform that blends them returns float32. A recipe lists
transforms in the order in which they are applied; normalisation follows them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from study.errors import StudyError

_LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601


@dataclass
class Draw:
    """What the transforms of one batch may depend on, and what a mixing one leaves for the loss.

    Attributes:
        generator: the source of all randomness, on the device of the images.
        positions: int64, B; the place of each image in the training set.
        epoch: number of the epoch, from 1; a number, or an int64 scalar on the device.
        own: float B, or None if images are not mixed; the share of each image's own label in its target. The rest is the label
            of the image before it in the batch, see `partner`.
    """

    generator: torch.Generator
    positions: Tensor
    epoch: int | Tensor
    own: Tensor | None = None

    def uniform(self, low: float, high: float) -> Tensor:
        """Return one number an image, float B, uniform in [low, high)."""
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
        """Return one number an image, float B, of the symmetric beta distribution."""
        both = torch.full((len(self.positions), 2), alpha, device=self.positions.device)
        return torch._sample_dirichlet(both, self.generator)[
            :, 0
        ]  # the public classes take no generator


def partner(batch: Tensor) -> Tensor:
    """Return, at each place, the image or label that is mixed into the one there: the one before it in the batch.

    The order of a batch is random, so its neighbour is a random image.
    """
    return batch.roll(1, 0)


class Transform(Protocol):
    """Changes a batch of images."""

    def __call__(self, images: Tensor, draw: Draw) -> Tensor:
        """Return the changed images."""


@dataclass(frozen=True)
class HorizontalFlip:
    """Mirror left and right with probability `p`."""

    p: float = 0.5

    def __call__(self, images: Tensor, draw: Draw) -> Tensor:
        return _flipped(images, draw.happens(self.p))


@dataclass(frozen=True)
class AlternatingFlip:
    """Mirror each image in every other epoch; which of the two comes first is a fixed coin toss for each image.

    Source: K. Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", 2024: with as many flips as a random flip, no
    image is shown the same way twice in a row.
    """

    def __call__(self, images: Tensor, draw: Draw) -> Tensor:
        # Knuth's multiplicative hash: neighbours in the training set get unrelated first sides.
        toss = (draw.positions * 2654435761 >> 15) & 1
        return _flipped(images, (toss + draw.epoch) % 2 == 1)


def _flipped(images: Tensor, which: Tensor) -> Tensor:
    """Return the images, those mirrored where `which`, bool B, is true."""
    both = torch.cat(
        [images, images.flip(2)]
    )  # choosing whole images is many times faster than choosing pixels
    return both.index_select(
        0, torch.arange(len(images), device=images.device) + len(images) * which
    )


@dataclass(frozen=True)
class RandomCrop:
    """Move the image by up to `padding` pixels each way; what comes in is mirrored ("reflect", 101) or `fill`."""

    padding: int
    mode: str = "reflect"
    fill: Sequence[float] = (0, 0, 0)

    def __call__(self, images: Tensor, draw: Draw) -> Tensor:
        count, height, width, channels = images.shape
        images = _as_exact_as(images, self.fill) if self.mode == "constant" else images
        padded = self._padded(images)
        top, left = (draw.integer(2 * self.padding + 1) for _ in range(2))
        # Each line of a window is one copy of `width` pixels: number all pixels of the padded batch and take runs of them.
        row, column = width + 2 * self.padding, channels
        runs = padded.as_strided(
            (padded.numel() // column - width + 1, width * column), (column, 1)
        )
        line = torch.arange(height, device=images.device) + top[:, None]
        image = torch.arange(count, device=images.device) * (padded.shape[1] * row)
        first = image[:, None] + line * row + left[:, None]
        return runs.index_select(0, first.flatten()).view(images.shape)

    def _padded(self, images: Tensor) -> Tensor:
        p = self.padding
        for axis in (1, 2):
            size = images.shape[axis]
            if self.mode == "reflect":
                before, after = (
                    images.narrow(axis, start, p).flip(axis) for start in (1, size - 1 - p)
                )
            else:
                shape = list(images.shape)
                shape[axis] = p
                before = after = _colour(self.fill, images).expand(shape)
            images = torch.cat([before, images, after], dim=axis)
        return images.contiguous()


@dataclass(frozen=True)
class CoarseDropout:
    """Cover one `size`×`size` square, wholly inside the image, with the colour `fill`, with probability `p`."""

    size: int
    p: float = 0.5
    fill: Sequence[float] = (0, 0, 0)

    def __call__(self, images: Tensor, draw: Draw) -> Tensor:
        _, height, width, _ = images.shape
        top, left = draw.integer(height - self.size + 1), draw.integer(width - self.size + 1)
        size = self.size * draw.happens(self.p)
        return _covered(images, _box(images, top, left, size, size), self.fill)


@dataclass(frozen=True)
class Cutout:
    """Cover a `size`×`size` square centred on any pixel, cut off at the border, with the colour `fill`.

    Source: T. DeVries and G. Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout", 2017.
    """

    size: int
    fill: Sequence[float] = (0, 0, 0)

    def __call__(self, images: Tensor, draw: Draw) -> Tensor:
        _, height, width, _ = images.shape
        top, left = draw.integer(height) - self.size // 2, draw.integer(width) - self.size // 2
        size = torch.full_like(top, self.size)
        return _covered(images, _box(images, top, left, size, size), self.fill)


@dataclass(frozen=True)
class Mixup:
    """Blend each image and its label with another of the batch; its own share is of the distribution Beta(alpha, alpha).

    Source: H. Zhang et al., "mixup: Beyond Empirical Risk Minimization", 2018, with a share for each image.
    """

    alpha: float

    def __call__(self, images: Tensor, draw: Draw) -> Tensor:
        draw.own = draw.beta(self.alpha)
        images = images.float()
        return torch.lerp(partner(images), images, draw.own[:, None, None, None])


@dataclass(frozen=True)
class CutMix:
    """Cover a box with the same box of another image of the batch; labels are mixed by area.

    The box has the image's shape, a centre anywhere, and an area, before it is cut off at the border, whose share of the
    image is of the distribution Beta(alpha, alpha).

    Source: S. Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features", 2019, with
    a box for each image.
    """

    alpha: float

    def __call__(self, images: Tensor, draw: Draw) -> Tensor:
        _, height, width, _ = images.shape
        side = draw.beta(self.alpha).sqrt()
        rows, columns = (side * height).long(), (side * width).long()
        top, left = draw.integer(height) - rows // 2, draw.integer(width) - columns // 2
        box = _box(images, top, left, rows, columns)
        draw.own = 1 - box.float().mean(dim=(1, 2))
        return _replaced(images, box, partner(images))


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
        planes = _planes(images)
        moved = affine(planes, angle, scale, shift_x * planes.shape[3], shift_y * planes.shape[2])
        return _chosen(draw.happens(self.p), moved, planes)


def affine(
    images: Tensor, angle: Tensor, scale: Tensor, shift_x: Tensor, shift_y: Tensor
) -> Tensor:
    """Return images, float B×C×H×W, rotated (radians, counter-clockwise) and scaled about the middle, then shifted (pixels).

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
        [
            (cos * dx - sin * dy) * 2 / max(width - 1, 1),
            (sin * dx + cos * dy) * 2 / max(height - 1, 1),
        ],
        dim=-1,
    )
    return F.grid_sample(
        images, source, mode="bilinear", padding_mode="reflection", align_corners=True
    )


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
        jittered = planes = _planes(images)
        for place in range(len(parameters)):
            current = jittered
            for which, (adjust, amount) in enumerate(parameters):
                chosen = (rank[:, place] == which)[:, None, None, None]
                jittered = torch.where(chosen, adjust(current, amount), jittered)
        return _chosen(draw.happens(self.p), jittered, planes)


def adjust_brightness(images: Tensor, factor: Tensor) -> Tensor:
    """Return images B×C×H×W multiplied by a factor each, float B, within 0–255."""
    return (images * factor[:, None, None, None]).clamp(0, 255)


def adjust_contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Return images B×C×H×W spread by a factor each, float B, about the mean of their grey form, within 0–255."""
    mean = grey(images).mean(dim=(1, 2, 3), keepdim=True)
    return torch.lerp(mean, images, factor[:, None, None, None]).clamp(0, 255)


def adjust_saturation(images: Tensor, factor: Tensor) -> Tensor:
    """Return images B×C×H×W spread by a factor each, float B, about their grey form, within 0–255."""
    return torch.lerp(grey(images).expand_as(images), images, factor[:, None, None, None]).clamp(
        0, 255
    )


def adjust_hue(images: Tensor, turn: Tensor) -> Tensor:
    """Return RGB images B×3×H×W with the hue turned by a share of the full circle each, float B."""
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
    """Return the luminance, float B×1×H×W, of RGB images B×3×H×W."""
    return (images * _colour(_LUMINANCE, images)[:, None, None]).sum(dim=1, keepdim=True)


@dataclass(frozen=True)
class ToGrey:
    """Replace all channels by the luminance, with probability `p`."""

    p: float = 0.5

    def __call__(self, images: Tensor, draw: Draw) -> Tensor:
        planes = _planes(images)
        return _chosen(draw.happens(self.p), grey(planes).expand_as(planes), planes)


def _planes(images: Tensor) -> Tensor:
    """Return images B×H×W×C as float B×C×H×W, the layout of image libraries."""
    return images.permute(0, 3, 1, 2).float()


def _chosen(which: Tensor, changed: Tensor, unchanged: Tensor) -> Tensor:
    """Return images B×H×W×C from planes B×C×H×W: the changed ones where `which`, bool B, is true."""
    return torch.where(which[:, None, None, None], changed, unchanged).permute(0, 2, 3, 1)


def _box(images: Tensor, top: Tensor, left: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return a mask, uint8 B×H×W, 1 inside the box with this corner and size, all int64 B."""
    _, height, width, _ = images.shape
    line = torch.arange(height, device=images.device)
    place = torch.arange(width, device=images.device)
    inside_rows = (line >= top[:, None]) & (line < (top + rows)[:, None])
    inside_columns = (place >= left[:, None]) & (place < (left + columns)[:, None])
    return inside_rows.byte()[:, :, None] * inside_columns.byte()[:, None, :]


def _covered(images: Tensor, box: Tensor, fill: Sequence[float]) -> Tensor:
    images = _as_exact_as(images, fill)
    return _replaced(images, box, _colour(fill, images).expand(images.shape[1:]))


def _replaced(images: Tensor, box: Tensor, others: Tensor) -> Tensor:
    """Return the images with what `others` have inside the box, uint8 B×H×W."""
    # Lines of width × channels numbers instead of pixels of three: several times faster on a CPU. On bytes arithmetic, which
    # is exact because it wraps around, is faster than choosing.
    images_lines, others_lines = (x.flatten(-2) for x in (images, others))
    mask = box.repeat_interleave(images.shape[3], dim=2)
    if images.dtype == torch.uint8:
        return (images_lines + mask * (others_lines - images_lines)).view(images.shape)
    return torch.where(mask.bool(), others_lines, images_lines).view(images.shape)


def _as_exact_as(images: Tensor, fill: Sequence[float]) -> Tensor:
    """Return the images as float if `fill` is a colour that uint8 cannot hold."""
    return images if all(float(value).is_integer() for value in fill) else images.float()


def _colour(fill: Sequence[float], images: Tensor) -> Tensor:
    # Made on the device: a list copied to a GPU would wait until all work there is done.
    return torch.cat([images.new_full((1,), value) for value in fill])


def augmented(images: Tensor, transforms: Sequence[Transform], draw: Draw) -> Tensor:
    """Return the images after all transforms, in their order."""
    for transform in transforms:
        images = transform(images, draw)
    return images


TRANSFORMS: dict[str, type[Transform]] = {
    "horizontal_flip": HorizontalFlip,
    "alternating_flip": AlternatingFlip,
    "random_crop": RandomCrop,
    "coarse_dropout": CoarseDropout,
    "cutout": Cutout,
    "shift_scale_rotate": ShiftScaleRotate,
    "colour_jitter": ColourJitter,
    "to_grey": ToGrey,
    "mixup": Mixup,
    "cutmix": CutMix,
}


def make_transforms(steps: Sequence[dict[str, Any]]) -> list[Transform]:
    """Return the transforms of a recipe's `augment` list: mappings with `name` and the transform's parameters.

    Raises:
        StudyError: no such transform, or it has no such parameter, or two of them mix images.
    """
    transforms: list[Transform] = []
    for step in steps:
        name, parameters = (
            step["name"],
            {key: value for key, value in step.items() if key != "name"},
        )
        if name not in TRANSFORMS:
            raise StudyError(f"unknown augmentation {name!r}; known: {', '.join(TRANSFORMS)}")
        try:
            transforms.append(TRANSFORMS[name](**parameters))
        except TypeError as error:
            raise StudyError(
                f"augmentation {name!r}: {error}; correct 'augment' in the recipe"
            ) from error
    if sum(isinstance(transform, Mixup | CutMix) for transform in transforms) > 1:
        raise StudyError("the recipe's 'augment' mixes images twice; keep one of mixup and cutmix")
    return transforms
