#!/usr/bin/env python
"""Fit a classifier on stored features for one combo with one seed, and score every image by it."""

import argparse
import datetime
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save as safetensors

from study.audit.provenance import account
from study.code import code_digest
from study.config.probes import NO_MAPS, features_of
from study.data.blocks import blocks
from study.data.embedding import directions
from study.data.index import Index
from study.data.splits import ROLES, index_of_splits, roles_of
from study.errors import StudyError
from study.files import (
    atomic_path,
    file_digest,
    read_array,
    read_json,
    read_yaml,
    write_csv,
    write_json,
)
from study.job import run_script
from study.runs.gradcam_maps import no_maps, save_maps
from study.runs.predictions import Predictions, roles_in_run, save_predictions
from study.runs.second_looks import SecondLook, with_neighbours
from study.runs.untrained import untrained_record, write_no_dynamics
from study.training.epoch import Epoch
from study.training.probes import Fitted, fit, log_loss


def read_features(path: str, made_of: Mapping[str, Any], data: Mapping[str, Any]) -> np.ndarray:
    """Return features, float16 N×D, that lie on disk.

    Args:
        path: of the file.
        made_of: its record.
        data: record of the study's images.

    Raises:
        StudyError: they are damaged, or of other images.
    """
    again = "delete this file and run the same command again"
    if made_of["images"] != data["sha256"]["images.npy"]:
        raise StudyError(f"{path}: features of other images than the study's; {again}")
    if not Path(path).is_file() or file_digest(path) != made_of["sha256"]:
        raise StudyError(f"{path}: not the features that its record describes; {again}")
    return read_array(path)


def epoch_of(
    fitted: Fitted, labels: np.ndarray, image_ids: Mapping[str, np.ndarray], seconds: float
) -> dict[str, Any]:
    """Return the one row of the history, without its chain."""
    row: dict[str, Any] = {"epoch": 1, "learning_rate": float("nan")}
    for role in ROLES:
        logits, own = fitted.logits[image_ids[role]], labels[image_ids[role]]
        row[f"{role}_loss"] = log_loss(logits, own)
        right = logits.argmax(axis=1) == own
        row[f"{role}_accuracy"] = float(right.mean()) if len(own) else float("nan")
    return row | {"seconds": seconds, "images_per_s": len(image_ids["train"]) / seconds}


def training_record(
    fitted: Fitted, image_ids: Mapping[str, np.ndarray], made_of: Mapping[str, Any], seconds: float
) -> dict[str, Any]:
    """Return what run.json says of the fit, with the keys that it has for a training."""
    weight = fitted.arrays.get("weight")
    own = weight.size + len(weight) if weight is not None else 0
    return {
        "n_train": len(image_ids["train"]),
        "n_val": len(image_ids["val"]),
        "parameters": made_of["parameters"] + own,
        "trained_parameters": own,
        "multiply_adds": made_of["multiply_adds"] + (weight.size if weight is not None else 0),
        "epochs": 1,
        "kept_epoch": 1,
        "train_seconds": seconds,
        "images_per_s": len(image_ids["train"]) / seconds,
        "total_seconds": seconds,
        "device": f"cpu ({platform.machine()})",
        "precision": "fp32",
        "initial_weights": made_of["sha256"][:16],
        "fitted": fitted.facts,
    }


def fitted_run(arguments: argparse.Namespace, index: Index) -> dict[str, Any]:
    """Write the fit, its history and predictions; return its part of the record."""
    image_ids = roles_of(arguments.splits)
    recipe, made_of = read_yaml(arguments.recipe), read_json(arguments.record)
    features = read_features(arguments.features, made_of, read_json(arguments.data))
    clock = time.perf_counter()
    fitted = fit(recipe["architecture"], features, index.labels, len(index.classes), image_ids)
    seconds = time.perf_counter() - clock
    # It writes arrays as they lie in memory, which is by columns for some.
    arrays = {name: np.ascontiguousarray(array) for name, array in fitted.arrays.items()}
    with atomic_path(arguments.weights) as temporary:
        temporary.write_bytes(safetensors(arrays))
    chain = file_digest(arguments.weights)[:16]
    epoch = epoch_of(fitted, index.labels, image_ids, seconds) | {"chain": chain}
    write_csv(arguments.history, Epoch._fields, [[epoch[name] for name in Epoch._fields]])
    write_no_dynamics(arguments.dynamics)
    predictions = Predictions(fitted.logits, roles_in_run(len(features), image_ids))
    look = SecondLook()
    if arguments.neighbours:
        rows = np.concatenate([directions(block) for _, block in blocks(features)])
        look = with_neighbours(look, rows, index.labels, predictions)
    save_predictions(arguments.predictions, predictions, look)
    print(f"validation accuracy {epoch['val_accuracy']:.4f}; {fitted.facts}; {seconds:.1f} s")
    weights = {"file": features_of(recipe), "sha256": made_of["weights"]}
    return training_record(fitted, image_ids, made_of, seconds) | {
        "recipe": recipe | {"trained_weights": weights},
        "features": made_of,
    }


def main(arguments: argparse.Namespace) -> None:
    """Write the files that a training and its predictions leave."""
    started = datetime.datetime.now(datetime.UTC)
    index = index_of_splits(arguments.index, arguments.splits)
    parents = [*arguments.splits, arguments.recipe, arguments.record]
    record = {
        **fitted_run(arguments, index),
        **untrained_record(arguments.seed, index.classes, arguments.data, arguments.weights),
        **account(started, arguments.threads, parents, code_digest(Path(__file__))),
    }
    save_maps(arguments.maps, no_maps(why_none=NO_MAPS))
    write_json(arguments.run, record)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--features", required=True, help="features of all images, .npy")
    parser.add_argument("--record", required=True, help="what these depend on, .json")
    parser.add_argument("--data", required=True, help="record of all images, .json")
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument(
        "--splits", required=True, nargs="+", help="splits of the combo's partitions, .csv"
    )
    parser.add_argument("--recipe", required=True, help="resolved recipe, .yaml")
    parser.add_argument("--seed", required=True, type=int, help="seed of the run")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: %(default)s)")
    parser.add_argument("--weights", required=True, help="what was fitted to write, .safetensors")
    parser.add_argument("--history", required=True, help="table to write: one row, .csv")
    parser.add_argument("--dynamics", required=True, help="empty statistics to write, .npz")
    parser.add_argument("--run", required=True, help="record of the run to write, .json")
    parser.add_argument(
        "--neighbours",
        action="store_true",
        help="say which training images have features that are like an image's",
    )
    parser.add_argument("--predictions", required=True, help="predictions to write, .npz")
    parser.add_argument("--maps", required=True, help="to write: that it has no maps, .npz")
    run_script(parser, main)
