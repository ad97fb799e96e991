#!/usr/bin/env python
"""Show which places of the hardest images speak for which class to a model (Grad-CAM)."""

import argparse
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from study.config.probes import NO_MAPS, is_probe
from study.data.index import read_index
from study.devices import memory_advice, take_device
from study.errors import StudyError
from study.files import read_array, read_table
from study.job import device_options, run_script
from study.report.plots.gradcam import gradcam_figure
from study.report.plots.style import message_figure, save_figure
from study.runs.gradcam_maps import GradcamMaps, explained, no_maps, save_maps
from study.runs.predictions import ROLE_CODES
from study.runs.run import ACCURACY, Run, best_run, finished, read_runs

if TYPE_CHECKING:
    import torch


def chosen_run(runs: list[Run]) -> tuple[Run | None, str]:
    """Return the run of a model that is shown, with its name and why: the best one, or the first.

    The first stands in where no run has validation images: test images choose nothing.
    """
    model = runs[0].model
    usable, _ = finished(runs)
    if not usable:
        return None, model
    if best := best_run(usable):
        accuracy = best.metrics["val"][ACCURACY]
        why = f"validation accuracy {accuracy:.1%}"
        return best, f"{model}'s best run ({best.combo}, seed {best.seed}, {why})"
    first = usable[0]
    why = "no run has validation images to choose by"
    return first, f"{model}'s first run ({first.combo}, seed {first.seed}; {why})"


def maps_of(
    run: Run, images: np.ndarray, image_ids: np.ndarray, labels: np.ndarray, device: "torch.device"
) -> GradcamMaps:
    """Return the maps of the run's model for the class that it predicted and for the true one.

    Args:
        run: that has a network.
        images: uint8, n×H×W×3.
        image_ids: int64, n; of these images.
        labels: int64, of all images.
        device: what to compute on.

    Raises:
        NoMaps: the network is not of the kind that has maps.
        StudyError: the weights are not the run's.
    """
    from study.models.gradcam import gradcam_of_last_stages
    from study.models.inference import Normalize, load_model

    model = load_model(run.folder / "model.safetensors", run.record, device)
    normalize = Normalize(**run.record["recipe"]["normalize"]).to(device)
    explain = partial(gradcam_of_last_stages, model, normalize, images)
    return explained(image_ids, run.predictions(), labels, explain, run.combo, run.seed)


@memory_advice()
def main(arguments: argparse.Namespace) -> None:
    """Write Grad-CAM's maps and a figure of them."""
    index = read_index(arguments.index)
    runs = [run for run in read_runs(arguments.runs) if run.model == arguments.model]
    if not runs:
        raise StudyError(f"{arguments.runs}: no run of {arguments.model}; list the runs again")
    hardest = read_table(arguments.top_table)["image_id"].to_numpy(np.int64)
    image_ids = hardest[: arguments.count]
    run, who = chosen_run(runs)
    maps, figure = no_maps(run.combo, run.seed) if run else no_maps(), None
    if run is None:
        what = "all its runs diverged"
    elif is_probe(run.record["recipe"]):
        what = NO_MAPS
    elif not len(image_ids):
        what = "no run may judge any image, so none is known to be hard"
    else:
        # After the cheap checks: importing torch takes seconds.
        device = take_device(arguments.gpus, arguments.threads)
        from study.models.gradcam_layers import NoMaps

        images = read_array(arguments.images)[image_ids]
        try:
            maps = maps_of(run, images, image_ids, index.labels, device)
        except NoMaps as error:
            what = str(error)
        else:
            n_wrong = (maps.predicted != maps.true).sum()
            n_trained = (maps.roles == ROLE_CODES["train"]).sum()
            what = f"Grad-CAM of the {len(image_ids)} hardest images, {n_wrong} wrong, "
            what += f"{n_trained} trained on"
            figure = gradcam_figure(images, maps, index.classes, f"{who}: {what}")
    save_maps(arguments.maps, maps)
    save_figure(figure or message_figure(f"{who}: {what}"), arguments.figure)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", required=True, help="array of all images, .npy")
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument("--runs", required=True, help="list of runs, .csv")
    parser.add_argument("--model", required=True, help="the model whose best run sees the images")
    parser.add_argument(
        "--top-table", required=True, help="the hardest images, hardest first, .csv"
    )
    parser.add_argument(
        "--count", type=int, default=10, help="how many images are shown (default: %(default)s)"
    )
    device_options(parser)
    parser.add_argument("--maps", required=True, help="maps to write, .npz")
    parser.add_argument("--figure", required=True, help="figure to write, .svg or .png")
    run_script(parser, main)
