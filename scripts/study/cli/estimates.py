"""What a study takes, before it runs: time and disk by rules of thumb and a measured throughput, and a part of it that fits into some hours."""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from study.config.recipes import epochs_of
from study.data.names import OFFICIAL

# Of an official split: the share of the images that its publisher tests on.
_OFFICIAL_TEST = 1 / 6
# Images a second of a small network on one core.
_SMALL = 1000.0
# Processor seconds of a job without a training or prediction, and more for each 1,000 images of the data set: what they took on 60,000 images of
# CIFAR-10, on the 1,797 digits and on 389 images in four folders, on virtual cores of an AMD EPYC.
_JOB = (1.5, 0.0)
_JOBS = {
    **dict.fromkeys(("resolve_recipe", "list_runs", "partition", "split"), (0.3, 0.0)),
    **dict.fromkeys(("list_problems", "count_classes"), (0.6, 0.0)),
    "download": (0.5, 0.5),
    "decode": (0.3, 0.05),
    "find_duplicates": (1.0, 1.4),
    "draw_near_duplicates": (2.0, 0.0),
    "measure": (1.5, 0.02),
    "draw_run": (2.9, 0.02),
    "gradcam": (3.5, 0.01),
    "gradcam_hard_examples": (4.6, 0.05),
    "describe_model": (5.6, 0.1),
    "find_hard_examples": (4.1, 0.2),
    "find_hard_to_learn": (2.0, 0.02),
    "compare": (3.5, 0.1),
    "build_gallery": (3.0, 0.2),
    "plot_curves": (2.0, 0.0),
    "describe_study": (2.4, 0.0),
    "summarize": (3.7, 0.0),
}
# And of Snakemake and the shell for each job, trainings too.
PLANNING = 0.15
# What is done once, one after the other, before the first run and after the last one: more cores do not make it shorter.
CHAIN = (
    "download", "decode", "partition", "split", "find_hard_examples", "gradcam_hard_examples", "build_gallery", "summarize",
)  # fmt: skip


class Size(NamedTuple):
    """How many images a run trains on, and validates and tests on after each epoch."""

    train: int
    held_out: int


class Speed(NamedTuple):
    """Of a model on a machine: images a second in training and prediction, parameters, and seconds until a job starts to train.

    See `study.training.throughput.Throughput` for what kind of seconds.
    """

    train: float
    predict: float
    parameters: int
    start: float


def run_size(config: Mapping[str, Any], combo: str, n_images: int) -> Size:
    """Return how many images a run on a combo has, by the configuration's shares.

    Args:
        config: of the study.
        combo: its name, also one that is split afresh (v1@afresh).
        n_images: in the data set.
    """
    if combo == OFFICIAL:
        train = n_images * (1 - _OFFICIAL_TEST) * (1 - config["official"]["val"])
        return Size(round(train), n_images - round(train))
    sizes = {partition["name"]: partition["size"] for partition in config["partitions"]}
    found = [sizes[part] for part in combo.partition("@")[0].split("+")]
    total = sum(size if isinstance(size, int) else round(size * n_images) for size in found)
    train = round(total * config["split"]["train"])
    return Size(train, total - train)


def epochs_to_train(recipe: Mapping[str, Any], size: Size) -> int:
    """Return how many epochs a run trains at most."""
    epochs = epochs_of(recipe, math.ceil(size.train / recipe["batch_size"]))
    return min(epochs, recipe.get("stop_after", epochs))


def training_seconds(recipe: Mapping[str, Any], size: Size, speed: Speed) -> float:
    """Return how long the job takes that trains a run: start, epochs, and what is measured after each."""
    each = size.train / speed.train + size.held_out / speed.predict
    return speed.start + epochs_to_train(recipe, size) * each


