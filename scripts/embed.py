#!/usr/bin/env python
"""Compute what a network with trained weights says of every image before its head, once for all."""

import argparse
import json
import time

import numpy as np

from study.config.recipes import with_taken_weights
from study.data.index import read_index
from study.devices import memory_advice, take_device
from study.files import atomic_path, file_digest, read_array, read_json, write_json
from study.job import device_options, run_script


@memory_advice()
def main(arguments: argparse.Namespace) -> None:
    """Write the features and a record of what they depend on."""
    recipe = with_taken_weights(
        json.loads(arguments.recipe), arguments.weights, read_json(arguments.taken)
    )
    n_classes = len(read_index(arguments.index).classes)
    images = read_array(arguments.images)
    # After the cheap checks: importing torch takes seconds.
    device = take_device(arguments.gpus, arguments.threads)
    from study.models.build import build_recipe_model, count_parameters
    from study.models.features import features_of_batches, n_features
    from study.models.inference import Normalize
    from study.models.layers import describe_layers
    from study.models.trained_weights import head_of, read_weights, take

    model = build_recipe_model(recipe, num_classes=n_classes, image_shape=images.shape[1:])
    head = head_of(model, images.shape[1:])
    take(model, read_weights(arguments.weights), head, arguments.weights)
    size, whole = n_features(model, head), describe_layers(model, images.shape[1:], {})[-1]
    model.eval().to(device)
    normalize = Normalize(**recipe["normalize"]).to(device)
    clock = time.perf_counter()
    with atomic_path(arguments.output) as temporary:
        features = np.lib.format.open_memmap(
            temporary, mode="w+", dtype=np.float16, shape=(len(images), size)
        )
        for start, batch in features_of_batches(model, head, normalize, images, device):
            features[start : start + len(batch)] = batch
        features.flush()
    seconds = time.perf_counter() - clock
    print(f"{len(images):,} × {size:,} features in {seconds:.1f} s")
    # Nothing that differs from one computation to the next: by it, what uses the features runs
    # again.
    write_json(
        arguments.record,
        {
            "sha256": file_digest(arguments.output),
            "features": [len(images), size],
            "images": file_digest(arguments.images),
            "weights": recipe["trained_weights"]["sha256"],
            "recipe": {key: value for key, value in recipe.items() if key != "trained_weights"},
            "head": head,
            # Of the network without its head.
            "parameters": whole.parameters - count_parameters(model.get_submodule(head)),
            "multiply_adds": whole.multiply_adds - size * n_classes,
        },
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", required=True, help="array of all images, .npy")
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument(
        "--recipe", required=True, help="architecture, normalize and input_size, as JSON"
    )
    parser.add_argument("--weights", required=True, help="trained weights, .safetensors")
    parser.add_argument("--taken", required=True, help="record of these weights, .json")
    device_options(parser)
    parser.add_argument("--output", required=True, help="features to write, float16 N×D, .npy")
    parser.add_argument("--record", required=True, help="what they depend on, .json")
    run_script(parser, main)
