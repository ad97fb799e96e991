#!/usr/bin/env python
"""Show for the hardest images which places spoke for the predicted and for the true class, in the eyes of a model's best run."""

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from study.data.index import read_index
from study.devices import take_device
from study.files import read_json
from study.job import device_options, run_script
from study.report.plots.attribution import activation_maps_figure
from study.report.plots.style import message_figure, save_figure
from study.runs.gradcam_maps import no_maps, save_maps
from study.runs.legacy import read_runs, run_folder
from study.runs.predictions import ROLE_CODES, load_predictions


class BestRun(NamedTuple):
    """The run of a model that scored highest, and by what."""

    combo: str
    seed: int
    accuracy: float
    measured_on: str


def best_run(runs: pd.DataFrame, folder: Path) -> BestRun | None:
    """Return the run with the highest accuracy on the common test, where none has one on its own; None if all diverged.

    The first of equals. The combo official has no score on the common test and another test of its own, so it is chosen only
    where the model has no other run.
    """
    for measured_on in ("the common test", "its test"):
        best = None
        for row in runs.itertuples():
            metrics = read_json(run_folder(folder, row.combo, row.model, row.seed) / "metrics.json")
            part = metrics["common_test"] if measured_on == "the common test" else metrics
            accuracy = part["overall_accuracy"]
            if accuracy is not None and (best is None or accuracy > best.accuracy):
                best = BestRun(row.combo, row.seed, accuracy, measured_on)
        if best is not None:
            return best
    return None


def main(arguments: argparse.Namespace) -> None:
    """Write Grad-CAM's maps of the hardest images and a figure of them."""
    index = read_index(arguments.index)
    runs = read_runs(arguments.runs)
    best = best_run(runs[runs["model"] == arguments.model], Path(arguments.folder))
    shown = pd.read_csv(arguments.top_table)["image_id"].head(arguments.count).to_numpy(np.int64)
    if best is None or len(shown) == 0:
        why = (
            "all its runs diverged"
            if best is None
            else "no run may judge any image, so none is known to be hard"
        )
        save_maps(arguments.maps, no_maps())
        save_figure(message_figure(f"{arguments.model}: {why}"), arguments.figure)
        return
    # After the cheap checks: importing torch takes seconds.
    device = take_device(arguments.gpus, arguments.threads)
    from study.models.gradcam import explain_run
    from study.models.gradcam_layers import NoMaps

    place = run_folder(arguments.folder, best.combo, arguments.model, best.seed)
    images = np.load(arguments.images, mmap_mode="r")
    try:
        maps = explain_run(
            best.combo,
            read_json(place / "run.json"),
            place / "model.safetensors",
            load_predictions(place / "predictions.npz"),
            images,
            index.labels,
            shown,
            device,
        )
    except NoMaps as error:
        save_maps(arguments.maps, no_maps())
        save_figure(message_figure(f"{arguments.model}: {error}"), arguments.figure)
        return
    wrong = int((maps.predicted != maps.true).sum())
    trained = int((maps.roles == ROLE_CODES["train"]).sum())
    title = (
        f"Grad-CAM of the {len(shown)} hardest images by {arguments.model}'s best run ({best.combo}, seed {best.seed}, "
        f"{best.accuracy:.1%} on {best.measured_on}): {wrong} wrong, {trained} trained on"
    )
    save_maps(arguments.maps, maps)
    save_figure(activation_maps_figure(images[shown], maps, index.classes, title), arguments.figure)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", required=True, help="list of runs: combo, model, seed, .csv")
    parser.add_argument(
        "--folder", required=True, help="where runs lie as <combo>/<model>/seed<seed>/"
    )
    parser.add_argument("--model", required=True, help="whose best run looks at the images")
    parser.add_argument(
        "--top-table", required=True, help="the hardest images, hardest first, .csv"
    )
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument("--images", required=True, help="array of all images, .npy")
    parser.add_argument(
        "--count", type=int, default=24, help="how many images are shown (default: %(default)s)"
    )
    device_options(parser)
    parser.add_argument("--maps", required=True, help="maps to write, .npz")
    parser.add_argument("--figure", required=True, help="figure to write, .svg or .png")
    run_script(parser, main)
