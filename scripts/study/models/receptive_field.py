"""How much of the image each place of a network's maps can see."""

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn

from study.errors import StudyError

# Side of the probe image: more than any receptive field in use, so the middle sees no border.
_PROBE = 513


class NoField(StudyError):
    """Receptive fields of a network cannot be counted."""


class Field(NamedTuple):
    """What one place of a layer's output depends on.

    Attributes:
        size: side of the square of input pixels.
        jump: input pixels between the squares of two neighbouring places.
    """

    size: int
    jump: int


def receptive_fields(model: nn.Module) -> dict[str, Field]:
    """Return the receptive field of every layer whose output is a map, in computation order.

    It is counted, not computed from a formula, so it holds for any graph. All convolutions become
    sums over one channel, pooling becomes averaging, and everything else the identity. Then the
    pixels with a gradient from the middle place are counted (W. Luo et al., "Understanding the
    Effective Receptive Field", NeurIPS 2016, call this the theoretical field). Global pooling is
    left out: what follows it sees the whole image.

    Args:
        model: maps B×C×H×W to anything; channels may only be added or handed on between its layers,
            not chosen. Where it scales its images first, pixels are those of the scaled image.

    Raises:
        NoField: the network is not of this kind.
    """
    try:
        return _counted(model)
    # Whatever a network of somebody else says to one channel, or to sums instead of layers.
    except Exception as error:
        raise NoField(
            f"Receptive fields are not given: {type(model).__name__} does more with its maps than "
            "to convolve, pool and add them."
        ) from error


def _counted(model: nn.Module) -> dict[str, Field]:
    probe = _linearised(copy.deepcopy(model)).double()
    probe._forward_pre_hooks.clear()  # such as what scales the images
    outputs: dict[str, Tensor] = {}
    for name, layer in probe.named_modules():
        if next(layer.children(), None) is None:
            layer.register_forward_hook(
                lambda layer, given, output, name=name: outputs.update({name: output})
            )
    images = torch.zeros(1, 1, _PROBE, _PROBE, dtype=torch.float64, requires_grad=True)
    probe(images)
    # The identity hands on the very tensor that it was given: count once for each.
    maps_by_name = {name: output for name, output in outputs.items() if output.ndim == 4}
    distinct = {id(maps): maps for maps in maps_by_name.values()}
    fields = {key: _field(maps, images) for key, maps in distinct.items()}
    # What depends on the border of the probe too sees the whole image.
    return {
        name: fields[id(maps)]
        for name, maps in maps_by_name.items()
        if fields[id(maps)].size < _PROBE
    }


def _field(maps: Tensor, images: Tensor) -> Field:
    middle = maps.shape[2] // 2
    ends = []
    for place in (middle, middle + 1):
        (gradient,) = torch.autograd.grad(maps[0, 0, place, place], images, retain_graph=True)
        rows = gradient.sum(dim=(0, 1, 3)).nonzero()
        ends.append((int(rows.min()), int(rows.max())))
    (first, last), (following, _) = ends
    return Field(last - first + 1, following - first)


def _linearised(module: nn.Module) -> nn.Module:
    if isinstance(module, nn.Conv2d):
        sums = nn.Conv2d(
            1, 1, module.kernel_size, module.stride, module.padding, module.dilation, bias=False
        )
        nn.init.constant_(sums.weight, 1 / sums.weight.numel())
        return sums
    if isinstance(module, nn.MaxPool2d | nn.AvgPool2d):
        return nn.AvgPool2d(module.kernel_size, module.stride, module.padding, module.ceil_mode)
    if next(module.children(), None) is None:
        return nn.Identity()
    for name, child in module.named_children():
        setattr(module, name, _linearised(child))
    return module
