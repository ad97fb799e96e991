"""Say before a study runs what it takes: jobs, training images, time and disk; and which part of it fits into some hours.

Snakemake says what there is to do, and a calibration of some seconds how fast this machine does it: a few training steps of each model on
made-up images, in as many processes as trainings run side by side. The estimate is for a machine that does nothing else; where it does, a
second one is for a machine that stays as busy as during these seconds. Only what is not finished counts.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from study.audit.provenance import machine
from study.cli.estimates import (
    CHAIN,
    PLANNING,
    Part,
    Run,
    Speed,
    epochs_to_train,
    fitting_part,
    job_seconds,
    run_bytes,
    run_size,
    study_bytes,
    training_seconds,
)
from study.cli.project import Job, Project, configuration_options, find_project, jobs_to_do
from study.cli.terminal import console, say, shown, table
from study.config.checks import check_claims
from study.data.datasets import dataset
from study.data.datasets.listing import list_images
from study.data.datasets.planning import count_images
from study.data.names import OWN
from study.devices import wants_gpu
from study.errors import StudyError, one_line
from study.files import read_json, read_yaml, write_text
from study.job import KEEP_MEMORY
from study.wording import counted, duration, size

# Of calibration, in all; more processes than these at once would say no more.
_SECONDS, _PROCESSES = 4.0, 8
# A process that gets less of a core than this has others beside it.
_BUSY = 0.85
# Beside the CPU's, these use a GPU where there is one.
_ON_GPU = {
    "train",
    "train_again",
    "predict",
    "predict_again",
    "tune",
    "lr_find",
    "gradcam",
    "gradcam_hard_examples",
}


class _Images(NamedTuple):
    """What the data set's images are; `known` unless some of it is a guess."""

    n: int
    shape: tuple[int, ...]
    n_classes: int
    known: bool


class _Costs(NamedTuple):
    """Seconds of the jobs of each run, and of those that belong to no run or to several; `gpu` of all of them is spent on GPU jobs.

    Of the rest, `chain` seconds pass one after the other, however many jobs may run side by side.
    """

    runs: Mapping[Run, float]
    rest: float
    chain: float
    gpu: Mapping[Run, float]
    side_by_side: int
    gpus: int

    def of(self, part: Part) -> float:
        """Return how long a part of the study takes: all work divided among the jobs side by side, but the longest run and the chain at least."""
        runs = [run for run in part.runs() if run in self.runs]
        on_gpu = sum(self.gpu[run] for run in runs)
        others = sum(self.runs[run] for run in runs) - on_gpu
        longest = max((self.runs[run] for run in runs), default=0.0)
        if self.gpus:
            return max(on_gpu / self.gpus, longest) + max(
                (others + self.rest) / self.side_by_side, self.chain
            )
        return max((on_gpu + others) / self.side_by_side, longest) + max(
            self.rest / self.side_by_side, self.chain
        )


def options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    configuration_options(parser)
    parser.add_argument("--cores", type=int, help="as for snakemake (default: all of this machine)")
    parser.add_argument(
        "--gpus",
        type=int,
        default=1,
        help="as in snakemake's --resources gpu=N (default: %(default)s)",
    )
    parser.add_argument(
        "--hours",
        type=float,
        help="propose a part of the study, again a full grid, that fits into so many hours",
    )
    parser.add_argument(
        "--write",
        metavar="FILE",
        help="write what --hours proposes into this file, for --configfile",
    )


