"""Learning rate by training step."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR


def make_schedule(
    optimizer: Optimizer, *, name: str, steps_per_epoch: int, epochs: int, **options: Any
) -> LRScheduler:
    """Return a scheduler, to be stepped after each training step; the optimizer's rate is its peak.

    Args:
        optimizer: whose learning rate (and, for one_cycle, momentum) is set.
        name: of the schedule:

            - "constant";
            - "step": multiply by `gamma` every `every` epochs;
            - "one_cycle": torch's two cosine phases. `peak_at` is the share of the steps before the
              peak, `div_factor` the peak over the start, `final_div_factor` the start over the end.
              With `cycle_momentum`, momentum or Adam's beta1 goes from .95 to .85 and back;
            - "cosine": half a cosine down to `final` of the peak, after `warmup` epochs of linear
              rise;
            - "triangular": linear from `start` of the peak up to the peak, at `peak_at` of the
              steps, and linear down to `final` of the peak.
        steps_per_epoch: training steps in an epoch.
        epochs: number of epochs.
        options: the schedule's own parameters.
    """
    total = steps_per_epoch * epochs
    if name == "one_cycle":
        return OneCycleLR(
            optimizer,
            max_lr=[group["lr"] for group in optimizer.param_groups],
            total_steps=total,
            pct_start=options.get("peak_at", 0.3),
            div_factor=options.get("div_factor", 25),
            final_div_factor=options.get("final_div_factor", 1e4),
            cycle_momentum=options.get("cycle_momentum", True),
        )
    return LambdaLR(optimizer, _SHAPES[name](total, steps_per_epoch, **options))


def changes_momentum(schedule: LRScheduler) -> bool:
    """Tell whether the schedule sets the optimizer's momentum (or Adam's beta1) too."""
    return isinstance(schedule, OneCycleLR) and schedule.cycle_momentum


def schedule_values(optimizer: Optimizer, schedule: LRScheduler, steps: int) -> np.ndarray:
    """Take all steps and return learning rate and momentum (Adam's beta1) at each, float64 steps×2.

    They are those of the first group of parameters; the momentum is 0 where it has none. The
    weights must have no gradients, so that no step changes them.
    """
    values = np.empty((steps, 2))
    for step in range(steps):
        group = optimizer.param_groups[0]
        momentum = group["betas"][0] if "betas" in group else group.get("momentum", 0.0)
        values[step] = group["lr"], momentum
        optimizer.step()
        schedule.step()
    return values


def _constant(total: int, steps_per_epoch: int) -> Callable[[int], float]:
    return lambda step: 1.0


def _step(total: int, steps_per_epoch: int, *, every: int, gamma: float) -> Callable[[int], float]:
    return lambda step: gamma ** (step // (every * steps_per_epoch))


def _cosine(
    total: int, steps_per_epoch: int, *, warmup: float = 0, final: float = 0
) -> Callable[[int], float]:
    rise = warmup * steps_per_epoch

    def shape(step: int) -> float:
        if step < rise:
            return (step + 1) / (rise + 1)
        progress = min(1.0, (step - rise) / max(1, total - rise))
        return final + (1 - final) * (1 + math.cos(math.pi * progress)) / 2

    return shape


def _triangular(
    total: int, steps_per_epoch: int, *, peak_at: float = 0.2, start: float = 0.1, final: float = 0
) -> Callable[[int], float]:
    peak = peak_at * total

    def shape(step: int) -> float:
        if step < peak:
            return start + (1 - start) * step / peak
        return final + (1 - final) * max(0.0, (total - step) / (total - peak))

    return shape


_SHAPES = {"constant": _constant, "step": _step, "cosine": _cosine, "triangular": _triangular}
SCHEDULES = (*_SHAPES, "one_cycle")
