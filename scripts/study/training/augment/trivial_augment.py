"""One random operation of fourteen, with a random strength."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from study.training.augment.colour_jitter import (
    adjust_brightness,
    adjust_contrast,
    adjust_saturation,
)
from study.training.augment.draw import Draw
from study.training.augment.fill import fill_colour
from study.training.augment.planes import planes_of

SCHEMA = {
    "description": "Change the image by one random operation of fourteen with a random strength"
    " (TrivialAugment, wide).",
    "properties": {
        "fill": {
            "description": "Three pixel values, 0–255. Default: black.",
            "type": "array",
            "minItems": 3,
            "maxItems": 3,
            "items": {
                "description": "A pixel value.",
                "type": "number",
                "minimum": 0,
                "maximum": 255,
            },
        },
    },
}

OPERATIONS = (
    "identity", "shear_x", "shear_y", "translate_x", "translate_y", "rotate",
    "brightness", "colour", "contrast", "sharpness",
    "posterize", "solarize", "auto_contrast", "equalize",
)  # fmt: skip
LEVELS = 31


@dataclass(frozen=True)
class TrivialAugment:
    """Change the image by one operation of `OPERATIONS`, at one of 31 levels of its strength.

    Operation, level and direction are uniform, for each image. Moves take the nearest pixel; `fill`
    is what comes in.

    Source: S. Müller and F. Hutter, "TrivialAugment: Tuning-free Yet State-of-the-Art Data
    Augmentation", 2021: the wide space, as torchvision's `TrivialAugmentWide` has it.
    """

    fill: Sequence[float] = (0, 0, 0)

    def __call__(self, images: Tensor, draw: Draw) -> Tensor:
        operation, level = draw.integer(len(OPERATIONS)), draw.integer(LEVELS)
        backwards = draw.happens(0.5)
        planes = planes_of(images).round()
        fill = fill_colour(self.fill, planes)
        return changed(planes, operation, level, backwards, fill).permute(0, 2, 3, 1)


def changed(
    images: Tensor, operation: Tensor, level: Tensor, backwards: Tensor, fill: Tensor
) -> Tensor:
    """Return images, each changed by one operation.

    All operations are computed for all images, with a strength that changes nothing where another
    one was drawn: to choose images by what was drawn would wait for the GPU.

    Args:
        images: float B×C×H×W, whole numbers 0–255.
        operation: int64 B; an index of `OPERATIONS`.
        level: int64 B; 0 … 30.
        backwards: bool B; whether moves go the other way and colours become weaker.
        fill: float C; what comes in where an image is moved.
    """

    def strength(name: str, largest: float) -> Tensor:
        amount = level * largest / (LEVELS - 1)
        signed = torch.where(backwards, -amount, amount)
        return torch.where(operation == OPERATIONS.index(name), signed, 0)

    moved = _moved(
        images - fill[:, None, None],
        shear=(strength("shear_x", 0.99), strength("shear_y", 0.99)),
        shift=(strength("translate_x", 32).trunc(), strength("translate_y", 32).trunc()),
        angle=strength("rotate", 135) * torch.pi / 180,
    )
    coloured = moved + fill[:, None, None]
    coloured = adjust_brightness(coloured, 1 + strength("brightness", 0.99))
    coloured = adjust_saturation(coloured, 1 + strength("colour", 0.99))
    coloured = adjust_contrast(coloured, 1 + strength("contrast", 0.99))
    coloured = _sharpened(coloured, 1 + strength("sharpness", 0.99))
    return _looked_up(images, coloured, operation, level)


def _moved(
    images: Tensor, shear: tuple[Tensor, Tensor], shift: tuple[Tensor, Tensor], angle: Tensor
) -> Tensor:
    """Return images sheared about the upper left corner, shifted or turned; 0 comes in.

    Args:
        images: float B×C×H×W.
        shear: float B each; pixels to the left for each row, and up for each column.
        shift: float B each; pixels to the right, and down.
        angle: float B, radians, counter-clockwise.
    """
    height, width = images.shape[2:]
    y = (torch.arange(height, device=images.device) - (height - 1) / 2)[None, :, None]
    x = (torch.arange(width, device=images.device) - (width - 1) / 2)[None, None, :]
    cos, sin, shear_x, shear_y, shift_x, shift_y = (
        value[:, None, None] for value in (angle.cos(), angle.sin(), *shear, *shift)
    )
    source_x = cos * x - sin * y + shear_x * (y + height / 2) - shift_x
    source_y = sin * x + cos * y + shear_y * (x + width / 2) - shift_y
    source = torch.stack([source_x / (width / 2), source_y / (height / 2)], dim=-1)
    return F.grid_sample(images, source, mode="nearest", padding_mode="zeros", align_corners=False)


def _sharpened(images: Tensor, factor: Tensor) -> Tensor:
    """Return images B×C×H×W spread by a factor each, float B, about their blurred form.

    Pixels at the border stay.
    """
    inner = images[:, :, 1:-1, 1:-1]
    # The middle counts five times, its eight neighbours once each.
    blurred = images.clone()
    blurred[:, :, 1:-1, 1:-1] = (9 * F.avg_pool2d(images, 3, stride=1) + 4 * inner) / 13
    return torch.lerp(blurred, images, factor[:, None, None, None]).clamp(0, 255)


def _looked_up(images: Tensor, others: Tensor, operation: Tensor, level: Tensor) -> Tensor:
    """Return images whose values are replaced by a table's; `others` where that was not drawn."""
    values = images.long().flatten(2)
    value = torch.arange(256, device=images.device).expand(*values.shape[:2], 256)
    drop = (level / 5).round().long()[:, None, None]
    limit = 255 * (LEVELS - 1 - level)[:, None, None]
    low, high = values.aminmax(dim=2, keepdim=True)
    tables = {
        "posterize": value >> drop << drop,
        "solarize": torch.where(value * (LEVELS - 1) >= limit, 255 - value, value),
        "auto_contrast": torch.where(
            high > low, (value - low) * 255 / (high - low).clamp(min=1), value
        ).clamp(0, 255),
        "equalize": _equalizing(values, value),
    }
    drawn, table = torch.zeros_like(operation, dtype=torch.bool), value.float()
    for name, other in tables.items():
        its_turn = operation == OPERATIONS.index(name)
        table = torch.where(its_turn[:, None, None], other.float(), table)
        drawn = drawn | its_turn
    replaced = table.gather(2, values).view(images.shape)
    return torch.where(drawn[:, None, None, None], replaced, others)


def _equalizing(values: Tensor, value: Tensor) -> Tensor:
    """Return tables, int64 B×C×256, that make all grey levels of a channel about as frequent.

    Args:
        values: int64 B×C×(H·W), 0–255.
        value: int64 B×C×256; 0, 1, … 255.
    """
    # Sums of whole numbers: the same whatever their order.
    counts = torch.zeros_like(value).scatter_add(2, values, torch.ones_like(values))
    of_brightest = counts.gather(2, values.amax(dim=2, keepdim=True))
    step = (values.shape[2] - of_brightest) // 255
    below = counts.cumsum(dim=2) - counts
    table = ((below + step // 2) // step.clamp(min=1)).clamp(0, 255)
    return torch.where(step > 0, table, value)
