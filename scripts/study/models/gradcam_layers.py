"""Which layers of a network hold maps for Grad-CAM."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from study.errors import StudyError

_SIZES = 2
_MAKE_MAPS = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)


class NoMaps(StudyError):
    """A network has no layers whose maps could be shown."""


def cam_layers(model: nn.Module, image_shape: Sequence[int]) -> tuple[str, ...]:
    """Return the names of the modules that end the last two stages of a convolutional network, coarser maps last.

    These are what the model names as `CAM_LAYERS`. Else a stage is all that is computed at one size of maps, more than one place, that a
    convolution or pooling of the network returns; it ends with the last module that returns maps of this size.

    Args:
        model: takes float B×C×H×W.
        image_shape: (H, W, C) of an image.

    Raises:
        NoMaps: there is no such stage, or what comes after the last one is no classifier of maps, as in a transformer.
    """
    named = getattr(model, "CAM_LAYERS", None)
    if named is not None:
        return tuple(named)
    sizes: list[tuple[int, int]] = []
    ends: dict[tuple[int, int], tuple[str, int]] = {}
    tokens = 0  # when the last layer ran that works on several vectors of an image: tokens, or maps whose channels lie last
    clock = 0

    def record(name: str, module: nn.Module, given: tuple[Any, ...], output: Any) -> None:
        nonlocal tokens, clock
        clock += 1
        if (
            isinstance(module, nn.MultiheadAttention | nn.Linear)
            and given[0].shape[1:-1].numel() > 1
        ):
            tokens = clock
        if not isinstance(output, Tensor) or output.ndim != 4:
            return
        size = tuple(output.shape[2:])
        if isinstance(module, _MAKE_MAPS) and min(size) > 1 and size not in sizes:
            sizes.append(size)
        if size in sizes and name:
            ends[size] = name, clock

    hooks = [
        module.register_forward_hook(
            lambda module, given, output, name=name: record(name, module, given, output)
        )
        for name, module in model.named_modules()
    ]
    modes = {module: module.training for module in model.modules()}
    height, width, channels = image_shape
    try:
        with torch.no_grad():
            model.eval()(
                torch.zeros(1, channels, height, width, device=next(model.parameters()).device)
            )
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in modes.items():
            module.training = mode
    kind = type(model).__name__
    if not sizes:
        raise NoMaps(
            f"Grad-CAM shows maps of convolutions, and {kind} has none of more than one place"
        )
    last = sorted(ends.values(), key=lambda end: end[1])[-_SIZES:]
    if tokens > last[-1][1]:
        raise NoMaps(
            f"Grad-CAM shows maps of convolutions, and {kind} goes on from its own with attention or layers between vectors"
        )
    return tuple(name for name, _ in last)
