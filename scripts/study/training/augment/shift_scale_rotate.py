"""Random shifts, scales and rotations."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from study.training.augment.draw import Draw
from study.training.augment.planes import chosen, planes_of

SCHEMA = {
    "description": "Shift, scale and rotate about the middle.",
    "properties": {
        "shift": {
            "description": "Largest shift, share of the width and of the height.",
            "type": "number",
            "minimum": 0,
        },
        "scale": {
            "description": "Largest change of scale; 0.1 means 0.9 to 1.1.",
            "type": "number",
            "minimum": 0,
            "exclusiveMaximum": 1,
        },
        "rotate": {"description": "Largest angle, degrees.", "type": "number", "minimum": 0},
        "p": {
            "description": "Probability. Default: 0.5.",
            "type": "number",
            "minimum": 0,
            "maximum": 1,
        },
    },
    "required": ["shift", "scale", "rotate"],
}


@dataclass(frozen=True)
class ShiftScaleRotate:
    """Shift, scale and rotate about the middle, with probability `p`; bilinear, borders mirrored.

    Per image: angle uniform in ±`rotate` degrees (counter-clockwise), scale uniform in 1 ± `scale`,
    shifts uniform in ±`shift` of the width and the height.
    """

    shift: float
    scale: float
    rotate: float
    p: float = 0.5

    def __call__(self, images: Tensor, draw: Draw) -> Tensor:
        angle = draw.uniform(-self.rotate, self.rotate) * torch.pi / 180
        scale = draw.uniform(1 - self.scale, 1 + self.scale)
        shift_x, shift_y = (draw.uniform(-self.shift, self.shift) for _ in range(2))
        planes = planes_of(images)
        moved = affine(planes, angle, scale, shift_x * planes.shape[3], shift_y * planes.shape[2])
        return chosen(draw.happens(self.p), moved, planes)


def affine(
    images: Tensor, angle: Tensor, scale: Tensor, shift_x: Tensor, shift_y: Tensor
) -> Tensor:
    """Return images, float B×C×H×W, rotated and scaled about the middle, then shifted.

    Bilinear; beyond the border the image is mirrored without repeating the last pixel ("101").

    Args:
        images: float B×C×H×W.
        angle: float B, radians, counter-clockwise.
        scale: float B; above 1 enlarges.
        shift_x: float B, pixels to the right.
        shift_y: float B, pixels down.
    """
    height, width = images.shape[2:]
    y = torch.arange(height, device=images.device, dtype=images.dtype) - (height - 1) / 2
    x = torch.arange(width, device=images.device, dtype=images.dtype) - (width - 1) / 2
    dx = x[None, None, :] - shift_x[:, None, None]
    dy = y[None, :, None] - shift_y[:, None, None]
    cos, sin = ((f(angle) / scale)[:, None, None] for f in (torch.cos, torch.sin))
    # From the output back to the source; the y axis points down, so a positive angle turns
    # counter-clockwise.
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
