#!/usr/bin/env python
"""Take predictions that were made elsewhere as a run of one combo and seed."""

import argparse
import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors.numpy import save as safetensors

from study.audit.provenance import account
from study.code import code_digest
from study.config.imports import NO_MAPS_OF_IMPORTS
from study.data.index import read_image_ids, read_index
from study.data.names import OFFICIAL
from study.data.splits import roles_of
from study.errors import StudyError
from study.files import atomic_path, file_digest, read_yaml, write_csv, write_json
from study.job import run_script
from study.runs.gradcam_maps import no_maps, save_maps
from study.runs.prediction_files import read_answers
from study.runs.predictions import Predictions, save_predictions
from study.runs.untrained import imported_roles, untrained_record, write_no_dynamics
from study.training.epoch import Epoch

# Of a training elsewhere nothing is known.
_UNKNOWN = (
    "parameters", "trained_parameters", "multiply_adds", "kept_epoch", "train_seconds",
    "images_per_s", "total_seconds",
)  # fmt: skip


def imported(arguments: argparse.Namespace) -> tuple[Predictions, str]:
    """Return the predictions in the file with the roles of the images, and where these are from.

    Raises:
        StudyError: the file does not fit the study, or the model was trained on test images.
    """
    index = read_index(arguments.index)
    images = {"image_id": pd.RangeIndex(len(index.labels)), "file": pd.Index(index.files)}
    answers = read_answers(arguments.file, images, index.classes, "the study")
    ids = roles_of(arguments.splits)
    tested = ids["test"]
    if arguments.combo != OFFICIAL:
        tested = np.union1d(tested, read_image_ids(arguments.common_test))
    if arguments.external_test:
        tested = np.union1d(tested, index.publishers_test)
    if answers.roles is not None:
        seen = tested[np.isin(answers.roles[tested], ["train", "val"])]
        if len(seen):
            raise StudyError(
                f"{arguments.file}: by its column role the model was trained or chosen on "
                f"{len(seen):,} images that {arguments.combo} with seed {arguments.seed} is tested "
                f"on, first image_id {seen[0]}, so it cannot be compared; take it out of 'models'"
            )
    saw = read_yaml(arguments.recipe)["architecture"]["saw"]
    roles = imported_roles(saw, len(index.labels), ids, answers.roles)
    stated = saw if answers.roles is None else "stated"
    logits = answers.log_probabilities.astype(np.float32)
    return Predictions(logits, roles, file_digest(arguments.file)), stated


def main(arguments: argparse.Namespace) -> None:
    """Write the files that a training and its predictions leave."""
    started = datetime.datetime.now(datetime.UTC)
    predictions, saw = imported(arguments)
    counts = {
        f"n_{role}": None if saw == "unknown" else int(predictions.has_role(role).sum())
        for role in ("train", "val")
    }
    with atomic_path(arguments.weights) as temporary:
        temporary.write_bytes(safetensors({}))
    write_csv(arguments.history, Epoch._fields, [])
    write_no_dynamics(arguments.dynamics)
    save_predictions(arguments.predictions, predictions)
    save_maps(arguments.maps, no_maps(why_none=NO_MAPS_OF_IMPORTS))
    parents, classes = [*arguments.splits, arguments.recipe], read_index(arguments.index).classes
    record: dict[str, Any] = {
        **dict.fromkeys(_UNKNOWN),
        **counts,
        **untrained_record(arguments.seed, classes, arguments.data, arguments.weights),
        "epochs": 0,
        "device": "elsewhere",
        "precision": "unknown",
        "initial_weights": "unknown",
        "recipe": read_yaml(arguments.recipe),
        "imported": {"saw": saw, "sha256": predictions.imported},
        **account(started, 1, parents, code_digest(Path(__file__))),
    }
    write_json(arguments.run, record)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", required=True, help="predictions of every image, .csv or .npz")
    parser.add_argument("--data", required=True, help="record of all images, .json")
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument(
        "--splits", required=True, nargs="+", help="splits of the combo's partitions, .csv"
    )
    parser.add_argument("--common-test", required=True, help="common test of the seed, .csv")
    parser.add_argument(
        "--external-test",
        action="store_true",
        help="the run is tested on the publisher's test images too",
    )
    parser.add_argument("--recipe", required=True, help="what stands for the recipe, .yaml")
    parser.add_argument("--combo", required=True, help="combo of the run")
    parser.add_argument("--seed", required=True, type=int, help="seed of the run")
    parser.add_argument("--weights", required=True, help="file without weights to write")
    parser.add_argument("--history", required=True, help="table without epochs to write, .csv")
    parser.add_argument("--dynamics", required=True, help="empty statistics to write, .npz")
    parser.add_argument("--run", required=True, help="record of the run to write, .json")
    parser.add_argument("--predictions", required=True, help="predictions to write, .npz")
    parser.add_argument("--maps", required=True, help="to write: that it has no maps, .npz")
    run_script(parser, main)
