#!/usr/bin/env python
"""Score every image of the data set with one run's model, and ask it why it is mistaken."""

import argparse
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from study.data.index import Index
from study.data.splits import index_of_splits, roles_of
from study.devices import memory_advice, take_device, trains_in_bf16
from study.files import read_array, read_json
from study.job import device_options, run_script
from study.runs.gradcam_maps import GradcamMaps, explained, no_maps, save_maps
from study.runs.predictions import (
    ROLE_CODES,
    Predictions,
    no_predictions,
    roles_in_run,
    save_predictions,
)
from study.runs.second_looks import SecondLook, with_neighbours

if TYPE_CHECKING:
    from torch import Tensor, nn


def answers(
    model: "nn.Module",
    normalize: "Callable[[Tensor], Tensor]",
    images: np.ndarray,
    index: Index,
    roles: np.ndarray,
    recipe: Mapping[str, Any],
    *,
    views: bool,
    neighbours: bool,
) -> tuple[Predictions, SecondLook]:
    """Return the logits of every image and its role in this run, and what a second look says."""
    from study.models.second_looks import answers_to, search_by_torch

    device = next(model.parameters()).device
    judged = ~np.isin(roles, [ROLE_CODES["train"], ROLE_CODES["val"]])
    said = answers_to(
        *(model, normalize, images, recipe, judged),
        views=views,
        neighbours=neighbours,
        bf16=trains_in_bf16(recipe.get("precision", "auto"), device),
    )
    if not np.isfinite(said.logits).all():
        # As after a last step that was too large: no answer of such a model counts.
        print("the model's logits are not all finite numbers: it diverged", file=sys.stderr)
        return no_predictions(roles, len(index.classes)), SecondLook()
    predictions, look = Predictions(said.logits, roles), SecondLook(said.view_logits)
    if said.directions is not None:
        search = search_by_torch(device)
        look = with_neighbours(look, said.directions, index.labels, predictions, search)
    return predictions, look


def maps_of_mistakes(
    model: "nn.Module",
    normalize: "Callable[[Tensor], Tensor]",
    images: np.ndarray,
    labels: np.ndarray,
    predictions: Predictions,
    count: int,
) -> GradcamMaps:
    """Return what speaks for the most confident mistakes of a run on its own test images."""
    from study.models.gradcam import gradcam_of_last_stages
    from study.models.gradcam_layers import NoMaps

    mistakes = predictions.confident_mistakes(labels, "test")[:count]
    if not len(mistakes):
        return no_maps()
    explain = partial(gradcam_of_last_stages, model, normalize, images[mistakes])
    try:
        return explained(mistakes, predictions, labels, explain)
    except NoMaps as error:
        return no_maps(why_none=str(error))


@memory_advice()
def main(arguments: argparse.Namespace) -> None:
    """Write the predictions and the maps."""
    record, index = read_json(arguments.run), index_of_splits(arguments.index, arguments.splits)
    images = read_array(arguments.images)
    roles = roles_in_run(len(images), roles_of(arguments.splits))
    if record["status"] == "diverged":
        save_predictions(arguments.output, no_predictions(roles, len(record["classes"])))
        save_maps(arguments.maps, no_maps())
        return

    # After the cheap checks: importing torch takes seconds.
    device = take_device(arguments.gpus, arguments.threads)
    from study.models.inference import Normalize, load_model

    model = load_model(arguments.weights, record, device)
    normalize = Normalize(**record["recipe"]["normalize"]).to(device)
    predictions, look = answers(
        *(model, normalize, images, index, roles, record["recipe"]),
        views=arguments.views,
        neighbours=arguments.neighbours,
    )
    maps = maps_of_mistakes(
        *(model, normalize, images, index.labels, predictions), count=arguments.explain
    )
    save_maps(arguments.maps, maps)
    save_predictions(arguments.output, predictions, look)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", required=True, help="array of all images, .npy")
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument(
        "--splits", required=True, nargs="+", help="splits of the combo's partitions, .csv"
    )
    parser.add_argument("--weights", required=True, help="the run's weights, .safetensors")
    parser.add_argument("--run", required=True, help="record of the run, .json")
    device_options(parser)
    parser.add_argument(
        "--explain",
        type=int,
        default=10,
        help="how many of the most confident mistakes get maps of Grad-CAM (default: %(default)s)",
    )
    parser.add_argument(
        "--views",
        action="store_true",
        help="look at mirrored and shifted images too, where the recipe's training did",
    )
    parser.add_argument(
        "--neighbours",
        action="store_true",
        help="say which training images the network sees as like an image",
    )
    parser.add_argument("--maps", required=True, help="maps to write, .npz")
    parser.add_argument("--output", required=True, help="predictions to write, .npz")
    run_script(parser, main)
