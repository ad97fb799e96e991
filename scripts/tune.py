#!/usr/bin/env python
"""Search hyper-parameters of a recipe: train trials and score each on validation images."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from study.code import code_digest
from study.config.components import component_modules
from study.config.recipes import canonical, complete_recipe, merged, overlay
from study.data.pixel_statistics import with_normalization
from study.data.splits import index_of_splits, roles_of
from study.devices import memory_advice, take_device
from study.errors import StudyError
from study.files import read_array, write_json
from study.job import device_options, run_script


@memory_advice()
def main(arguments: argparse.Namespace) -> None:
    """Run this worker's trials that are not in the journal yet, then write all its trials."""
    index = index_of_splits(arguments.index, arguments.splits)
    image_ids = roles_of(arguments.splits)
    if len(image_ids["val"]) == 0:
        raise StudyError(
            "tuning chooses by validation images and there are none; "
            "give 'split.val' (for the combo official 'official.val') a larger share"
        )
    settings = json.loads(arguments.search)
    recipe = trial_recipe(arguments, settings)

    # After the cheap checks: importing torch takes seconds.
    device = take_device(arguments.gpus, arguments.threads, recipe.get("deterministic", False))
    import torch

    from study.training.checkpoints import identity
    from study.training.search import Search
    from study.training.trainer import ImageSet, Trainer, new_trainer

    images = read_array(arguments.images)
    recipe = with_normalization(recipe, images, image_ids["train"])
    train_set, val_set = (
        ImageSet.taken(images, index.labels, image_ids[role], device) for role in ("train", "val")
    )

    def make_trainer(params: dict[str, Any]) -> Trainer:
        changed = merged(recipe, overlay(params))
        return new_trainer(changed, arguments.seed, len(index.classes), train_set, val_set)

    code = code_digest(Path(__file__), *component_modules(recipe, settings["keys"]))
    # More trials or more time are the same search.
    same = {**settings, "trials": None, "minutes": None}
    key = identity(
        [code, torch.__version__, device.type, arguments.seed, arguments.workers, canonical(recipe),
         canonical(same), train_set.digest(), val_set.digest()]
    )  # fmt: skip
    search = Search(settings, recipe, arguments.seed, Path(arguments.journal), key)
    trials = search.run(make_trainer, arguments.worker, arguments.workers)
    # The journal stays until the trials of all workers are collected: the others may look at it.
    write_json(arguments.output, [asdict(trial) for trial in trials])


def trial_recipe(arguments: argparse.Namespace, settings: dict[str, Any]) -> dict[str, Any]:
    """Return the recipe that all trials change."""
    recipe = complete_recipe(arguments.recipe, arguments.lr_find)
    if "epochs" in settings:
        recipe["epochs"] = settings["epochs"]
        recipe.pop("steps", None)
    return recipe


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", required=True, help="array of all images, .npy")
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument("--splits", required=True, nargs="+", help="splits without tests, .csv")
    parser.add_argument("--recipe", required=True, help="resolved recipe, .yaml")
    parser.add_argument("--lr-find", help="learning-rate search, .json, if the recipe takes one")
    parser.add_argument("--search", required=True, help="what to search: a part of `tune`, as JSON")
    parser.add_argument("--seed", required=True, type=int, help="of all trainings and suggestions")
    parser.add_argument("--workers", type=int, default=1, help="how many share the trials")
    parser.add_argument("--worker", type=int, default=0, help="which of them this is, from 0")
    device_options(parser)
    parser.add_argument("--journal", required=True, help="file of all trials that have ended")
    parser.add_argument("--output", required=True, help="trials of this worker to write, .json")
    run_script(parser, main)
