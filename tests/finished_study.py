"""Runs with untrained models in a results tree, as far as what uses finished runs reads it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from made_index import write_index
from safetensors.torch import save_file

from study.data.blocks import write_in_blocks
from study.files import file_digest, read_json, write_json
from study.models.build import build_recipe_model, count_parameters
from study.models.inference import Classifier
from study.runs.calibration import fit_temperature
from study.runs.metrics import calibrated_metrics, classification_metrics
from study.runs.predictions import Predictions, no_predictions, save_predictions

CLASSES = ["ant", "bee", "cat", "dog", "elk"]
RECIPE = {
    "architecture": {"name": "cnn2", "filters": 4},
    "normalize": {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.25, 0.3]}, "test_time": "flip",
}  # fmt: skip


def write_data(results: Path) -> np.ndarray:
    """Write the data of a study; return its 60 images."""
    images = np.random.default_rng(3).integers(0, 256, (60, 32, 32, 3), dtype=np.uint8)
    write_in_blocks(results / "data/images.npy", images)
    write_index(results / "data/index.csv", np.arange(60) % 5, CLASSES)
    write_json(
        results / "data/manifest.json",
        {
            "dataset": "cifar10",
            "images": list(images.shape),
            "sources": {},
            "sha256": {"images.npy": "0" * 64},
        },
    )
    return images


def write_run(
    results: Path,
    images: np.ndarray,
    name: str,
    recipe: Mapping[str, Any] = RECIPE,
    *,
    diverged: bool = False,
    val: bool = True,
) -> Path:
    """Write a run whose model has the initial weights of its seed; return its folder."""
    combo, model_name, seed = name.split("/")
    folder = results / "runs" / combo / model_name / f"seed{seed}"
    folder.mkdir(parents=True)
    torch.manual_seed(int(seed))
    shape = list(images.shape[1:])
    model = build_recipe_model(recipe, num_classes=len(CLASSES), image_shape=shape).eval()
    save_file(model.state_dict(), folder / "model.safetensors")
    labels = np.arange(len(images)) % 5
    roles = np.repeat([1, 2 if val else 0, 3], len(images) // 3).astype(np.uint8)
    classifier = Classifier(model, recipe, None).eval()
    with torch.no_grad():
        predictions = Predictions(classifier(torch.from_numpy(images))[0].numpy(), roles)
    metrics: dict[str, Any] = {
        "status": "diverged",
        "temperature": None,
        "val": {"overall_accuracy": None},
    }
    if diverged:
        predictions = no_predictions(roles, 5)
    else:
        own, chosen = roles == 3, roles == 2
        temperature = fit_temperature(predictions.logits[chosen], labels[chosen]) if val else None
        measured = classification_metrics(
            predictions.log_probabilities()[own], labels[own], CLASSES
        )
        if val:
            measured |= calibrated_metrics(predictions.logits[own], labels[own], temperature)
        right = (predictions.logits.argmax(1) == labels)[chosen]
        metrics = {"status": "ok", **measured, "common_test": measured, "temperature": temperature}
        metrics["val"] = {"n": len(right), "overall_accuracy": float(right.mean()) if val else None}
    save_predictions(folder / "predictions.npz", predictions)
    write_json(folder / "metrics.json", metrics)
    write_json(
        folder / "run.json",
        {
            "status": metrics["status"], "seed": int(seed), "recipe": recipe, "classes": CLASSES,
            "image_shape": shape,
            "parameters": count_parameters(model), "n_train": 20, "n_val": 20 * val, "epochs": 2,
            "kept_epoch": 2, "device": "cpu (x)",
            "precision": "fp32", "finished": "2026-01-01",
            "sha256": {"weights": file_digest(folder / "model.safetensors")},
            "versions": {"torch": torch.__version__}, "code": "c" * 16,
            "repository": {"commit": "abc", "dirty": False, "lock": None},
        },
    )  # fmt: skip
    return folder


def write_imported(results: Path, images: np.ndarray, name: str) -> None:
    """Write a run whose predictions were made elsewhere, so that there is no network."""
    folder = write_run(results, images, name)
    recipe = {"architecture": {"name": "predictions", "saw": "nothing", "varies_with": []}}
    imported = {"recipe": recipe, "imported": {"saw": "nothing", "sha256": "0" * 64}}
    write_json(folder / "run.json", read_json(folder / "run.json") | imported)
