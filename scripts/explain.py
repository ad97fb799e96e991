#!/usr/bin/env python
"""Show for one run's most confident mistakes which places of the image spoke for the predicted and for the true class."""

import argparse

import numpy as np

from study.data.index import read_index
from study.devices import take_device
from study.files import read_json
from study.job import device_options, run_script
from study.report.plots.attribution import activation_maps_figure
from study.report.plots.style import message_figure, save_figure
from study.runs.gradcam_maps import no_maps, save_maps
from study.runs.predictions import load_predictions


def main(arguments: argparse.Namespace) -> None:
    """Write Grad-CAM's maps of the mistakes and a figure of them."""
    index = read_index(arguments.index)
    predictions = load_predictions(arguments.predictions)
    record = read_json(arguments.run)
    mistakes = predictions.confident_mistakes(index.labels, "test")
    shown = mistakes[: arguments.count]
    test_images = f"{predictions.has_role('test').sum():,} test images"
    title = f"{arguments.model} on {arguments.combo}, seed {record['seed']}"
    if len(shown):
        # After the cheap checks: importing torch takes seconds.
        device = take_device(arguments.gpus, arguments.threads)
        from study.models.gradcam import explain_run
        from study.models.gradcam_layers import NoMaps

        images = np.load(arguments.images, mmap_mode="r")
        try:
            maps = explain_run(
                arguments.combo,
                record,
                arguments.weights,
                predictions,
                images,
                index.labels,
                shown,
                device,
            )
            figure = activation_maps_figure(
                images[shown],
                maps,
                index.classes,
                f"{title}: Grad-CAM of the {len(shown)} most confident of {len(mistakes):,} mistakes on {test_images}",
            )
        except NoMaps as error:
            maps, figure = (
                no_maps(arguments.combo, record["seed"]),
                message_figure(f"{title}: {error}"),
            )
    else:
        maps = no_maps(arguments.combo, record["seed"])
        why = "the training diverged" if predictions.diverged else f"no mistakes on {test_images}"
        figure = message_figure(f"{title}: {why}")
    save_maps(arguments.maps, maps)
    save_figure(figure, arguments.figure)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", required=True, help="array of all images, .npy")
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument("--predictions", required=True, help="the run's predictions, .npz")
    parser.add_argument("--weights", required=True, help="the run's weights, .safetensors")
    parser.add_argument("--run", required=True, help="record of the run, .json")
    parser.add_argument("--model", required=True, help="name of the run's model")
    parser.add_argument("--combo", required=True, help="name of the combo that the run trained on")
    parser.add_argument(
        "--count", type=int, default=10, help="how many mistakes are shown (default: %(default)s)"
    )
    device_options(parser)
    parser.add_argument("--maps", required=True, help="maps to write, .npz")
    parser.add_argument("--figure", required=True, help="figure to write, .svg or .png")
    run_script(parser, main)
