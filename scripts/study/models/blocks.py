"""Building blocks that several architectures share."""

import torch
from torch import Tensor, nn


class DepthwiseConv2d(nn.Conv2d):
    """A 3×3 convolution of every input channel by itself, without bias; float32 on a CPU even under autocast.

    CPUs have no bfloat16 kernel for it that gains anything: staying in float32 makes the whole network faster.
    """

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__(in_channels, out_channels, 3, padding=1, groups=in_channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the same height and width."""
        if x.device.type != "cpu":
            return super().forward(x)
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.to(self.weight.dtype))


def conv_pool_relu(in_channels: int, out_channels: int) -> list[nn.Module]:
    """Return a 3×3 convolution with bias, 2×2 max-pooling and ReLU: half the height and width.

    ReLU and max commute, so pooling first gives the same outputs and gradients as the usual order with a quarter of
    the elements to rectify.
    """
    return [nn.Conv2d(in_channels, out_channels, 3, padding=1), nn.MaxPool2d(2), nn.ReLU(inplace=True)]
