"""A finished study with untrained networks, whose files all hold together, made in a second."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
import yaml
from made_index import write_index
from safetensors.torch import save_file

from study.audit.coverage import files_of_every_study, files_of_runs
from study.audit.expected import Expected
from study.audit.manifest import study_manifest
from study.comparison.groups import group_rows
from study.data.blocks import write_in_blocks
from study.data.corrected import corrected
from study.data.corrections import Corrections, read_corrections
from study.data.index import images_digest, read_index, write_image_ids
from study.data.partitions import partition_record
from study.data.splits import union, write_development, write_split
from study.data.verdicts import COLUMNS
from study.files import file_digest, read_json, write_csv, write_json, write_table
from study.models.answers_again import answers_again
from study.models.build import build_recipe_model, count_parameters
from study.runs.metrics import run_metrics
from study.runs.predictions import Predictions, roles_in_run, save_predictions
from study.runs.run import Run, read_runs
from study.runs.summary import summary_table
from study.runs.tree import ResultsTree
from study.seeds import streams_of

CLASSES = ["ant", "bee", "cat"]
RECIPE = {
    "architecture": {"name": "cnn2", "filters": 4}, "batch_size": 16, "epochs": 1,
    "normalize": {"mean": [0.5] * 3, "std": [0.2] * 3}, "optimizer": {"name": "adam", "lr": 0.001},
}  # fmt: skip
CONFIG = {
    "dataset": {"name": "digits"}, "partition_seed": 42, "seeds": [1, 2], "models": ["cnn2"],
    "partitions": [{"name": "p", "size": 60}, {"name": "q", "size": 60}], "combos": ["p", "p+q"],
    "split": {"train": 0.6, "val": 0.2, "test": 0.2}, "official": {"val": 0.1}, "tune": {},
    "overrides": {"cnn2": {"epochs": 1}}, "near_duplicates": {"threshold": 0.35},
    "figures": {"runs": False},
}  # fmt: skip


def write_study(results: Path, config: dict[str, Any] = CONFIG) -> SimpleNamespace:
    """Write a study; return its tree, images and what is expected of it."""
    tree, random = ResultsTree(results), np.random.default_rng(5)
    images = random.integers(0, 256, (150, 8, 8, 3), dtype=np.uint8)
    images[[7, 9]] = images[[0, 3]]
    write_in_blocks(tree.images, images)
    write_index(tree.index, np.arange(len(images)) % 3, CLASSES)
    digests = {path.name: file_digest(path) for path in (tree.images, tree.index)}
    manifest = {"images": list(images.shape), "classes": CLASSES, "sha256": digests}
    write_json(tree.data_manifest, manifest)
    write_csv(tree.near_duplicates, ["image_id", "other_id"], [(0, 7), (3, 9)])
    corrections = None
    if config["dataset"].get("corrections"):
        corrections = _correct(tree)
    pairs = np.array([(0, 7), (3, 9)])
    expected = Expected(config, read_index(tree.index), pairs, corrections)
    index, given = expected.index, expected.given.labels
    moved = {int(i): int(index.labels[i]) for i in np.flatnonzero(index.labels != given)}
    for name, image_ids in expected.partitions.items():
        path = tree.partition(name)
        write_image_ids(path, image_ids)
        record = partition_record(path, expected.given, str(config["partition_seed"]))
        write_json(tree.partition_record(name), record)
        for seed in config["seeds"]:
            path, split = tree.split(name, seed), expected.split(name, seed)
            write_split(path, split, moved)
            write_development(path.with_suffix(".development.csv"), split, moved)
    for seed in config["seeds"]:
        write_image_ids(tree.common_test(seed), expected.common_test(seed))
    for model in config["models"]:
        tree.recipe(model).parent.mkdir(exist_ok=True)
        tree.recipe(model).write_text(yaml.safe_dump(RECIPE))
        layers = tree / "models" / model / "layers.csv"
        write_csv(layers, ["name", "multiply_adds"], [("total", 1000)])
    runs = expected.runs(results)
    write_csv(tree.list_of_runs, ["combo", "model", "seed"], [run.key for run in runs])
    study = SimpleNamespace(tree=tree, images=images, expected=expected, config=config)
    for position, run in enumerate(runs):
        write_run(study, run, init=position)
    finish(study)
    return study


def _correct(tree: ResultsTree) -> Corrections:
    """Correct two labels and leave two images out, and return what was changed."""
    said = [(3, "wrong label", "cat"), (70, "wrong label", "ant"), (5, "leave out", "")]
    rows = [(i, f"{i}.png", "", verdict, label, "", "") for i, verdict, label in said]
    write_csv(tree.corrections, COLUMNS, [*rows, (80, "80.png", "", "leave out", "", "", "")])
    corrections = read_corrections(tree.corrections)
    after = corrected(read_index(tree.index), corrections)
    columns = ["image_id", "label", "class", "source_split", "file", "given", "left_out"]
    labels = zip(after.labels.tolist(), after.given.tolist(), after.left_out, strict=True)
    rows = [
        (i, label, CLASSES[label], "train", f"{i}.png", given, "1" if out else "")
        for i, (label, given, out) in enumerate(labels)
    ]
    write_csv(tree.corrected, columns, rows)
    return corrections


def write_run(study: SimpleNamespace, run: Run, init: int, **changes: Any) -> None:
    """Write a run whose weights are those of this initialisation; `changes` are of its run.json."""
    tree, expected, shape = study.tree, study.expected, list(study.images.shape[1:])
    splits = expected.splits_of(run)
    ids = {role: union(list(splits.values()), role) for role in ("train", "val", "test")}
    torch.manual_seed(init)
    model = build_recipe_model(RECIPE, num_classes=len(CLASSES), image_shape=shape)
    run.folder.mkdir(parents=True, exist_ok=True)
    save_file(model.state_dict(), run.folder / "model.safetensors")
    labels = expected.index.labels
    parents = [*(tree.split(name, run.seed) for name in splits), tree.recipe(run.model)]
    record = {
        "status": "ok", "seed": run.seed, "streams": streams_of(run.seed), "recipe": RECIPE,
        "classes": CLASSES, "image_shape": shape, "parameters": count_parameters(model),
        "n_train": len(ids["train"]), "n_val": len(ids["val"]), "epochs": 1, "kept_epoch": 1,
        "train_seconds": 2.0, "total_seconds": 3.0, "images_per_s": 5.0, "peak_memory_mb": 100.0,
        "gpu_energy_joules": None, "device": "cpu (x)", "precision": "fp32", "threads": 1,
        "started": "2026-01-01", "finished": "2026-01-02", "code": "c" * 16,
        "versions": {"torch": torch.__version__}, "repository": {"commit": "abc"}, "machine": {},
        "images": {
            role: images_digest(study.images[ids[role]], labels[ids[role]])
            for role in ("train", "val")
        },
        "sha256": {"weights": file_digest(run.folder / "model.safetensors")},
        "parents": {f"results/{p.relative_to(tree.folder)}": file_digest(p) for p in parents},
    }  # fmt: skip
    write_json(run.folder / "run.json", record | changes)
    logits = answers_again(run.folder / "model.safetensors", record, study.images)
    write_answers(study, run, logits)
    others = ("dynamics.npz", "gradcam.npz", "report.txt", "classification_report.json")
    for name in (*others, "misclassified.csv"):
        (run.folder / name).write_text(f"{name} of {run.name}")


def write_answers(study: SimpleNamespace, run: Run, logits: np.ndarray) -> None:
    """Write a run's predictions and everything that follows from them."""
    index = study.expected.index
    roles = np.zeros(len(logits), np.uint8)
    for split in study.expected.splits_of(run).values():
        roles = np.maximum(roles, roles_in_run(len(roles), split))
    predictions, path = Predictions(logits, roles), run.folder / "predictions.npz"
    save_predictions(path, predictions)
    common = study.expected.common_test(run.seed)
    pairs = np.array([(0, 7), (3, 9)])
    judged = predictions.without(index.left_out)
    metrics = run_metrics(judged, index.labels, index.classes, common, pairs)
    metrics["sha256"] = {"predictions": file_digest(path)}
    write_json(run.folder / "metrics.json", metrics)
    write_csv(
        run.folder / "history.csv", ["epoch", "seconds", "val_accuracy", "chain"],
        [(1, 2.0, metrics["val"]["overall_accuracy"], "ab")],
    )  # fmt: skip


def finish(study: SimpleNamespace) -> None:
    """Write the tables of all runs and the record, as they follow from the files that there are."""
    tree, config = study.tree, study.config
    runs = read_runs(tree.list_of_runs)
    summary = summary_table(runs, dict.fromkeys(config["models"], 1000))
    write_table(tree / "summary.csv", summary, "%.6f")
    rows = group_rows(summary)
    write_csv(tree / "summary_by_group.csv", rows[0], [row.values() for row in rows])
    for name in ("hard_examples.csv", "overview.rst", "hard_examples_top.csv"):
        (tree / name).write_text(name)
    for name in ("groups", "comparisons"):
        write_csv(tree.comparison(name), ["name"], [[name]])
    files = [*files_of_every_study(tree, config), *files_of_runs(runs, False)]
    digests = {f"results/{path.relative_to(tree.folder)}": file_digest(path) for path in files}
    code = {"train.py": "c" * 16}
    write_json(tree.study, study_manifest(config, runs, digests, code, {}))


def change_json(path: Path, **values: Any) -> None:
    """Give keys of a JSON file other values."""
    path.write_text(json.dumps(read_json(path) | values))
