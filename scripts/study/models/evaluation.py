"""Ask a network something in evaluation mode and leave it as it was."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Keep a model in evaluation mode within; each of its modules has its own mode again after."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def answer_to_black(model: nn.Module, image_shape: Sequence[int], count: int = 1) -> Any:
    """Return what a model says of black images; nothing is changed or drawn at random.

    Args:
        model: takes float B×C×H×W.
        image_shape: (H, W, C) of an image.
        count: B.
    """
    height, width, channels = image_shape
    device = next(model.parameters(), torch.empty(0)).device
    with torch.no_grad(), evaluating(model):
        return model(torch.zeros(count, channels, height, width, device=device))
