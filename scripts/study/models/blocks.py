"""Building blocks that several architectures share."""

import torch
from torch import Tensor, nn


class DepthwiseConv2d(nn.Conv2d):
    """A 3×3 convolution of every input channel by itself, without bias; float32 on a CPU.

    Also under autocast: CPUs have no bfloat16 kernel for it that gains anything, so staying in
    float32 makes the whole network faster.
    """

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__(in_channels, out_channels, 3, padding=1, groups=in_channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the same height and width."""
        if x.device.type != "cpu":
            return super().forward(x)
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.to(self.weight.dtype))


class Dropout(nn.Dropout):
    """Dropout that costs a CPU little; elsewhere it is torch's own.

    torch draws a number for each element, which takes a quarter of the training time of a network
    with dropout after every layer. Here a random number of 64 bits decides about four elements. The
    probability is rounded to a multiple of 2⁻¹⁶, and what is kept is scaled accordingly.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the same shape and layout."""
        dropped = round(self.p * 2**16)
        if x.device.type != "cpu" or not self.training or dropped in (0, 2**16):
            return super().forward(x)
        words = torch.empty((x.numel() + 3) // 4, dtype=torch.int64).random_(
            torch.iinfo(torch.int64).min, None
        )
        # 1 where an element is kept, in place of its number: a third of the time of booleans.
        kept = words.view(torch.int16)[: x.numel()].ge_(dropped - 2**15)
        factors = kept.to(x.dtype).mul_(2**16 / (2**16 - dropped))
        # In the order of the memory: an element's number is as good as its neighbour's.
        dense = x.is_contiguous() or x.is_contiguous(memory_format=torch.channels_last)
        return x * (factors.as_strided(x.shape, x.stride()) if dense else factors.view(x.shape))


def conv_pool_relu(in_channels: int, out_channels: int) -> list[nn.Module]:
    """Return a 3×3 convolution with bias, 2×2 max-pooling and ReLU: half the height and width.

    ReLU and max commute, so pooling first gives the same outputs and gradients as the usual order,
    with a quarter of the elements to rectify.
    """
    return [
        nn.Conv2d(in_channels, out_channels, 3, padding=1),
        nn.MaxPool2d(2),
        nn.ReLU(inplace=True),
    ]