def answer(arguments: argparse.Namespace) -> None:
    """Print the plan."""
    cores = arguments.cores if arguments.cores is not None else machine()["cpus"]
    for name, value in (("cores", cores), ("gpus", arguments.gpus), ("hours", arguments.hours)):
        if value is not None and value <= 0:
            raise StudyError(f"--{name} is {value:g}, expected more than 0")
    if arguments.write and not arguments.hours:
        raise StudyError("--write needs --hours, by which there is something to write")
    project = find_project(arguments.configfile)
    where = console()
    jobs = jobs_to_do(project)
    if not jobs:
        say(where, "Nothing to be done: all results are there and up to date.")
        return
    counts = Counter(job.rule for job in jobs if job.rule != "all")
    trained = [run for job in jobs if job.rule == "train" and (run := _run_of(job))]
    say(
        where,
        f"{counted(sum(counts.values()), 'job')} to do: "
        + ", ".join(f"{n} {rule}" for rule, n in counts.most_common()),
    )
    where.print()
    images = _images(project)
    gpus = arguments.gpus if wants_gpu(project.config["device"]) else 0
    models = list(
        dict.fromkeys(run[1] for job in jobs if job.rule in _ON_GPU and (run := _run_of(job)))
    )
    processes = 1 if gpus else min(cores, max(1, len(trained)))
    speeds, share = _speeds(project, models, images, gpus, processes) if models else ({}, 1.0)
    costs = _costs(project, jobs, speeds, images, cores, gpus)
    whole = Part(*(project.config[key] for key in ("combos", "models", "seeds")))
    # A study whose runs take their splits or searches from elsewhere has more of them than its grid.
    others = sum(seconds for run, seconds in costs.runs.items() if run not in set(whole.runs()))
    costs = costs._replace(rest=costs.rest + others)
    if trained:
        _print_models(where, project, trained, speeds, images)
    _print_total(where, project, costs, whole, trained, speeds, images, share)
    if arguments.hours:
        _propose(where, project, costs, whole, arguments)


def _run_of(job: Job) -> Run | None:
    try:
        return job.wildcards["combo"], job.wildcards["model"], int(job.wildcards["seed"])
    except KeyError:
        return None


def _images(project: Project) -> _Images:
    manifest = project.results / "data" / "manifest.json"
    if manifest.is_file():
        found = read_json(manifest)
        n, height, width, *channels = found["images"]
        return _Images(n, (height, width, *(channels or [1])), len(found["classes"]), True)
    wanted = project.config["dataset"]
    if wanted["name"] in OWN:
        listing, side = list_images(wanted["path"], wanted["test_path"]), wanted["image_size"]
        n, n_classes = len(listing.images), len(listing.classes)
    else:
        record = dataset(wanted["name"])
        n, n_classes, side = count_images(project.config, manifest), record.n_classes, record.side
    return _Images(n, (side, side, 3), n_classes, known=not wanted["checksums"])


def _speeds(
    project: Project, models: Sequence[str], images: _Images, gpus: int, processes: int
) -> tuple[dict[str, Speed], float]:
    """Return the speed of each model, the mean of processes that measure it at the same time, and the share of a core that each got."""
    processes = min(processes, _PROCESSES)
    asked = {
        "image_shape": images.shape,
        "num_classes": images.n_classes,
        "seconds": _SECONDS,
        "gpus": int(gpus > 0),
    }
    asked["recipes"] = {model: project.study.recipes[model] for model in models}
    command = [sys.executable, "-m", "study.cli.speed"]
    started = [
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**KEEP_MEMORY, **os.environ},
        )
        for _ in range(processes)
    ]
    for process in started:
        process.stdin.write(json.dumps(asked))
        process.stdin.close()
    measured: dict[str, list[Sequence[float]]] = defaultdict(list)
    shares = []
    for process in started:
        answered, said = process.stdout.read(), process.stderr.read()
        if process.wait():
            lines = said.strip().splitlines()
            raise StudyError(
                f"the calibration failed: {(lines[-1] if lines else 'nothing was said').removeprefix('error: ')}"
            )
        found = json.loads(answered)
        shares.append(found["share"])
        for model, speed in found["speeds"].items():
            measured[model].append(speed)
    speeds = {
        model: Speed(*map(statistics.mean, zip(*found, strict=True)))
        for model, found in measured.items()
    }
    return speeds, statistics.mean(shares)


