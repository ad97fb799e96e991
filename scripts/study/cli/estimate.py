"""How long the runs of a study take, by the speeds of runs that are here or of the project's own.

The time is a rough one. An image that is only predicted takes a third of the time of one that is
trained on. Every job takes two seconds to start, and one that computes little is then done.
"""

import contextlib
import functools
import itertools
import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from study.code import PROJECT
from study.config.imports import model_names, trains_network
from study.config.partition_checks import has_external_test
from study.config.recipes import RECIPES, epochs_of, without
from study.config.views import looks, n_added, n_predicted
from study.data.datasets.planning import count_images, image_side
from study.data.folds import shares
from study.data.names import OFFICIAL
from study.errors import StudyError
from study.files import read_csv, read_yaml
from study.runs.run import runs_on_disk
from study.runs.tree import ResultsTree
from study.training.epoch import WATCHED
from study.wording import duration

Recipes = Mapping[str, Mapping[str, Any]]

_RESULTS = Path("results")
# Images per second of the architectures that come with the project, on one core, of this side.
_MEASURED, _SIDE = PROJECT / "results" / "reference" / "benchmarks" / "training.csv", 32
# Seconds until a job starts to compute, and of a job that trains nothing. In the demo on two
# cores, 115 jobs took 1.2 to 2.5 of them each, most of it for imports.
START, _OTHER_JOB = 2.0, 2.0
# An image that is predicted, in images that are trained on.
PREDICTED = 1 / 3
# The share of the images that the publisher of an official split tests on.
_OFFICIAL_TEST = 1 / 6


class Work(NamedTuple):
    """What a run takes: epochs at most, training images (each as often as it is seen), seconds."""

    epochs: int
    images: int
    seconds: float


def known_speeds(
    recipes: Recipes, models: Collection[str], on_gpu: bool
) -> dict[str, tuple[float, int]]:
    """Return images per second and parameters of the models of which a run is here.

    Only runs of the same network on the same kind of device count.
    """
    speeds = {}
    for run in runs_on_disk(_RESULTS) if models else []:
        if run.model in models and (run.folder / "run.json").is_file():
            record = run.record
            architecture = without(recipes[run.model]["architecture"], "weights")
            same_network = record["recipe"]["architecture"] == architecture
            same_device = record["device"].startswith("cpu") != on_gpu
            if same_network and same_device and record["images_per_s"]:
                speeds[run.model] = record["images_per_s"], record["parameters"]
    return speeds


def rough_time(
    config: Mapping[str, Any], recipes: Recipes, jobs: Mapping[str, int], cores: int, gpus: int
) -> str:
    """Return "about 12 minutes", for jobs that are to be done; "" where a model's speed is unknown.

    Args:
        config: the whole configuration.
        recipes: of each model.
        jobs: how many there are of each rule.
        cores: how many jobs run side by side.
        gpus: how many trainings do; 0 without a GPU.
    """
    tree = ResultsTree(_RESULTS)
    trained = [model for model in model_names(config) if trains_network(recipes[model])]
    runs = list(itertools.product(trained, config["combos"], config["seeds"]))
    missing = [
        (model, combo)
        for model, combo, seed in runs
        if not (tree.run(combo, model, seed) / "run.json").is_file()
    ] or [(model, combo) for model, combo, _ in runs]
    if missing and (seconds := _seconds_of(config, recipes, missing, gpus > 0)):
        mean, n_train = sum(seconds) / len(seconds), jobs.get("train", 0)
        others = sum(jobs.values()) - n_train - jobs.get("predict", 0)
        return f"about {duration(time_of([mean] * n_train, others, cores, gpus))}"
    return ""


def time_left(
    config: Mapping[str, Any],
    recipes: Recipes,
    waiting: Sequence[tuple[str, str]],
    running: Sequence[float],
    at_once: int,
    on_gpu: bool,
) -> str:
    """Return "about 12 minutes" until all runs are trained; "" where a model's speed is unknown.

    Args:
        config: the whole configuration.
        recipes: of each model.
        waiting: model and combo of each run of which no epoch is trained.
        running: seconds left of each other training.
        at_once: how many trainings go on side by side.
        on_gpu: whether they run on GPUs.
    """
    # It reads the records of all runs, and this is asked every few seconds.
    seconds = _seconds_of(config, recipes, waiting, on_gpu) if at_once and waiting else []
    if not at_once or len(seconds) < len(waiting):
        return ""
    return f"about {duration(max(1.0, time_of([*running, *seconds], 0, at_once, 0)))}"


