"""Which size of images leaves a new study its time, and how long it then takes."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from study.audit.provenance import machine
from study.cli.estimate import PREDICTED, START, Recipes, time_of, typical_speeds, work
from study.cli.speed import SECONDS, measured
from study.code import PROJECT
from study.config.imports import trains_network
from study.config.study import check_study
from study.devices import wants_gpu
from study.wording import counted, duration

_MINUTES = 15
# Jobs that neither train nor predict: of each run, and of the study.
_OF_RUN, _OF_STUDY = 3, 30


def largest_that_fits(
    sizes: Sequence[int],
    configured: Callable[[int], Mapping[str, Any]],
    n_images: int,
    n_classes: int,
    trained: bool,
) -> tuple[int, str]:
    """Return the first of some sizes whose study takes a quarter of an hour at most, else the last.

    Args:
        sizes: of images, pixels, the largest first.
        configured: returns the whole configuration with images of a size.
        n_images: in the data set.
        n_classes: in the data set.
        trained: whether networks start from trained weights. Their speed is measured here; that of
            the project's own is known, as one core had it once.

    Returns:
        The size, and a line that says how long the study takes; "" where a speed is unknown.
    """
    gpus, cores = int(wants_gpu("auto")), machine()["cpus"]
    if gpus and not trained:
        return sizes[0], ""
    config = configured(sizes[-1])
    recipes = check_study(config, PROJECT).recipes
    networks = [model for model in config["models"] if trains_network(recipes[model])]
    if trained:
        asked = {"image_shape": (sizes[-1], sizes[-1], 3), "num_classes": n_classes, "gpus": gpus}
        asked |= {"seconds": SECONDS, "recipes": {model: recipes[model] for model in networks}}
        smallest = {model: speed for model, (speed, _) in measured(asked, cores).items()}
    else:
        smallest = typical_speeds(config, recipes, networks)
    for size in sizes:
        # A network computes about as much for each pixel, whatever the size.
        speeds = {model: speed * (sizes[-1] / size) ** 2 for model, speed in smallest.items()}
        seconds = _seconds(config, recipes, n_images, speeds, cores, gpus)
        if seconds <= 60 * _MINUTES:
            break
    where = "a GPU" if gpus else counted(cores, "core")
    line = f"about {duration(seconds)} with {where} and images of {size}×{size} pixels, "
    if trained:
        line += "by the speed of training measured here"
    else:
        line += "on a core like the one that the project's speeds were measured on"
    if seconds > 60 * _MINUTES:
        line += "; fewer seeds or combos take less"
        line += ", or models: [probe, neighbours] alone" if trained else ""
    return size, line


def _seconds(
    config: Mapping[str, Any],
    recipes: Recipes,
    n_images: int,
    speeds: Mapping[str, float],
    cores: int,
    gpus: int,
) -> float:
    """Return how long a study takes, with models of the given images per second."""
    runs = list(itertools.product(config["models"], config["combos"], config["seeds"]))
    seconds = [
        work(config, recipes, model, combo, n_images, speeds[model]).seconds
        for model, combo, _ in runs
        if model in speeds
    ]
    if len(speeds) < len(config["models"]):  # the features of probes, once
        seconds.append(START + PREDICTED * n_images / max(speeds.values()))
    return time_of(seconds, _OF_STUDY + _OF_RUN * len(runs), cores, gpus)
