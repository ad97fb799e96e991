"""`study` as a user types it, and runs for it to look at that were never trained."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import yaml
from conftest import ROOT, clean_environment, run_file
from made_index import write_index

from study.config.recipes import merged
from study.config.study import check_study
from study.files import read_yaml, write_csv
from study.runs.predictions import Predictions, save_predictions
from study.runs.summary import QUALITY
from study.runs.tree import ResultsTree

N, CLASSES = 40, ["cat", "dog"]
# Of the 20 test images, how many a run of `write_project` has right.
RIGHT = {("v1", "cnn2", 1): 6, ("v1", "cnn2", 2): 8, ("v1", "cnn3", 1): 12, ("v1", "cnn3", 2): 14}


def study(*words: object, folder: Path, **environment: str) -> subprocess.CompletedProcess:
    """Run `study` as a user would, in a folder."""
    variables = clean_environment(COLUMNS="80", NO_COLOR="1") | environment
    program = ROOT / "tests/warm/run_study.py"
    return run_file(program, *words, environment=variables, cwd=folder)


def printed(*words: object, folder: Path, **environment: str) -> str:
    """Run `study`, which must succeed, and return what it prints."""
    result = study(*words, folder=folder, **environment)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def write_run(
    results: Path, combo: str, model: str, seed: int, right: int, **recorded: object
) -> None:
    """Write what a run leaves that is tested on the last 20 of 40 images.

    The first `right` of these are right; `recorded` goes into run.json.
    """
    folder = results / "runs" / combo / model / f"seed{seed}"
    folder.mkdir(parents=True)
    part = {
        "n": 20,
        "overall_accuracy": right / 20,
        "accuracy_low": right / 20 - 0.2,
        "accuracy_high": right / 20 + 0.2,
    }
    part |= {"class_accuracy": dict.fromkeys(CLASSES, right / 20)}
    part |= dict.fromkeys(QUALITY, 0.5)
    shares = {
        name: {"n": 20, "overall_accuracy": 0.5} for name in ("train", "val", "out_of_sample")
    }
    metrics = {"status": "ok", **part, "common_test": part, **shares, "temperature": 1.0}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    recipe = {
        "architecture": {"name": model},
        "epochs": 3,
        "batch_size": 4,
        "optimizer": {"name": "sgd", "lr": 0.2 if model == "cnn3" else 0.1},
    }
    record = {
        "status": "ok", "seed": seed, "recipe": recipe, "n_train": 20, "n_val": 0,
        "classes": CLASSES, "image_shape": [8, 8, 3], "parameters": 10, "epochs": 3,
        "kept_epoch": 3, "train_seconds": 2.5, "total_seconds": 3.0, "images_per_s": 24.0,
        "peak_memory_mb": 300.0, "device": "cpu (x86_64)", "precision": "fp32", "threads": 1,
        "started": "2026-01-02T03:04:05+00:00", "code": "0" * 16,
        "images": {"train": f"{seed:064x}", "val": "0" * 64}, "versions": {"torch": "2.9.0"},
        "machine": {"cpu": "x"},
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(record | recorded))
    logits = np.zeros((N, 2), np.float32)
    labels = np.arange(N) % 2
    answers = np.where(np.arange(N) - 20 < right, labels, 1 - labels)
    logits[np.arange(N), answers] = 2
    save_predictions(
        folder / "predictions.npz", Predictions(logits, np.repeat(np.array([1, 3], np.uint8), 20))
    )


def write_project(folder: Path) -> Path:
    """Write a copy of the project with runs of two models; of seed 3 one is missing, one failed."""
    for name in ("config", "workflow"):
        shutil.copytree(ROOT / name, folder / name)
    results = folder / "results"
    asked = {"combos": ["v1"], "models": ["cnn2", "cnn3"], "seeds": [1, 2, 3]}
    asked["overrides"] = {
        model: {"epochs": 3, "batch_size": 4, "optimizer": {"name": "sgd", "lr": lr}}
        for model, lr in (("cnn2", 0.1), ("cnn3", 0.2))
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(asked))
    config = merged(read_yaml(folder / "config/config.yaml"), asked)
    recipes = check_study(config, folder).recipes
    for (combo, model, seed), right in RIGHT.items():
        write_run(results, combo, model, seed, right, recipe=recipes[model])
    keys = [f"v1,{model},{seed}" for model in ("cnn2", "cnn3") for seed in (1, 2, 3)]
    (results / "runs.csv").write_text("\n".join(["combo,model,seed", *keys]) + "\n")
    write_index(results / "data" / "index.csv", np.arange(N) % 2, CLASSES)
    log = results / "logs" / "train" / "v1" / "cnn3" / "seed3.log"
    log.parent.mkdir(parents=True)
    log.write_text("error: training set is empty\n")
    return folder


def write_progress(results: Path, run: tuple, resumed_after: int = 1) -> Path:
    """Write what a training of five epochs leaves that is in its fourth; return its log."""
    tree = ResultsTree(results)
    rows = [[5, resumed_after, epoch, 0.5, 14 + epoch] for epoch in (1, 2, 3)]
    header = ["epochs", "resumed_after", "epoch", "val_accuracy", "seconds"]
    write_csv(tree.growing_history(*run), header, rows)
    log = tree.log("train", *run)
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("epoch 3/5\n")
    return log