def _costs(
    project: Project,
    jobs: Sequence[Job],
    speeds: Mapping[str, Speed],
    images: _Images,
    cores: int,
    gpus: int,
) -> _Costs:
    runs: dict[Run, float] = defaultdict(float)
    gpu: dict[Run, float] = defaultdict(float)
    rest, chain = 0.0, {}
    for job in (job for job in jobs if job.rule != "all"):
        run = _run_of(job)
        seconds = PLANNING + _seconds(project, job, run, speeds, images)
        if run is None:
            rest += seconds
            if job.rule in CHAIN:
                chain[job.rule] = seconds
            continue
        runs[run] += seconds
        gpu[run] += seconds * (job.rule in _ON_GPU)
    return _Costs(runs, rest, sum(chain.values()), gpu, cores, gpus)


def _seconds(
    project: Project, job: Job, run: Run | None, speeds: Mapping[str, Speed], images: _Images
) -> float:
    """Return how long a job takes."""
    if (
        run is None
        or run[1] not in speeds
        or job.rule not in ("train", "train_again", "predict", "predict_again", "tune", "lr_find")
    ):
        return job_seconds(job.rule, images.n)
    speed, recipe = speeds[run[1]], project.study.recipes[run[1]]
    of_run = run_size(project.config, run[0], images.n)
    if job.rule.startswith("predict"):
        return speed.start + images.n / speed.predict
    if job.rule == "lr_find":
        return speed.start + project.config["lr_find"]["steps"] * recipe["batch_size"] / speed.train
    if job.rule == "tune":
        search = project.config["tune"][run[1]]
        trials = search.get("trials") or math.prod(map(len, search["keys"].values()))
        trial = training_seconds(
            recipe | {"epochs": search["epochs"]} if "epochs" in search else recipe, of_run, speed
        )
        most = search.get("minutes", math.inf) * 60 + trial
        return min(trials * trial / search.get("workers", 1), most)
    return training_seconds(recipe, of_run, speed)


def _print_models(
    where: Any,
    project: Project,
    trained: Sequence[Run],
    speeds: Mapping[str, Speed],
    images: _Images,
) -> None:
    rows = []
    for model in dict.fromkeys(run[1] for run in trained):
        recipe, own = project.study.recipes[model], [run for run in trained if run[1] == model]
        sizes = [run_size(project.config, combo, images.n) for combo, _, _ in own]
        epochs = [epochs_to_train(recipe, one) for one in sizes]
        seconds = sum(training_seconds(recipe, one, speeds[model]) for one in sizes)
        rows.append(
            {
                "model": model,
                "trainings": str(len(own)),
                "epochs": _range(epochs),
                "parameters": f"{int(speeds[model].parameters):,}",
            }
            | {
                "images to train": f"{sum(n * one.train for n, one in zip(epochs, sizes, strict=True)):,}"
            }
            | {"images/s": shown(speeds[model].train), "one after the other": duration(seconds)}
        )
    table(where, list(rows[0]), rows, keys=["model"])
    where.print()


def _range(values: Sequence[int]) -> str:
    return str(min(values)) if min(values) == max(values) else f"{min(values)}–{max(values)}"


def _print_total(
    where: Any,
    project: Project,
    costs: _Costs,
    whole: Part,
    trained: Sequence[Run],
    speeds: Mapping[str, Speed],
    images: _Images,
    share: float,
) -> None:
    side_by_side = (
        f"{counted(costs.gpus, 'GPU')}"
        if costs.gpus
        else f"{counted(costs.side_by_side, 'job')} side by side"
    )
    seconds = costs.of(whole)
    say(
        where,
        f"Time: about {duration(seconds)} with {side_by_side}, on this machine without other work.",
    )
    if share < _BUSY:
        say(
            where,
            f"It has other work: a process gets {share:.0%} of a core now. If that stays so, about {duration(seconds / share)}.",
            "yellow",
        )
    needed = sum(
        run_bytes(
            run_size(project.config, run[0], images.n), speeds[run[1]], images.n, images.n_classes
        )
        for run in trained
    )
    if not (project.results / "data" / "images.npy").exists():
        needed += study_bytes(images.n, images.shape)
        if project.config["dataset"]["name"] == "cifar10" and not (
            project.config["dataset"]["archive"] or os.environ.get("CIFAR10_ARCHIVE")
        ):
            say(
                where,
                "The download comes on top of it: 170 MB, most of an hour from CIFAR-10's home page.",
            )
    stat = os.statvfs(".")
    free = stat.f_bavail * stat.f_frsize
    say(
        where,
        f"Disk: about {size(needed)}; {size(free)} are free here."
        + (" That is not enough." if needed > free else ""),
        "red" if needed > free else None,
    )
    if not images.known:
        height, width, *_ = images.shape
        say(
            where,
            f"The images are not decoded yet: this takes them to be of {height}×{width} pixels, in {images.n_classes} classes.",
        )
    stopping = [model for model in speeds if project.study.recipes[model].get("patience")]
    if stopping:
        say(where, f"At most: {', '.join(stopping)} may stop early.")


