#!/usr/bin/env python
"""Measure how well scores of hardness find wrong labels, with labels that are known to be wrong.

In a scratch copy of CIFAR-10, with its own list of md5s, a share of all labels is changed. The new
one is any other class by chance, or the class that is most like it. The study runs on that copy as
on any data. The true labels come in as people's votes, so `validate_hardness` compares the scores.
Fails unless the average precision of `label_suspicion` is at least that of `hardness`, and three
times that of the plain count of wrong runs, `error_rate`.
"""

import argparse
import hashlib
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from study.data.datasets import Source, dataset
from study.data.datasets.cifar10 import CIFAR10
from study.data.pickles import load_arrays
from study.files import write_csv, write_table, write_text

ROOT = Path(__file__).resolve().parents[2]
BAR = 3.0
# What each class is taken for most often.
CONFUSABLE = {
    "airplane": "ship", "automobile": "truck", "bird": "airplane", "cat": "dog", "deer": "horse",
    "dog": "cat", "frog": "cat", "horse": "dog", "ship": "airplane", "truck": "automobile",
}  # fmt: skip


def plant(
    raw: Path, share: float, seed: int, noise: str
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Change a share of the labels in a folder of CIFAR-10's files.

    Args:
        raw: the folder.
        share: of all labels.
        seed: of the choice.
        noise: "uniform", to any other class, or "confusable", to that of `CONFUSABLE`.

    Returns:
        Names of the classes; the labels before, and the image_ids of those changed.
    """
    batches = {
        name: load_arrays((raw / name).read_bytes()) for name in (*CIFAR10.train, CIFAR10.test)
    }
    classes = [
        name.decode() for name in load_arrays((raw / CIFAR10.meta).read_bytes())[b"label_names"]
    ]
    before = np.concatenate([batch[b"labels"] for batch in batches.values()])
    random = np.random.default_rng(seed)
    changed = np.sort(random.choice(len(before), round(share * len(before)), replace=False))
    after = before.copy()
    if noise == "uniform":
        shift = random.integers(1, len(classes), len(changed))
        after[changed] = (before[changed] + shift) % len(classes)
    else:
        like = np.array([classes.index(CONFUSABLE[name]) for name in classes])
        after[changed] = like[before[changed]]
    start = 0
    for name, batch in batches.items():
        end = start + len(batch[b"labels"])
        (raw / name).write_bytes(
            pickle.dumps(batch | {b"labels": after[start:end].tolist()}, protocol=2)
        )
        start = end
    return classes, before, changed


def make_project(arguments: argparse.Namespace, folder: Path, project: Path) -> None:
    """Write an archive with some labels changed, and a copy of the project that studies it."""
    raw = folder / "cifar-10-batches-py"
    dataset("cifar10").fetch(raw, Source(archive=Path(arguments.archive)))
    classes, labels, changed = plant(raw, arguments.share, arguments.seed, arguments.noise)
    sums = [
        f"{hashlib.md5((raw / name).read_bytes()).hexdigest()}  {name}\n" for name in CIFAR10.md5
    ]
    write_text(folder / "planted.md5", "".join(sums))
    votes = 10 * np.eye(len(classes), dtype=int)[labels]
    rows = ([i, 10, *image] for i, image in enumerate(votes))
    write_csv(folder / "true_labels.csv", ["image_id", "n_votes", *classes], rows)
    overlay = {
        "dataset": {"archive": str(raw), "checksums": str(folder / "planted.md5")},
        "combos": ["v1", "v2", "v3"],
        "models": arguments.models,
        "human_votes": [{"kind": "csv", "path": str(folder / "true_labels.csv")}],
    }
    write_text(folder / "planted.yaml", yaml.safe_dump(overlay))
    subprocess.run(["git", "clone", "--quiet", ROOT, project], check=True)
    print(f"{len(changed)} of {len(labels)} labels changed")


def judge(table: pd.DataFrame) -> None:
    """Print the average precisions of a table of agreement, and end where they are too small."""
    precision = table[table["metric"] == "average_precision"].set_index("score")["value"]
    suspicion, hardness, count = precision[["label_suspicion", "hardness", "error_rate"]]
    print(
        f"average precision: label_suspicion {suspicion:.3f}, hardness {hardness:.3f}, plain "
        f"count of wrong runs {count:.3f}"
    )
    if suspicion < max(hardness, BAR * count):
        sys.exit(f"expected of label_suspicion that of hardness, and {BAR} times the count's")


def main() -> None:
    """Make the copy, run the study on it, print and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--archive", required=True, help="cifar-10-python.tar.gz or the extracted folder"
    )
    parser.add_argument(
        "--folder", required=True, help="where to make the copy and the study; about 1 GB"
    )
    parser.add_argument(
        "--share", type=float, default=0.01, help="of labels to change (default: %(default)s)"
    )
    parser.add_argument(
        "--noise",
        choices=["uniform", "confusable"],
        default="uniform",
        help="what labels are changed to (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the changes (default: %(default)s)")
    parser.add_argument(
        "--models", nargs="+", default=["cnn2_tuned"], help="judges (default: cnn2_tuned)"
    )
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    parser.add_argument("--output", required=True, help="table to write, .csv")
    arguments = parser.parse_args()
    folder = Path(arguments.folder).resolve()
    project = folder / "project"

    if not project.exists():
        make_project(arguments, folder, project)
    # The studied copy's own library, whatever is installed.
    environment = os.environ | {"PYTHONPATH": str(project / "scripts")}
    options = [
        "--cores",
        str(arguments.cores),
        "--resources",
        "gpu=1",
        "--configfile",
        folder / "planted.yaml",
    ]
    subprocess.run(
        ["snakemake", "validate_hardness", *options, "--quiet", "rules"],
        cwd=project,
        env=environment,
        check=True,
    )

    table = pd.read_csv(project / "results/validation.csv")
    table = table[(table["target"] == "human_rejects") & table["value"].notna()].drop(
        columns=["target", "source"]
    )
    write_table(arguments.output, table, "%.6f")
    print(table.to_string(index=False))
    judge(table)


if __name__ == "__main__":
    main()
