#!/usr/bin/env python
"""Time the trainings of a study side by side, against the authors' way: one after the other.

Ours is the workflow itself, in a clone: start of Snakemake and of each job, one thread a training,
checkpoints, validation and dynamics included. Theirs is the loop of `training.py` in one process,
with as many threads as there are cores and nothing but training. Both take the same images, model,
optimizer and epochs.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch
import yaml
from training import authors_epoch

from study.data.index import read_index
from study.data.splits import read_split, union
from study.files import read_yaml, write_csv
from study.job import KEEP_MEMORY
from study.training.image_set import ImageSet

ROOT = Path(__file__).resolve().parents[2]


def ours(folder: Path, config: dict, cores: int) -> float:
    """Return the seconds of all trainings, after what they read was made."""
    overlay = folder / "benchmark.yaml"
    changed = {"models": config["models"], "overrides": config["overrides"], "device": "cpu"}
    overlay.write_text(yaml.safe_dump(changed))
    (model,) = config["models"]
    splits = [
        f"results/splits/{p['name']}/seed{s}.csv"
        for p in config["partitions"]
        for s in config["seeds"]
    ]
    first = ["results/data/images.npy", f"results/recipes/{model}.yaml", *splits]
    runs = [
        f"results/runs/{combo}/{model}/seed{seed}/run.json"
        for combo in config["combos"]
        for seed in config["seeds"]
    ]
    for targets in (first, runs):
        command = ["snakemake", "--cores", str(cores), *targets, "--configfile", overlay.name]
        clock = time.perf_counter()
        environment = os.environ | {"PYTHONPATH": str(folder / "scripts")}
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    return time.perf_counter() - clock


def authors(folder: Path, config: dict, cores: int) -> float:
    """Return the seconds of the same trainings, one after the other."""
    torch.set_num_threads(cores)
    (model,) = config["models"]
    recipe = read_yaml(ROOT / "config" / "models" / f"{model}.yaml") | config["overrides"][model]
    data = folder / "results" / "data"
    images, labels = np.load(data / "images.npy"), read_index(data / "index.csv").labels
    clock = time.perf_counter()
    for combo in config["combos"]:
        for seed in config["seeds"]:
            splits = [
                read_split(folder / "results" / "splits" / name / f"seed{seed}.csv")
                for name in combo.split("+")
            ]
            ids = union(splits, "train")
            epoch = authors_epoch(
                model, recipe, ImageSet(*map(torch.from_numpy, (images[ids], labels[ids]))), 0
            )
            for _ in range(recipe["epochs"]):
                epoch()
    return time.perf_counter() - clock


def main() -> None:
    """Print the two times and write them as CSV."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", required=True, type=Path, help="where to clone the project to")
    parser.add_argument(
        "--model", default="cnn2", choices=["cnn2", "cnn3"], help="(default: %(default)s)"
    )
    parser.add_argument(
        "--epochs", type=int, default=1, help="of each training (default: %(default)s)"
    )
    parser.add_argument("--output", required=True, help="table to write, .csv")
    arguments = parser.parse_args()
    # The memory settings are read when a process starts: start again with them.
    if not os.environ.keys() >= KEEP_MEMORY.keys():
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | KEEP_MEMORY)
    subprocess.run(["git", "clone", "--quiet", ROOT, arguments.folder], check=True)
    config = read_yaml(ROOT / "config" / "config.yaml")
    config |= {
        "models": [arguments.model],
        "overrides": {arguments.model: {"epochs": arguments.epochs}},
    }
    cores = len(os.sched_getaffinity(0))
    seconds = [side(arguments.folder, config, cores) for side in (ours, authors)]
    n_runs = len(config["combos"]) * len(config["seeds"])
    print(
        f"{n_runs} runs of {arguments.model}: ours {seconds[0]:.0f} s, "
        f"authors {seconds[1]:.0f} s, {seconds[1] / seconds[0]:.1f} times as long"
    )
    row = [arguments.model, n_runs, arguments.epochs, cores, *seconds, seconds[1] / seconds[0]]
    header = [
        "model",
        "runs",
        "epochs",
        "cores",
        "ours_seconds",
        "authors_seconds",
        "authors_over_ours",
    ]
    write_csv(arguments.output, header, [row])


if __name__ == "__main__":
    main()
