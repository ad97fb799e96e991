"""How much of the image one place of a network's maps can see."""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn


def receptive_field(module: nn.Module, forward: Callable[[nn.Module, Tensor], Tensor] | None = None) -> int:
    """Return the side of the square of input pixels that one output place depends on.

    Counted, not computed from a formula, so it holds for any graph: all convolutions become sums, pooling becomes
    averaging, everything pointwise becomes the identity, and the pixels with a gradient from the middle place are counted
    (W. Luo et al., "Understanding the Effective Receptive Field", NeurIPS 2016, call this the theoretical field).

    Args:
        module: anything that maps B×C×H×W to B×C'×H'×W'.
        forward: what to call instead of the module itself, such as `type(module).features`.
    """
    probe = _linearised(copy.deepcopy(module).double())
    channels = next(layer.in_channels for layer in probe.modules() if isinstance(layer, nn.Conv2d))
    images = torch.zeros(1, channels, 257, 257, dtype=torch.float64, requires_grad=True)
    maps = probe(images) if forward is None else forward(probe, images)
    height, width = maps.shape[2:]
    maps[0, :, height // 2, width // 2].sum().backward()
    rows = images.grad.abs().sum(dim=(0, 1, 3)).nonzero()
    return int(rows.max() - rows.min() + 1)


def _linearised(module: nn.Module) -> nn.Module:
    for name, child in module.named_children():
        if isinstance(child, nn.Conv2d):
            child.weight.data.fill_(1 / child.weight[0].numel())
        elif isinstance(child, nn.MaxPool2d):
            setattr(module, name, nn.AvgPool2d(child.kernel_size, child.stride, child.padding))
        elif next(child.children(), None) is None:
            setattr(module, name, nn.Identity())
        else:
            _linearised(child)
    return module
