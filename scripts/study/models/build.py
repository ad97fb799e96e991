"""Models by the name of their architecture, such as `build_model("cnn2", num_classes=10)`."""

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F

from study.config.architectures import architecture, check_architecture
from study.errors import StudyError, one_line
from study.models.evaluation import answer_to_black

_LARGEST_PROBE = 256


def build_model(
    name: str, *, num_classes: int = 10, in_channels: int = 3, image_size: int = 32, **options: Any
) -> nn.Module:
    """Return a freshly initialised model; initial weights come from torch's global generator.

    Only this function imports the architecture's module, so that a new file in this folder changes
    the code of no other model. Who records or compares code adds
    `study.config.architectures.architecture_modules`.

    Args:
        name: a file of this folder, or "torchvision/<model>" or "timm/<model>".
        num_classes: number of logits.
        in_channels: channels of the input images.
        image_size: height and width of the input images, pixels.
        options: the architecture's own parameters, such as `filters`.

    Raises:
        StudyError: no such architecture, or it has no such option.
    """
    check_architecture({"name": name} | options)
    given = {"num_classes": num_classes, "in_channels": in_channels, "image_size": image_size}
    if "/" in name:
        from_library = importlib.import_module("study.models.libraries").library_model
        return from_library(name, **given, **options)
    entry = architecture(name)
    return getattr(importlib.import_module(entry.module), entry.name)(**given, **options)


def build_recipe_model(
    recipe: Mapping[str, Any], *, num_classes: int, image_shape: Sequence[int]
) -> nn.Module:
    """Return the recipe's model, as `build_model` does, for images of the shape (H, W, C).

    It scales them to the recipe's `input_size` first, if there is one.

    Raises:
        StudyError: as `build_model`, or the model does not return logits for such images.
    """
    height, width, channels = image_shape
    size = recipe.get("input_size", height)
    model = build_model(
        num_classes=num_classes, in_channels=channels, image_size=size, **recipe["architecture"]
    )
    if "input_size" in recipe:
        # No layer of its own: weights keep the names that the network gave them.
        model.register_forward_pre_hook(_Scaled(size))
        model.scaled_to = size
    name = recipe["architecture"]["name"]
    try:
        logits = answer_to_black(model, image_shape, 2)
    except (
        Exception
    ) as error:  # whatever a network of somebody else says to images that it cannot take
        smallest = _smallest_side(model, min(height, width), channels)
        raise StudyError(
            f"{name} cannot take images of {height}×{width} pixels with {channels} channels"
            + (f"; the smallest that it takes are {smallest}×{smallest}" if smallest else "")
            + f" ({one_line(error)})"
        ) from error
    if not isinstance(logits, Tensor) or logits.shape != (2, num_classes):
        kind = (
            "×".join(map(str, logits.shape))
            if isinstance(logits, Tensor)
            else f"a {type(logits).__name__}"
        )
        raise StudyError(f"{name} returns {kind} for two images, expected logits, 2×{num_classes}")
    return model


class _Scaled:
    """Scales a network's input to a square of `size` pixels."""

    def __init__(self, size: int):
        self.size = size

    def __call__(self, model: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return scaled(given[0], self.size), *given[1:]


def scaled(images: Tensor, size: int) -> Tensor:
    """Return images, float B×C×H×W, scaled to squares of `size` pixels, bilinearly."""
    shrinks = size < min(images.shape[2:])
    options = {"mode": "bilinear", "align_corners": False, "antialias": shrinks}
    return F.interpolate(images, (size, size), **options)


def _smallest_side(model: nn.Module, refused: int, channels: int) -> int | None:
    """Return the side of the smallest square images that the model takes, or None.

    Args:
        model: takes float B×C×H×W.
        refused: a side that it does not take; the smallest one is above it.
        channels: C.
    """

    def takes(side: int) -> bool:
        try:
            answer_to_black(model, (side, side, channels), 2)
        except Exception:
            return False
        return True

    taken = 2 * refused
    while not takes(taken):
        refused, taken = taken, 2 * taken
        if taken > _LARGEST_PROBE:
            return None
    while taken - refused > 1:
        middle = (taken + refused) // 2
        refused, taken = (refused, middle) if takes(middle) else (middle, taken)
    return taken


def count_parameters(model: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