def _seconds_of(
    config: Mapping[str, Any], recipes: Recipes, runs: Sequence[tuple[str, str]], on_gpu: bool
) -> list[float]:
    """Return the seconds of each run, model and combo; none where a model's speed is unknown."""
    models = {model for model, _ in runs}
    with contextlib.suppress(OSError, StudyError):
        n_images = count_images(config, ResultsTree(_RESULTS).data_manifest)
        speeds = {} if on_gpu else typical_speeds(config, recipes, models)
        here = known_speeds(recipes, models, on_gpu)
        speeds |= {model: speed for model, (speed, _) in here.items()}
        if models <= speeds.keys():
            return [
                work(config, recipes, model, combo, n_images, speeds[model]).seconds
                for model, combo in runs
            ]
    return []


def typical_speeds(
    config: Mapping[str, Any], recipes: Recipes, models: Collection[str]
) -> dict[str, float]:
    """Return images per second of models of the project's own, as one core once trained them."""
    side = image_side(config["dataset"])
    measured = {row["what"]: float(row["ours_images_per_s"]) for row in read_csv(_MEASURED)}
    networks = {model: recipes[model]["architecture"] for model in models}
    return {
        model: measured[network["name"]] * (_SIDE / side) ** 2
        for model, network in networks.items()
        if network["name"] in measured and _is_as_wide(network)
    }


def _is_as_wide(network: Mapping[str, Any]) -> bool:
    """Tell whether an architecture is that of the project's recipe of its name, except dropout."""
    asked = without(network, "dropout")
    return asked.items() <= _project_network(network["name"]).items()


@functools.cache
def _project_network(name: str) -> Mapping[str, Any]:
    return read_yaml(PROJECT / RECIPES / f"{name}.yaml")["architecture"]


def work(
    config: Mapping[str, Any],
    recipes: Recipes,
    model: str,
    combo: str,
    n_images: int,
    images_per_s: float,
) -> Work:
    """Return what a run takes, with the search of its settings and its predictions.

    Args:
        config: the whole configuration.
        recipes: of each model.
        model: the run's.
        combo: the run's.
        n_images: in the data set.
        images_per_s: that its model trains.
    """
    n_train, n_val, n_test = run_size(config, combo, n_images)
    recipe, search = recipes[model], config["tune"].get(model)
    views = n_predicted(recipe)
    each = (n_train + PREDICTED * views * (n_val + min(n_test, WATCHED))) / images_per_s
    epochs = epochs_of(recipe, math.ceil(n_train / recipe["batch_size"]))
    epochs = min(epochs, recipe.get("stop_after", epochs))
    more = n_added(recipe) * (n_images - n_train) if "views" in looks(config) else 0
    seconds = 2 * START + epochs * each + PREDICTED * (views * n_images + more) / images_per_s
    if search:
        trials = search.get("trials") or math.prod(map(len, search["keys"].values()))
        all_trials = trials * search.get("epochs", epochs) * each
        seconds += min(all_trials, 60 * search.get("minutes", math.inf))
    return Work(epochs, epochs * n_train, seconds)


def run_size(config: Mapping[str, Any], combo: str, n_images: int) -> tuple[int, int, int]:
    """Return how many images a run on a combo trains on, validates on and tests on."""
    if combo == OFFICIAL:
        n_test = round(n_images * _OFFICIAL_TEST)
        n_val = round((n_images - n_test) * config["official"]["val"])
        return n_images - n_test - n_val, n_val, n_test
    if has_external_test(config):
        n_images = round(n_images * (1 - _OFFICIAL_TEST))
    sizes = {partition["name"]: partition["size"] for partition in config["partitions"]}
    parts = [sizes[part] for part in combo.split("+")]
    n = sum(part if isinstance(part, int) else round(part * n_images) for part in parts)
    share = shares(config["split"])
    n_train, n_val = round(n * share["train"]), round(n * share["val"])
    return n_train, n_val, n - n_train - n_val


def time_of(runs: Sequence[float], n_other_jobs: float, cores: int, gpus: int) -> float:
    """Return the seconds that runs of the given seconds and the other jobs take, side by side."""
    longest = max(runs, default=0.0)
    return max(sum(runs) / (gpus or cores), longest) + n_other_jobs * _OTHER_JOB / cores
