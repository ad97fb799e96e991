"""An average of a model's weights over the steps of its training."""

import copy
from typing import Any

import torch
from torch import nn


class MovingAverage:
    """The exponential moving average of a model's weights and buffers.

    After the first step it is the model, then decay · average + (1 − decay) · model. Counters, such
    as those of batch norms, are copied from the model. `torch.optim.swa_utils.AveragedModel` asks
    the device at every step whether it is the first one; here nothing waits for the device.

    Args:
        model: what to average; it stays as it is.
        decay: of one step, above 0 and below 1.

    Attributes:
        module: a model of the same kind with the averages, on the same device.
    """

    def __init__(self, model: nn.Module, decay: float):
        self.module = copy.deepcopy(model)
        self.decay = decay
        self.begun = False

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Take in the model after one more step."""
        averages, values = ([*each.parameters(), *each.buffers()] for each in (self.module, model))
        for average, value in zip(averages, values, strict=True):
            if self.begun and average.is_floating_point():
                average.lerp_(value, 1 - self.decay)
            else:
                average.copy_(value)
        self.begun = True

    def state_dict(self) -> dict[str, Any]:
        """Return all of it."""
        return {"module": self.module.state_dict(), "begun": self.begun}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        self.module.load_state_dict(state["module"])
        self.begun = state["begun"]
