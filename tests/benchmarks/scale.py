#!/usr/bin/env python
"""Measure how time and memory of what reads all runs or images grow, on made-up runs and images.

The runs are names: hard links to a few distinct files, so that thousands of them fit on a disk.
Combos and models stay the same (20 and 5), seeds grow. Photographs are images with `--side 224`.
"""

import argparse
import itertools
import json
import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from study.files import file_digest, write_csv, write_table, write_text
from study.runs.metrics import METRICS
from study.runs.predictions import Predictions, roles_in_run, save_predictions
from study.runs.tree import ResultsTree

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
PARTITIONS = [f"v{number}" for number in range(1, 7)]
COMBOS = [*PARTITIONS, *map("+".join, itertools.combinations(PARTITIONS, 2))][:20]
MODELS = [f"m{number}" for number in range(1, 6)]
CLASSES = [f"class{number}" for number in range(10)]
COMPARED = [
    "comparisons", "groups", "power", "variance", "scaling", "agreement", "calibration", "roc",
]  # fmt: skip
NETWORK = {"name": "timm/tf_efficientnet_lite0"}
FORMS = 2  # distinct answers on each combo


def make_images(raw: Path, labels: np.ndarray, side: int, random: np.random.Generator) -> None:
    """Write images of squares of 8×8 pixels, with noise, as what is fetched of a folder of them.

    Classes differ in brightness, so that features have something to tell.
    """
    raw.mkdir(parents=True)
    shape = (len(labels), side, side, 3)
    images = np.lib.format.open_memmap(raw / "images.npy", "w+", np.uint8, shape)
    for start in range(0, len(labels), 500):
        part = images[start : start + 500]
        squares = random.integers(0, 140, (len(part), -(-side // 8), -(-side // 8), 3), np.uint8)
        squares += (10 * labels[start : start + 500, None, None, None]).astype(np.uint8)
        part[:] = squares.repeat(8, axis=1).repeat(8, axis=2)[:, :side, :side]
        part += random.integers(0, 16, part.shape, np.uint8)
    rows = ((f"{i}.png", "train", CLASSES[label]) for i, label in enumerate(labels))
    write_csv(raw / "files.csv", ["file", "source_split", "class"], rows)
    write_csv(raw / "problems.csv", ["file", "source_split", "class", "kind", "reason"], [])
    known = {"classes": CLASSES, "images": "sha256:0", "fit": "resize"}
    write_text(raw / "description.json", json.dumps(known))


def make_weights(folder: Path) -> None:
    """Write a network's random weights, as if they were trained; they cost the same."""
    import torch  # as in `make_runs`
    from safetensors.torch import save_file

    from study.models.build import build_model

    torch.manual_seed(0)
    save_file(build_model(**NETWORK, num_classes=10).state_dict(), folder / "weights.safetensors")
    digest = file_digest(folder / "weights.safetensors")
    write_text(folder / "weights.json", json.dumps({"sha256": digest}))
    write_text(folder / "probe.yaml", "architecture: {name: probe, features: finetuned}\n")


def make_study(
    folder: Path, n_images: int, side: int, seeds: list[int], random: np.random.Generator
) -> None:
    """Write the files of a study of 20 combos, 5 models and these seeds."""
    labels = random.integers(len(CLASSES), size=n_images)
    index = ((i, label, CLASSES[label], "train", f"{i}.png") for i, label in enumerate(labels))
    write_csv(folder / "index.csv", ["image_id", "label", "class", "source_split", "file"], index)
    make_images(folder / "raw", labels, side, random)
    make_weights(folder)
    write_csv(
        folder / "duplicates.csv",
        ["image_id", "other_id", "pixel_distance", "low_frequency_distance"],
        [],
    )
    write_csv(
        folder / "runs.csv", ["combo", "model", "seed"], itertools.product(COMBOS, MODELS, seeds)
    )
    parts = dict(
        zip(PARTITIONS, np.array_split(random.permutation(n_images), len(PARTITIONS)), strict=True)
    )
    splits = {}
    for name, ids in parts.items():
        write_csv(folder / f"{name}.csv", ["image_id"], ([i] for i in sorted(ids)))
        cuts = [round(0.7 * len(ids)), round(0.85 * len(ids))]
        splits[name] = dict(zip(("train", "val", "test"), np.split(ids, cuts), strict=True))
        rows = sorted((i, role) for role, members in splits[name].items() for i in members)
        write_csv(folder / "split.csv", ["image_id", "role"], rows)
        for seed in seeds:
            link(folder / "split.csv", folder / "splits" / name / f"seed{seed}.csv")
        (folder / "split.csv").unlink()
    common = sorted(i for roles in splits.values() for i in roles["test"])
    write_csv(folder / "common.csv", ["image_id"], ([i] for i in common))
    for seed in seeds:
        link(folder / "common.csv", folder / "splits" / "common" / f"seed{seed}.csv")
    for model in MODELS:
        write_csv(
            folder / "models" / model / "layers.csv", ["name", "multiply_adds"], [("total", 10**6)]
        )
    scores = dict.fromkeys(METRICS, 0.5)
    part = scores | {"n": 9000, "class_accuracy": dict.fromkeys(CLASSES, 0.5)}
    metrics = part | dict.fromkeys(("common_test", "train", "val", "out_of_sample"), part)
    write_text(folder / "metrics.json", json.dumps(metrics | {"status": "ok", "temperature": 1.2}))
    for combo in COMBOS:
        make_runs(folder, combo, splits, labels, seeds, random)


def make_runs(
    folder: Path,
    combo: str,
    splits: dict[str, dict[str, np.ndarray]],
    labels: np.ndarray,
    seeds: list[int],
    random: np.random.Generator,
) -> None:
    """Write the files of all runs on a combo; `folder` has what they share."""
    from study.training.dynamics import (
        COLUMNS,  # imports torch, and the process that measures has to stay small
    )

    n_images = len(labels)
    roles = {
        role: np.concatenate([splits[name][role] for name in combo.split("+")])
        for role in ("train", "val", "test")
    }
    record = {
        "status": "ok", "recipe": {"architecture": NETWORK, "batch_size": 128},
        "n_train": len(roles["train"]), "n_val": len(roles["val"]), "classes": CLASSES,
        "parameters": 10**5, "epochs": 5, "kept_epoch": 5, "train_seconds": 60.0,
        "total_seconds": 70.0, "images_per_s": 1e4,
        "peak_memory_mb": 500.0, "device": "cpu", "precision": "fp32",
        "versions": {"torch": "-"},
    }  # fmt: skip
    write_text(folder / "run.json", json.dumps(record))
    ids = np.sort(roles["train"])
    dynamics = {name: random.random(len(ids)).astype(kind) for name, kind in COLUMNS.items()}
    np.savez(folder / "dynamics.npz", image_id=ids, **dynamics)
    for form in range(FORMS):
        logits = random.normal(0, 1, (n_images, len(CLASSES))).astype(np.float32)
        logits[np.arange(n_images), labels] += 2
        save_predictions(
            folder / "predictions.npz", Predictions(logits, roles_in_run(n_images, roles))
        )
        for place, seed in itertools.product(range(form, len(MODELS), FORMS), seeds):
            for file in ("predictions.npz", "dynamics.npz", "run.json", "metrics.json"):
                link(
                    folder / file,
                    ResultsTree(folder).run(combo, MODELS[place], seed) / file,
                )
        (folder / "predictions.npz").unlink()
    for file in ("dynamics.npz", "run.json"):
        (folder / file).unlink()


def link(source: Path, place: Path) -> None:
    """Give a file one more name."""
    place.parent.mkdir(parents=True, exist_ok=True)
    os.link(source, place)


def commands(folder: Path, input_size: int) -> dict[str, list[str]]:
    """Return the options of each script that reads all runs or images, in an order that works."""
    out = folder / "out"
    runs = ["--runs", folder / "runs.csv"]
    index = ["--index", folder / "index.csv"]
    pixels = ["--images", folder / "raw" / "images.npy"]
    images = [*pixels, "--duplicates", folder / "duplicates.csv"]
    hard = [("output", "csv"), ("top-table", "csv"), ("reliability", "csv"), ("growth", "csv"),
        ("confusions", "csv"), ("page", "html"), ("behind", "csv"), ("behind-page", "html"),
            ("map-figure", "svg"), ("growth-figure", "svg"),
            ("confusions-figure", "svg")]  # fmt: skip
    compared = ["page", "comparisons-figure", "variance-figure", "scaling-figure",
        "calibration-figure"]  # fmt: skip
    return {
        "decode.py": [
            "--dataset", "folder", "--raw", folder / "raw", "--images", out / "images.npy",
            "--index", out / "index.csv", "--manifest", out / "manifest.json",
        ],
        "find_duplicates.py": [
            *pixels, *index, "--threshold", "0.1", "--output", out / "duplicates.csv",
        ],
        **commands_of_features(folder, input_size),
        "find_hard_examples.py": [
            *runs, *index, *images, "--partitions",
            *(folder / f"{name}.csv" for name in PARTITIONS),
            *itertools.chain(*((f"--{name}", out / f"{name}.{kind}") for name, kind in hard)),
        ],
        "find_hard_to_learn.py": [
            *runs, *index, "--partition", folder / "v1.csv", "--table", out / "learn.csv",
            "--report", out / "learn.txt",
            "--page", out / "learn.html",
        ],
        "compare.py": [
            *runs, *index, "--duplicates", folder / "duplicates.csv", "--partitions", *PARTITIONS,
            "--tables", *(out / f"{name}.csv" for name in COMPARED),
            *itertools.chain(*((f"--{name}", out / f"compare-{name}.svg") for name in compared)),
            "--roc-figures", *(out / f"{model}.svg" for model in MODELS),
        ],
        "build_gallery.py": [
            *runs, *index, *images, "--manifest", out / "manifest.json",
            "--table", out / "output.csv", "--top-table", out / "top-table.csv",
            "--output", out / "gallery.html",
        ],
        "measure_baselines.py": [
            *pixels, *index, "--combos", *COMBOS,
            "--splits", *(folder.glob("splits/v*/seed*.csv")),
            "--common-tests", *(folder.glob("splits/common/seed*.csv")),
            "--output", out / "baselines.csv",
        ],
        "summarize.py": [
            *runs, "--compared", out / "groups.csv", "--baselines", out / "baselines.csv",
            "--groups", out / "by_group.csv", "--groups-page", out / "by_group.html",
            "--page", out / "summary.html", "--figure", out / "accuracy.svg", "--output",
            out / "summary.csv",
        ],
    }  # fmt: skip


def commands_of_features(folder: Path, input_size: int) -> dict[str, list[str]]:
    """Return the options of the scripts that take a network's features and fit a probe on them."""
    out = folder / "out"
    normalize = {"mean": [0.5] * 3, "std": [0.5] * 3}
    recipe = {"architecture": NETWORK | {"weights": "weights"}, "normalize": normalize}
    recipe |= {"input_size": input_size}
    index = ["--index", folder / "index.csv"]
    fitted = [("weights", "safetensors"), ("history", "csv"), ("dynamics", "npz"),
        ("run", "json"), ("predictions", "npz"), ("maps", "npz")]  # fmt: skip
    return {
        "embed.py": [
            "--images", folder / "raw" / "images.npy", *index, "--recipe", json.dumps(recipe),
            "--weights", folder / "weights.safetensors", "--taken", folder / "weights.json",
            "--output", out / "features.npy", "--record", out / "features.json",
        ],
        "probe.py": [
            "--features", out / "features.npy", "--record", out / "features.json", "--data",
            out / "manifest.json", *index, "--splits",
            *(folder / "splits" / name / "seed0.csv" for name in PARTITIONS), "--recipe",
            folder / "probe.yaml", "--seed", "0", "--neighbours",
            *itertools.chain(*((f"--{name}", out / f"p-{name}.{kind}") for name, kind in fitted)),
        ],
    }  # fmt: skip


def measure(script: str, options: list[str]) -> tuple[float, float]:
    """Return the processor time in seconds and the peak memory in MB of a script."""
    process = subprocess.Popen([sys.executable, SCRIPTS / script, *map(str, options)])
    _, status, used = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{script} failed")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024  # KiB on Linux


def asked() -> argparse.Namespace:
    """Return what is asked for on the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--folder",
        required=True,
        type=Path,
        help="where to make the studies; 100 MB and many links",
    )
    parser.add_argument(
        "--images", type=int, default=60_000, help="in each study (default: %(default)s)"
    )
    parser.add_argument(
        "--side", type=int, default=8, help="of the images, pixels (default: %(default)s)"
    )
    parser.add_argument(
        "--input-size",
        type=int,
        default=32,
        help="pixels to which embed.py scales images for its network (default: %(default)s)",
    )
    parser.add_argument(
        "--runs",
        nargs="+",
        type=int,
        default=[100, 300, 1000],
        help="hundreds (default: 100 300 1000)",
    )
    parser.add_argument("--scripts", nargs="+", help="only these (default: all)")
    parser.add_argument("--output", required=True, help="table to write, .csv")
    return parser.parse_args()


def main() -> None:
    """Make the studies, run the scripts on them, print and write the table."""
    arguments, rows = asked(), []
    for n_runs in arguments.runs:
        folder = arguments.folder / f"{n_runs}x{arguments.images}x{arguments.side}"
        if not folder.exists():
            seeds = list(range(n_runs // (len(COMBOS) * len(MODELS))))
            # In a process of its own: a script's peak memory counts that of the process which
            # starts it.
            maker = multiprocessing.Process(
                target=make_study,
                args=(folder, arguments.images, arguments.side, seeds, np.random.default_rng(0)),
            )
            maker.start()
            maker.join()
            (folder / "out").mkdir()
        stored = next(folder.glob("runs/*/*/*/predictions.npz")).stat().st_size / arguments.images
        for script, options in commands(folder, arguments.input_size).items():
            if arguments.scripts and script not in arguments.scripts:
                continue
            seconds, megabytes = measure(script, options)
            rows.append(
                (
                    script,
                    n_runs,
                    arguments.images,
                    round(seconds, 1),
                    round(megabytes),
                    round(stored, 1),
                )
            )
            print(*rows[-1], flush=True)
    names = ["script", "runs", "images", "cpu_seconds", "peak_memory_mb", "stored_bytes_per_image"]
    write_table(arguments.output, pd.DataFrame(rows, columns=names))


if __name__ == "__main__":
    main()
