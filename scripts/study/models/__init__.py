"""Architectures by name: `build_model("cnn2", num_classes=10, in_channels=3)`."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from study.errors import StudyError
from study.models.cnn2 import CNN2
from study.models.cnn3 import CNN3
from study.models.dilated_separable import DilatedSeparable
from study.models.fastnet import FastNet
from study.models.resnet9 import ResNet9
from study.models.resnet18 import ResNet18

ARCHITECTURES: dict[str, type[nn.Module]] = {
    "cnn2": CNN2,
    "cnn3": CNN3,
    "resnet18": ResNet18,
    "dilated_separable": DilatedSeparable,
    "resnet9": ResNet9,
    "fastnet": FastNet,
}


def build_model(
    name: str, *, num_classes: int = 10, in_channels: int = 3, image_size: int = 32, **options: Any
) -> nn.Module:
    """Return a freshly initialised model; initial weights come from torch's global generator.

    Args:
        name: a key of `ARCHITECTURES`.
        num_classes: number of logits.
        in_channels: channels of the input images.
        image_size: height and width of the input images, pixels.
        options: the architecture's own parameters, such as `filters`.

    Raises:
        StudyError: no such architecture, or it has no such option.
    """
    if name not in ARCHITECTURES:
        raise StudyError(f"unknown architecture {name!r}; known: {', '.join(ARCHITECTURES)}")
    architecture = ARCHITECTURES[name]
    known = set(inspect.signature(architecture).parameters) - {"num_classes", "in_channels", "image_size"}
    unknown = sorted(set(options) - known)
    if unknown:
        raise StudyError(
            f"architecture {name!r} has no option {unknown[0]!r}; it has: {', '.join(sorted(known)) or 'none'}"
        )
    return architecture(num_classes=num_classes, in_channels=in_channels, image_size=image_size, **options)


def build_recipe_model(recipe: Mapping[str, Any], *, num_classes: int, image_shape: Sequence[int]) -> nn.Module:
    """Return the recipe's model, as `build_model` does, for images of the shape (H, W, C)."""
    height, _, channels = image_shape
    return build_model(num_classes=num_classes, in_channels=channels, image_size=height, **recipe["architecture"])


def count_parameters(model: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
