"""Say before a study runs what it takes: jobs, training images, time and disk.

Snakemake says which jobs there are. How many images per second a model trains is known from
finished runs. Without any, it is measured for some seconds on made-up images, in as many processes
as trainings run side by side. Only what is not finished counts. The time is a rough one: an image
that is only predicted, or whose features are computed, takes a third of the time of one that is
trained on. Every job takes two seconds to start, which each model's time includes, and one that
computes little is then done.
"""

import argparse
import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from study.audit.provenance import machine
from study.cli.estimate import PREDICTED, START, Work, known_speeds, time_of, work
from study.cli.numbers import above_zero
from study.cli.project import Project, configuration_options, find_project, jobs_to_do, outputs
from study.cli.speed import SECONDS, measured
from study.cli.terminal import console, say, shown, table
from study.data.datasets import dataset
from study.data.datasets.listing import list_images
from study.data.datasets.planning import count_images
from study.data.names import OWN
from study.devices import wants_gpu
from study.errors import StudyError
from study.files import read_json
from study.runs.run import Run
from study.runs.tree import ResultsTree
from study.wording import counted, duration, size


def options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    configuration_options(parser)
    parser.add_argument(
        "--cores", type=above_zero(int), help="as for snakemake (default: all of this machine)"
    )
    parser.add_argument(
        "--gpus",
        type=above_zero(int),
        default=1,
        help="as in snakemake's --resources gpu=N (default: 1)",
    )
    parser.add_argument(
        "--hours", type=above_zero(float), help="say which seeds fit into this time"
    )


def answer(arguments: argparse.Namespace) -> None:
    """Print the plan."""
    cores = arguments.cores if arguments.cores is not None else machine()["cpus"]
    project, where = find_project(arguments.configfile), console()
    if not (jobs := jobs_to_do(project)):
        say(where, "Nothing to be done: all results are there and up to date.")
        return
    in_words = (f"{n} {rule}" for rule, n in sorted(jobs.items(), key=lambda item: -item[1]))
    say(where, f"{counted(sum(jobs.values()), 'job')} to do: {', '.join(in_words)}")
    n_images, shape, n_classes = _images(project)
    made = {one.path: one.rule for one in outputs(project) if one.to_do}
    runs = [run for run in project.runs if made.get(str(run.folder / "run.json")) == "train"]
    embedded = {Path(path).stem for path, rule in made.items() if rule == "embed"}
    gpus = arguments.gpus if wants_gpu(project.config["device"]) else 0
    asked = {"image_shape": shape, "num_classes": n_classes, "seconds": SECONDS, "gpus": gpus}
    networks = {run.model for run in runs} | embedded
    speeds = _speeds(project, networks, asked, max(1, min(cores, len(runs))))
    asked_of = project.config, project.study.recipes
    works = {
        run: work(*asked_of, run.model, run.combo, n_images, speeds[run.model][0]) for run in runs
    }
    if works:
        _print_models(where, works, {run.model: speeds[run.model] for run in works})
    others = sum(jobs.values()) - jobs.get("train", 0) - jobs.get("predict", 0)
    features = [START + PREDICTED * n_images / speeds[model][0] for model in embedded]
    trainings = [one.seconds for one in works.values()]
    seconds = time_of([*trainings, *features], others, cores, gpus)
    slots = counted(gpus, "GPU") if gpus else f"{counted(cores, 'job')} side by side"
    say(where, f"Time: about {duration(seconds)} with {slots}, on this machine without other work.")
    # Predictions, weights and figures of runs; images twice, tables of images and the gallery.
    n_bytes = sum(n_images * 9 * n_classes + 4 * speeds[run.model][1] + 1e6 for run in runs)
    if not ResultsTree(project.results).images.exists():
        n_bytes += n_images * (2 * math.prod(shape) + 1000)
    free = shutil.disk_usage(".").free
    say(where, f"Disk: about {size(n_bytes)}; {size(free)} are free here.")
    if arguments.hours:
        say(where, _seeds_that_fit(project, works, others, cores, gpus, arguments.hours * 3600))


def _images(project: Project) -> tuple[int, tuple[int, ...], int]:
    """Return number, H × W × C and number of classes of the images: as decoded, or as is known."""
    manifest, asked = ResultsTree(project.results).data_manifest, project.config["dataset"]
    n = count_images(project.config, manifest)
    if manifest.is_file():
        decoded = read_json(manifest)
        return n, tuple(decoded["images"][1:]), len(decoded["classes"])
    if asked["name"] in OWN:
        side = asked["image_size"]
        return (
            n,
            (side, side, 3),
            len(list_images(asked["path"], classes=asked.get("classes")).classes),
        )
    known = dataset(asked["name"])
    return n, (known.side, known.side, 3), known.n_classes


def _speeds(
    project: Project, models: set[str], asked: dict[str, Any], processes: int
) -> dict[str, tuple[float, int]]:
    """Return images per second and parameters of each model: of a run that is here, or measured."""
    speeds = known_speeds(project.study.recipes, models, on_gpu=asked["gpus"] > 0)
    unknown = {model: project.study.recipes[model] for model in sorted(models - set(speeds))}
    return {**speeds, **measured(asked | {"recipes": unknown}, processes)} if unknown else speeds


def _print_models(
    where: Any, works: Mapping[Run, Work], speeds: Mapping[str, tuple[float, int]]
) -> None:
    rows = []
    for model, (images_per_s, _) in speeds.items():
        own = [one for run, one in works.items() if run.model == model]
        epochs = {min(one.epochs for one in own), max(one.epochs for one in own)}
        rows.append(
            {
                "model": model,
                "trainings": str(len(own)),
                "epochs": "–".join(map(str, sorted(epochs))),
                "images to train": f"{sum(one.images for one in own):,}",
                "images/s": shown(images_per_s),
                "one after the other": duration(sum(one.seconds for one in own)),
            }
        )
    where.print()
    table(where, list(rows[0]), rows, keys=["model"])
    where.print()


def _seeds_that_fit(
    project: Project, works: Mapping[Run, Work], n_others: int, cores: int, gpus: int, limit: float
) -> str:
    """Return what to write into the configuration so that a study takes at most `limit` seconds."""
    seeds = project.config["seeds"]
    for n in range(len(seeds), 0, -1):
        runs = [one.seconds for run, one in works.items() if run.seed in seeds[:n]]
        seconds = time_of(runs, n_others * n / len(seeds), cores, gpus)
        if seconds <= limit:
            fits = f"seeds: {seeds[:n]} in the configuration: about {duration(seconds)}."
            whole = f"The whole study fits into {duration(limit)}."
            return whole if n == len(seeds) else fits
    raise StudyError(
        f"not even one seed fits into {duration(limit)}: it takes {duration(seconds)}; "
        "take fewer combos or models, fewer epochs or smaller partitions"
    )
