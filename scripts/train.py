#!/usr/bin/env python
"""Train one model on one combo with one seed."""

import argparse
import datetime
from pathlib import Path

from study.audit.provenance import account, circumstances
from study.code import code_digest
from study.config.components import component_modules
from study.config.recipes import complete_recipe
from study.data.pixel_statistics import with_normalization
from study.data.splits import index_of_splits, roles_of
from study.devices import gpu_versions, take_device
from study.files import file_digest, read_array, read_json, read_yaml, write_json
from study.job import device_options, hold_log, run_script
from study.seeds import streams_of


def main(arguments: argparse.Namespace) -> None:
    """Write the weights, the history and a record of the run."""
    started = datetime.datetime.now(datetime.UTC)
    if arguments.job:
        hold_log()
    index = index_of_splits(arguments.index, arguments.splits)
    image_ids = roles_of(arguments.splits)
    recipe = complete_recipe(arguments.recipe, arguments.lr_find, arguments.tuned)

    # After the cheap checks: importing torch takes seconds.
    device = take_device(arguments.gpus, arguments.threads, recipe.get("deterministic", False))

    from study.training.checkpoints import identity, remove_checkpoints
    from study.training.one_run import train_run

    images = read_array(arguments.images)
    recipe = with_normalization(recipe, images, image_ids["train"])
    code = code_digest(Path(__file__), *component_modules(recipe))
    key = identity([code, *circumstances(device, arguments.threads)])
    trained = train_run(
        *(recipe, arguments.seed, images, index, image_ids, device),
        made_by=key,
        checkpoint=arguments.checkpoint,
    )

    trained.write(arguments.weights, arguments.history, arguments.dynamics)
    parents = [*arguments.splits, arguments.recipe, arguments.lr_find, arguments.tuned]
    record = trained.record() | {
        "seed": arguments.seed,
        "streams": streams_of(arguments.seed),
        "recipe": recipe,
        "tuned": read_yaml(arguments.tuned) if arguments.tuned else None,
        "lr_find": read_json(arguments.lr_find) if arguments.lr_find else None,
        "classes": index.classes,
        "image_shape": list(images.shape[1:]),
        "sha256": {"weights": file_digest(arguments.weights)},
        **account(started, arguments.threads, parents, code),
    }
    record["versions"] |= gpu_versions(device)
    write_json(arguments.run, record)
    if arguments.checkpoint:
        remove_checkpoints(arguments.checkpoint)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", required=True, help="array of all images, .npy")
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument(
        "--splits", required=True, nargs="+", help="splits of the combo's partitions, .csv"
    )
    parser.add_argument("--recipe", required=True, help="resolved recipe, .yaml")
    parser.add_argument(
        "--lr-find", help="learning-rate search, .json, for a recipe that takes its rate from one"
    )
    parser.add_argument(
        "--tuned", help="keys to lay over the recipe, .yaml, such as the best ones of a search"
    )
    parser.add_argument("--seed", required=True, type=int, help="seed of the run")
    device_options(parser)
    parser.add_argument(
        "--checkpoint",
        help="where to keep an unfinished training, and to go on from if it is there",
    )
    parser.add_argument("--weights", required=True, help="weights to write, .safetensors")
    parser.add_argument("--history", required=True, help="table to write: one row per epoch, .csv")
    parser.add_argument(
        "--dynamics", help="statistics of each training image over the epochs to write, .npz"
    )
    parser.add_argument("--run", required=True, help="record of the run to write, .json")
    run_script(parser, main)
