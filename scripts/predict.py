#!/usr/bin/env python
"""Score every image of the data set with one run's model."""

import argparse
import sys

from study.data.splits import ROLES, read_split, union
from study.devices import memory_advice, take_device
from study.files import read_array, read_json
from study.job import device_options, run_script


def main(arguments: argparse.Namespace) -> None:
    """Write the logits of every image and its role in this run."""
    splits = [read_split(path) for path in arguments.splits]
    record = read_json(arguments.run)

    # After the cheap checks: importing torch takes seconds.
    device = take_device(arguments.gpus, arguments.threads)
    import numpy as np
    import torch

    from study.models.inference import Normalize, load_model, predict
    from study.runs.predictions import Predictions, no_predictions, roles_in_run, save_predictions

    images = read_array(arguments.images)
    recipe = record["recipe"]
    roles = roles_in_run(len(images), {role: union(splits, role) for role in ROLES})
    if record["status"] == "diverged":
        save_predictions(arguments.output, no_predictions(roles, len(record["classes"])))
        return
    model = load_model(arguments.weights, record, device)
    with memory_advice():
        logits = predict(
            model,
            Normalize(**recipe["normalize"]).to(device),
            torch.from_numpy(np.array(images)).to(device),
            views=recipe.get("test_time", "plain"),
        )
    predictions = Predictions(logits.cpu().numpy(), roles)
    if not np.isfinite(predictions.logits).all():
        # As after a last step that was too large: no answer of such a model counts.
        print("the model's logits are not all finite numbers: it diverged", file=sys.stderr)
        predictions = no_predictions(roles, len(record["classes"]))
    save_predictions(arguments.output, predictions)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", required=True, help="array of all images, .npy")
    parser.add_argument(
        "--splits", required=True, nargs="+", help="splits of the combo's partitions, .csv"
    )
    parser.add_argument("--weights", required=True, help="the run's weights, .safetensors")
    parser.add_argument("--run", required=True, help="record of the run, .json")
    device_options(parser)
    parser.add_argument("--output", required=True, help="predictions to write, .npz")
    run_script(parser, main)