def _propose(
    where: Any, project: Project, costs: _Costs, whole: Part, arguments: argparse.Namespace
) -> None:
    """Print, and write if asked to, which part of the study fits."""
    limit = arguments.hours * 3600
    where.print()
    # An estimate is no more exact than it is told.
    if costs.of(whole) <= limit or duration(costs.of(whole)) == duration(limit):
        say(where, f"The whole study fits into {duration(limit)}.")
        return
    part = fitting_part(whole, costs.of, limit, project.config["tune"])
    if part is None:
        least = min(
            costs.of(Part([c], [m], whole.seeds[:1])) for c in whole.combos for m in whole.models
        )
        raise StudyError(
            f"no part of the study fits into {duration(limit)}: one run with all that follows takes {duration(least)}; write fewer epochs or smaller partitions"
        )
    runs, target = list(part.runs()), Path(arguments.write or "part.yaml")
    kept, lost = _claims(project, part)
    overlay = _overlay(project, part) | (
        {"claims": str(target.with_suffix(".claims.yaml")) if kept else ""} if lost else {}
    )
    text = f"# {len(runs)} of {len(list(whole.runs()))} runs: about {duration(costs.of(part))}, as `study plan --hours {arguments.hours:g}` estimates.\n"
    text += "".join(
        f"# Without the claim that this part cannot answer: {one_line(claim['claim'])}\n"
        for claim in lost
    )
    text += "".join(f"{key}: {_flow(value)}\n" for key, value in overlay.items())
    say(where, text.rstrip())
    if arguments.write:
        if lost and kept:
            write_text(overlay["claims"], "".join(f"- {_flow(claim)}\n" for claim in kept))
        write_text(target, text)
        where.print()
        say(where, f"snakemake --configfile {' '.join([*project.configfiles, arguments.write])}")


def _flow(value: Any) -> str:
    """Return a value as YAML in one line."""
    return (
        yaml.safe_dump(
            value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=10_000
        )
        .removesuffix("...\n")
        .strip()
    )


def _claims(
    project: Project, part: Part
) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """Return the study's claims that a part of it can answer, and those that name a model or combo that it does not have."""
    file, answered, lost = project.config["claims"], [], []
    for claim in read_yaml(file) if file else []:
        try:
            check_claims([claim], part.models, part.combos)
        except StudyError:
            lost.append(claim)
        else:
            answered.append(claim)
    return answered, lost


def _overlay(project: Project, part: Part) -> dict[str, Any]:
    """Return the keys of the configuration that make it this part; what names other runs is left without them."""
    config = project.config
    overlay: dict[str, Any] = {
        key: values for key, values in part._asdict().items() if values != config[key]
    }
    certified = [
        run
        for run in config["certify"]
        if tuple(run.split("/")) in {tuple(map(str, one)) for one in part.runs()}
    ]
    if certified != config["certify"]:
        overlay["certify"] = certified
    searched = [model for model in config["lr_find"]["models"] if model in part.models]
    if searched != config["lr_find"]["models"]:
        overlay["lr_find"] = {"models": searched}
    return overlay
