"""How fast this machine trains a recipe, by a few steps on made-up images."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import torch

from study.config.recipes import searches_rate
from study.training.image_set import ImageSet
from study.training.trainer import new_trainer

# How many times as long as it may compute a measurement may last where the machine has other work.
_PATIENCE = 2


def measure(
    recipe: Mapping[str, Any],
    image_shape: tuple[int, ...],
    num_classes: int,
    device: torch.device,
    seconds: float,
) -> tuple[float, int]:
    """Return how many images per second a recipe trains, and how many parameters it has.

    On a CPU these are seconds of its time, which other work on the machine does not lengthen; on a
    GPU those of a clock. Batches grow up to the recipe's own as far as the time allows, and the
    largest one counts. A batch of a large network may take longer than all the time there is.

    Args:
        recipe: a resolved recipe.
        image_shape: H, W, C.
        num_classes: number of logits.
        device: to train on.
        seconds: to spend, roughly; the first batch is taken whatever it costs.

    Raises:
        StartAnew: a CUDA graph failed; it is measured without one.
    """
    recipe = {**recipe, "compile": False}  # compiling takes minutes, and saves no more than a share
    if searches_rate(recipe):
        recipe = {**recipe, "optimizer": {**recipe["optimizer"], "lr": 1e-3}}
    count = max(recipe["batch_size"], 64)
    random = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, *image_shape), dtype=torch.uint8, generator=random).to(
        device
    )
    labels = torch.randint(0, num_classes, (count,), generator=random).to(device)
    image_set = ImageSet(images, labels)
    trainer = new_trainer(recipe, 0, num_classes, image_set, image_set.empty())
    trainer.step.train_mode()
    take_step = trainer.stepper()
    now = time.process_time if device.type == "cpu" else time.perf_counter

    def train(batch: int) -> None:
        take_step(torch.randperm(count, generator=random)[:batch].to(device), 1).tolist()

    with trainer.without_graph_after_a_failure(take_step):
        return _rate(train, recipe["batch_size"], seconds, now), trainer.n_parameters


def _rate(
    work: Callable[[int], None], largest: int, seconds: float, now: Callable[[], float]
) -> float:
    """Return how many items a second of the clock `now` one call of `work` does.

    The batch is the largest, of doubled sizes, that there is time for.
    """
    start, waited = now(), time.monotonic()

    def left() -> float:
        return min(
            start + seconds - now(), (waited + _PATIENCE * seconds - time.monotonic()) / _PATIENCE
        )

    batch = min(8, largest)
    work(batch)  # the first one sets things up
    while True:
        before = now()
        work(batch)
        took = now() - before
        if batch == largest or left() < 4 * took:
            break
        batch = min(2 * batch, largest)
    done, total = batch, took
    while left() > took:
        before = now()
        work(batch)
        done, total = done + batch, total + now() - before
    return done / total