def earlier_speeds(runs: Path, models: Iterable[str]) -> dict[str, float]:
    """Return images a second of some run of each model that was trained before, where there is one.

    Args:
        runs: folder of runs, as <combo>/<model>/seed<seed>/run.json.
        models: names.
    """
    records = {model: next(runs.glob(f"*/{model}/*/run.json"), None) for model in models}
    speeds = {
        model: json.loads(path.read_text())["images_per_s"]
        for model, path in records.items()
        if path is not None
    }
    return {model: speed for model, speed in speeds.items() if speed}


def training_work(
    config: Mapping[str, Any],
    recipes: Mapping[str, Mapping[str, Any]],
    runs: Iterable[tuple[str, str]],
    n_images: int,
    speeds: Mapping[str, float],
) -> tuple[int, float]:
    """Return how many images trainings see, each as often as they see it, and their seconds; models without a speed as if they were small.

    Args:
        config: of the study.
        recipes: resolved, by model.
        runs: combo and model of each.
        n_images: in the data set.
        speeds: images a second by model.
    """
    images, seconds = 0, 0.0
    for combo, model in runs:
        of_run = run_size(config, combo, n_images)
        own = epochs_to_train(recipes[model], of_run) * of_run.train
        images += own
        seconds += own / speeds.get(model, _SMALL)
    return images, seconds


def job_seconds(rule: str, n_images: int) -> float:
    """Return how many processor seconds a job without a training takes, roughly."""
    start, per_thousand = _JOBS.get(rule, _JOB)
    return start + per_thousand * n_images / 1000


def run_bytes(size: Size, speed: Speed, n_images: int, n_classes: int) -> int:
    """Return how much disk a run takes: predictions, weights, dynamics of its training images, figures and tables."""
    return n_images * (4 * n_classes + 1) + 4 * speed.parameters + 24 * size.train + 400_000


def study_bytes(n_images: int, image_shape: Sequence[int]) -> int:
    """Return how much disk a study takes beside its runs: the images twice (as downloaded and decoded), tables of images and the gallery."""
    return 2 * n_images * math.prod(image_shape) + 400 * n_images + min(40_000_000, 650 * n_images)


Run = tuple[str, str, int]


class Part(NamedTuple):
    """A part of a study: a grid, like the whole."""

    combos: list[str]
    models: list[str]
    seeds: list[int]

    def runs(self) -> Iterable[Run]:
        """Yield its runs."""
        return ((c, m, s) for c in self.combos for m in self.models for s in self.seeds)


def fitting_part(
    whole: Part, cost: Callable[[Part], float], most: float, kept_models: Iterable[str] = ()
) -> Part | None:
    """Return a part of a study, again every combo with every model and every seed, that costs no more than some time; None if there is none.

    Seeds go first, but two stay, by which differences can be told from chance; then whichever model or combo saves the most for each run that
    it takes along; one seed is the last resort. Seeds come back where the smaller grid has room for them.

    Args:
        whole: the study.
        cost: of a part, in the unit of `most`; less for less.
        most: what it may cost.
        kept_models: that must stay.
    """
    kept = set(kept_models)
    for least in (min(2, len(whole.seeds)), 1):
        part = whole._replace(seeds=whole.seeds[:least])
        while cost(part) > most:
            smaller = [
                part._replace(combos=[c for c in part.combos if c != name])
                for name in reversed(part.combos)
                if len(part.combos) > 1
            ]
            smaller += [
                part._replace(models=[m for m in part.models if m != name])
                for name in reversed(part.models)
                if len(part.models) > 1 and name not in kept
            ]
            if not smaller:
                break
            before, n = cost(part), len(list(part.runs()))
            part = max(smaller, key=lambda one: (before - cost(one)) / (n - len(list(one.runs()))))
        else:
            fits = [whole.seeds[:n] for n in range(least, len(whole.seeds) + 1)]
            return max(
                (
                    part._replace(seeds=seeds)
                    for seeds in fits
                    if cost(part._replace(seeds=seeds)) <= most
                ),
                key=lambda one: len(one.seeds),
            )
    return None
