"""Images as planes of colour, the layout of image libraries."""

import torch
from torch import Tensor

from study.training.augment.fill import fill_colour

_LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601


def planes_of(images: Tensor) -> Tensor:
    """Return images B×H×W×C as float B×C×H×W."""
    return images.permute(0, 3, 1, 2).float()


def chosen(which: Tensor, changed: Tensor, unchanged: Tensor) -> Tensor:
    """Return images B×H×W×C of planes B×C×H×W: the changed ones where `which`, bool B, is true."""
    return torch.where(which[:, None, None, None], changed, unchanged).permute(0, 2, 3, 1)


def grey(images: Tensor) -> Tensor:
    """Return the luminance, float B×1×H×W, of RGB images B×3×H×W."""
    return (images * fill_colour(_LUMINANCE, images)[:, None, None]).sum(dim=1, keepdim=True)
