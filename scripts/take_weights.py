#!/usr/bin/env python
"""Take weights that were trained elsewhere, if they are of the network that a recipe names."""

import argparse
import json

from study.config.recipes import without
from study.files import atomic_path, file_digest, write_json
from study.job import run_script

# Any number does: the head is made again for the classes of the study.
_CLASSES = 2


def main(arguments: argparse.Namespace) -> None:
    """Write the weights, with what the network takes of them."""
    recipe = json.loads(arguments.recipe)
    architecture = without(recipe["architecture"], "weights")
    image_shape = (arguments.image_size, arguments.image_size, 3)

    from safetensors.torch import save_file

    from study.models.build import build_recipe_model
    from study.models.trained_weights import (
        head_of,
        library_normalization,
        library_weights,
        read_weights,
        take,
    )
    from study.training.frozen import freeze

    name = architecture["name"]
    tensors = read_weights(arguments.file) if arguments.file else library_weights(name)
    model = build_recipe_model(
        recipe | {"architecture": architecture}, num_classes=_CLASSES, image_shape=image_shape
    )
    head = head_of(model, image_shape)
    taken = take(model, tensors, head, arguments.file or f"the library's weights of {name}")
    if arguments.last:
        freeze(model, {"last": arguments.last}, head)
    print(
        f"{len(taken.loaded)} tensors loaded; left out: {', '.join(taken.left_out) or 'none'}; "
        f"new, for the study's classes: {', '.join(taken.new)}"
    )
    with atomic_path(arguments.output) as temporary:
        save_file({key: tensor.clone().contiguous() for key, tensor in tensors.items()}, temporary)
    record = {"sha256": file_digest(arguments.output), "head": head} | taken._asdict()
    if recipe["normalize"] == "weights":
        record["normalize"] = library_normalization(name)
    write_json(arguments.record, record)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--recipe", required=True, help="architecture, normalize and input_size, as JSON"
    )
    parser.add_argument("--image-size", required=True, type=int, help="of the images, pixels")
    parser.add_argument("--file", help="the weights; empty: those of the library")
    parser.add_argument(
        "--last", type=int, default=0, help="how many blocks before the head would be trained"
    )
    parser.add_argument("--output", required=True, help="weights to write, .safetensors")
    parser.add_argument("--record", required=True, help="what was taken, .json")
    run_script(parser, main)
