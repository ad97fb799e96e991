#!/usr/bin/env python
"""Take weights that were trained elsewhere, if they are of the network that a recipe names."""

import argparse
import json

from study.data.index import read_index
from study.files import atomic_path, file_digest, read_array, write_json
from study.job import run_script


def main(arguments: argparse.Namespace) -> None:
    """Write the weights, with what the network takes of them."""
    recipe, index = json.loads(arguments.recipe), read_index(arguments.index)
    architecture = dict(recipe["architecture"])
    architecture.pop("weights")
    image_shape = read_array(arguments.images).shape[1:]
    # After the cheap checks: importing torch takes seconds.
    from safetensors.torch import save_file

    from study.models.build import build_recipe_model
    from study.models.trained_weights import (
        head_of,
        library_normalization,
        library_weights,
        read_weights,
        take,
    )

    name = architecture["name"]
    tensors = read_weights(arguments.file) if arguments.file else library_weights(name)
    model = build_recipe_model(
        {"architecture": architecture}, num_classes=len(index.classes), image_shape=image_shape
    )
    head = head_of(model, image_shape)
    taken = take(model, tensors, head, arguments.file or f"the library's weights of {name}")
    print(
        f"{len(taken.loaded)} tensors loaded; left out: {', '.join(taken.left_out) or 'none'}; "
        f"new, for {len(index.classes)} classes: {', '.join(taken.new)}"
    )
    with atomic_path(arguments.output) as temporary:
        save_file({key: tensor.clone().contiguous() for key, tensor in tensors.items()}, temporary)
    record = {"sha256": file_digest(arguments.output), "head": head} | taken._asdict()
    if recipe["normalize"] == "weights":
        record["normalize"] = library_normalization(name)
    write_json(arguments.record, record)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", required=True, help="array of all images, .npy")
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument("--recipe", required=True, help="the recipe with its weights, as JSON")
    parser.add_argument("--file", help="the weights; empty: those of the library")
    parser.add_argument("--output", required=True, help="weights to write, .safetensors")
    parser.add_argument("--record", required=True, help="what was taken, .json")
    run_script(parser, main)
