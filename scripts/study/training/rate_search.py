"""Learning-rate range test: how the loss answers to a learning rate that grows from step to step.

Source: L. N. Smith, "Cyclical Learning Rates for Training Neural Networks", 2017.
"""

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.signal import savgol_filter
from torch import Tensor

from study.errors import StudyError
from study.training.trainer import Trainer

_SKIPPED_START, _SKIPPED_END = 10, 5
_SLOPE_OVER = 9  # steps
_BLOWN_UP, _LEAST_FALL = 1.25, 0.01  # shares of the first smoothed losses


class RangeTest(NamedTuple):
    """What a range test saw, one number per step.

    Attributes:
        learning_rates: float64, n.
        losses: float64, n; the loss of the step's batch before the step.
        smoothed: float64, n; their exponential average.
        diverged: whether the test ended because the loss grew too large.
    """

    learning_rates: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray
    diverged: bool


def search_recipe(recipe: Mapping[str, Any], start: float) -> dict[str, Any]:
    """Return the recipe to search with: rate `start`, no schedule, no choice of an epoch."""
    kept = {key: value for key, value in recipe.items() if key not in ("keep", "patience")}
    return kept | {
        "optimizer": {**recipe["optimizer"], "lr": start},
        "schedule": {"name": "constant"},
    }


def range_test(
    trainer: Trainer,
    *,
    start: float,
    end: float,
    steps: int,
    smoothing: float,
    divergence: float,
) -> RangeTest:
    """Train `trainer` with a learning rate that grows exponentially, and return its losses.

    Args:
        trainer: a fresh one, of what `search_recipe` returned; of no use afterwards.
        start: learning rate of the first step.
        end: learning rate of the last step.
        steps: the largest number of steps; training images come in random order, epoch after epoch.
        smoothing: weight of the newest loss in the average; 1 does not smooth.
        divergence: stop when the average exceeds its smallest value by this factor.

    Raises:
        StudyError: the loss is no finite number before the first step.
    """
    # Muon's other groups have separate learning rates, which are not searched.
    groups = [g for g in trainer.step.optimizer.param_groups if g.get("orthogonal", True)]
    rates = start * (end / start) ** (np.arange(steps) / max(1, steps - 1))
    losses: list[float] = []
    smoothed: list[float] = []
    trainer.step.train_mode()
    batches = _batches(trainer)
    for before, rate in itertools.pairwise([start, *rates]):
        for group in groups:
            group["lr"] = rate * group.get("head_lr", 1)
            if "orthogonal" in group:
                # Muon's decay is a share of the weight at the peak rate, which is now this one.
                group["weight_decay"] *= before / rate
        epoch, positions = next(batches)
        # The loss decides whether to go on, so it is read at each step: in a hundred steps that
        # costs little.
        loss = float(trainer.step(positions, epoch)[0]) / len(positions)
        losses.append(loss)
        smoothed.append(smoothing * loss + (1 - smoothing) * smoothed[-1] if smoothed else loss)
        if not math.isfinite(loss) or smoothed[-1] > divergence * min(smoothed):
            break
    if not math.isfinite(losses[0]):
        raise StudyError(
            f"the loss is {losses[0]} before the first step of the learning-rate search; correct "
            "'normalize', 'precision' or the trained weights in the recipe"
        )
    diverged = len(losses) < steps or not math.isfinite(losses[-1])
    finite = np.isfinite(smoothed)
    return RangeTest(
        rates[: len(losses)][finite], np.array(losses)[finite], np.array(smoothed)[finite], diverged
    )


def _batches(trainer: Trainer) -> Iterator[tuple[int, Tensor]]:
    epoch = 0
    while True:
        epoch += 1
        order = torch.randperm(len(trainer.train_set), generator=trainer.order).to(trainer.device)
        for positions in order.split(trainer.batch_size):
            yield epoch, positions


def usable(test: RangeTest) -> RangeTest:
    """Return the steps before the smoothed loss rises for good: up to its lowest value.

    What comes after the loss has climbed far above its first values does not count: a network that
    was blown up falls once more, to the loss of guessing.

    Raises:
        StudyError: the loss has not fallen by then, so no rate of this search can be trained with.
    """
    losses = test.smoothed
    above = losses > _BLOWN_UP * losses[:_SKIPPED_START].max(initial=0)
    end = int(losses[: int(above.argmax()) if above.any() else None].argmin()) + 1
    if losses[0] - losses[end - 1] < _LEAST_FALL * abs(losses[0]):
        raise StudyError(
            "the loss never falls in the learning-rate search before it rises for good; "
            "set 'lr_find.start' lower, or write a number for optimizer.lr"
        )
    return RangeTest(test.learning_rates[:end], test.losses[:end], losses[:end], test.diverged)


def steepest(test: RangeTest) -> int:
    """Return the step where the smoothed loss falls fastest, without the first ten and last five.

    The slope at a step is that of a straight line through the nine steps around it. Where the loss
    falls evenly for long, the slope between two neighbours has its minimum wherever a single batch
    happens to put it.

    Raises:
        StudyError: there are too few steps, or the loss never falls.
    """
    last = len(test.smoothed) - _SKIPPED_END
    enough = len(test.smoothed) >= _SLOPE_OVER
    slopes = (
        savgol_filter(test.smoothed, _SLOPE_OVER, 1, deriv=1)[_SKIPPED_START:last]
        if enough
        else np.empty(0)
    )
    if len(slopes) < 2:
        raise StudyError(
            f"the learning-rate search ended after {len(test.smoothed)} steps, "
            "too few for a suggestion; set 'lr_find.start' lower or 'lr_find.steps' higher"
        )
    if slopes.min() >= 0:
        raise StudyError(
            "the loss never falls in the learning-rate search; "
            "set 'lr_find.end' higher or 'lr_find.start' lower"
        )
    return int(slopes.argmin()) + _SKIPPED_START


def valley(test: RangeTest) -> int:
    """Return the middle of the longest valley: the longest falling sequence of smoothed losses.

    Its losses need not be neighbours.

    Source: ESRI's rule, as fastai's `lr_find` has it (suggestion "valley").
    """
    losses = test.smoothed
    lengths = np.ones(len(losses), int)
    for i in range(1, len(losses)):
        before = lengths[:i][losses[:i] > losses[i]]
        lengths[i] += before.max(initial=0)
    end = int(lengths.argmax())
    length = int(lengths[end])
    return max(0, end - length + length // 3 + length // 6)


RULES = {"steepest": steepest, "valley": valley}


def suggestions(test: RangeTest) -> tuple[dict[str, int], dict[str, str]]:
    """Return the step that each rule suggests of the usable ones, and why the others suggest none.

    See `usable`.
    """
    steps, failures = {}, {}
    for name, rule in RULES.items():
        try:
            steps[name] = rule(usable(test))
        except StudyError as error:
            failures[name] = str(error)
    return steps, failures
