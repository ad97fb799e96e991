"""Random parts of images, enlarged to the size of the image."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from study.training.augment.boxes import random_sizes, random_start
from study.training.augment.draw import Draw
from study.training.augment.planes import planes_of

SCHEMA = {
    "description": "Cut out a part of random area and shape and enlarge it to the image's size.",
    "properties": {
        "scale": {
            "description": "Smallest and largest area, share of the image. Default: 0.08 to 1.",
            "type": "array",
            "minItems": 2,
            "maxItems": 2,
            "items": {
                "description": "A share.",
                "type": "number",
                "exclusiveMinimum": 0,
                "maximum": 1,
            },
        },
        "ratio": {
            "description": "Smallest and largest width divided by height. Default: 3/4 to 4/3.",
            "type": "array",
            "minItems": 2,
            "maxItems": 2,
            "items": {"description": "A ratio.", "type": "number", "exclusiveMinimum": 0},
        },
    },
}


@dataclass(frozen=True)
class RandomResizedCrop:
    """Cut out a part of random area and shape and enlarge it to the image's size; bilinear.

    Per image: the area is uniform in `scale`, the ratio of width to height log-uniform in `ratio`,
    the place uniform. Where ten such parts do not fit, the largest one in the middle is taken whose
    ratio is allowed.

    Source: C. Szegedy et al., "Going Deeper with Convolutions", 2015, as torchvision's transforms
    v2 have it.
    """

    scale: Sequence[float] = (0.08, 1.0)
    ratio: Sequence[float] = (3 / 4, 4 / 3)

    def __call__(self, images: Tensor, draw: Draw) -> Tensor:
        _, height, width, _ = images.shape
        low, high = self.scale
        area = low * height * width, high * height * width
        turned = 1 / self.ratio[1], 1 / self.ratio[0]
        rows, columns, found = random_sizes(draw, area, turned, (height, width))
        top, left = random_start(draw, height - rows), random_start(draw, width - columns)
        middle_rows = min(height, round(width / self.ratio[0]))
        middle_columns = min(width, round(height * self.ratio[1]))
        boxes = (
            torch.where(found, top, (height - middle_rows) // 2),
            torch.where(found, left, (width - middle_columns) // 2),
            torch.where(found, rows, middle_rows),
            torch.where(found, columns, middle_columns),
        )
        return enlarged(planes_of(images), *boxes).permute(0, 2, 3, 1)


def enlarged(images: Tensor, top: Tensor, left: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Return the box with this corner and size, all int64 B, enlarged to the size of the image.

    Bilinear; nothing outside the box has a share in it.

    Args:
        images: float B×C×H×W.
        top: first row of the box.
        left: first column.
        rows: number of rows, 1 to H.
        columns: number of columns, 1 to W.
    """
    height, width = images.shape[2:]
    y, x = _places(height, top, rows), _places(width, left, columns)
    source = torch.stack(
        [x[:, None, :].expand(-1, height, -1), y[:, :, None].expand(-1, -1, width)], dim=-1
    )
    return F.grid_sample(images, source, mode="bilinear", padding_mode="border", align_corners=True)


def _places(size: int, start: Tensor, count: Tensor) -> Tensor:
    """Return where each of `size` pixels comes from, float B×size, -1 (first) to 1 (last pixel)."""
    middles = torch.arange(size, device=start.device) + 0.5
    inside = middles * (count / size)[:, None] - 0.5
    inside = torch.minimum(inside.clamp(min=0), (count - 1)[:, None])
    return (inside + start[:, None]) * (2 / max(size - 1, 1)) - 1
