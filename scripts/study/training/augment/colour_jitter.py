"""Random changes of brightness, contrast, saturation and hue."""

from dataclasses import dataclass

import torch
from torch import Tensor

from study.training.augment.draw import Draw
from study.training.augment.planes import chosen, grey, planes_of

SCHEMA = {
    "description": "Change brightness, contrast, saturation and hue, in random order.",
    "properties": {
        "brightness": {
            "description": "Largest change of the factor; 0.3 means 0.7 to 1.3.",
            "type": "number",
            "minimum": 0,
            "maximum": 1,
        },
        "contrast": {
            "description": "Largest change of the factor.",
            "type": "number",
            "minimum": 0,
            "maximum": 1,
        },
        "saturation": {
            "description": "Largest change of the factor.",
            "type": "number",
            "minimum": 0,
            "maximum": 1,
        },
        "hue": {
            "description": "Largest turn, share of the full circle.",
            "type": "number",
            "minimum": 0,
            "maximum": 0.5,
        },
        "p": {
            "description": "Probability. Default: 0.5.",
            "type": "number",
            "minimum": 0,
            "maximum": 1,
        },
    },
    "required": ["brightness", "contrast", "saturation", "hue"],
}


@dataclass(frozen=True)
class ColourJitter:
    """Change brightness, contrast, saturation and hue, with probability `p`.

    Each image has its own random order of the four. Factors are uniform in 1 ± `brightness`,
    1 ± `contrast` and 1 ± `saturation`; the hue turns by a share of the full circle uniform in
    ±`hue`.
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
        jittered = planes = planes_of(images)
        for turn in range(len(parameters)):
            current = jittered
            for which, (adjust, amount) in enumerate(parameters):
                has_its_turn = (rank[:, turn] == which)[:, None, None, None]
                jittered = torch.where(has_its_turn, adjust(current, amount), jittered)
        return chosen(draw.happens(self.p), jittered, planes)


def adjust_brightness(images: Tensor, factor: Tensor) -> Tensor:
    """Return images B×C×H×W multiplied by a factor each, float B, within 0–255."""
    return (images * factor[:, None, None, None]).clamp(0, 255)


def adjust_contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Return images B×C×H×W spread about the mean of their grey form, within 0–255.

    Args:
        images: float B×C×H×W.
        factor: float B; 0 gives an even grey, 1 the image.
    """
    mean = grey(images).mean(dim=(1, 2, 3), keepdim=True)
    return torch.lerp(mean, images, factor[:, None, None, None]).clamp(0, 255)


def adjust_saturation(images: Tensor, factor: Tensor) -> Tensor:
    """Return images B×C×H×W spread by a factor each, float B, about their grey form, in 0–255."""
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
    # Of the HSV hexcone: channel n falls from the highest to the lowest value with the distance of
    # its hue.
    channels = []
    for offset in (5, 3, 1):
        k = (offset + hue) % 6
        channels.append(high - chroma * torch.minimum(k, 4 - k).clamp(0, 1))
    return torch.stack(channels, dim=1)
