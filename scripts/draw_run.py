#!/usr/bin/env python
"""Draw one run: its confusion matrix, learning curves, most confident mistakes and Grad-CAM."""

import argparse

import numpy as np

from study.data.index import Index, read_index
from study.files import read_array, read_json, read_table
from study.job import run_script
from study.report.plots.confusion import confusion_matrix_figure
from study.report.plots.gradcam import gradcam_figure
from study.report.plots.runs import curves_figure, mistakes_figure
from study.report.plots.style import Figure, message_figure, save_figure
from study.runs.confusion import confusion
from study.runs.gradcam_maps import GradcamMaps, load_maps
from study.runs.history import read_history
from study.runs.predictions import Predictions, load_predictions


def figure_of_maps(
    maps: GradcamMaps, predictions: Predictions, index: Index, images: np.ndarray, title: str
) -> Figure:
    """Return the figure of a run's maps, or one that says why there are none."""
    if maps.why_none:
        return message_figure(f"{title}: {maps.why_none}")
    mistakes = predictions.confident_mistakes(index.labels, "test")
    on = f"{predictions.has_role('test').sum():,} test images"
    if not len(maps.image_ids):
        return message_figure(f"{title}: no mistakes on {on}")
    shown = f"the {len(maps.image_ids)} most confident of {len(mistakes):,} mistakes on {on}"
    title = f"{title}: Grad-CAM of {shown}"
    return gradcam_figure(images[maps.image_ids], maps, index.classes, title)


def main(arguments: argparse.Namespace) -> None:
    """Write the four figures."""
    metrics, title = read_json(arguments.metrics), arguments.title
    record = read_json(arguments.run)
    kept_epoch = None if record["status"] == "diverged" else record["kept_epoch"]
    if "imported" in record:
        curves = message_figure(f"{title}: its predictions were made elsewhere")
    else:
        curves = curves_figure(read_history(arguments.history), kept_epoch, title)
    save_figure(curves, arguments.curves)
    if metrics["status"] == "diverged":
        why = (
            "its answers are no finite numbers"
            if record["status"] == "ok"
            else "the training diverged"
        )
        for path in (arguments.confusion_matrix, arguments.mistakes, arguments.gradcam):
            save_figure(message_figure(f"{title}: {why}"), path)
        return
    index, predictions = read_index(arguments.index), load_predictions(arguments.predictions)
    test = predictions.has_role("test")
    predicted = predictions.log_probabilities().argmax(axis=1)
    matrix = confusion(index.labels[test], predicted[test], len(index.classes))
    save_figure(confusion_matrix_figure(matrix, index.classes, title), arguments.confusion_matrix)
    wrong = read_table(arguments.misclassified)
    images = read_array(arguments.images)
    figure = mistakes_figure(wrong, images, metrics["n"], title, arguments.count)
    save_figure(figure, arguments.mistakes)
    maps = load_maps(arguments.maps)
    save_figure(figure_of_maps(maps, predictions, index, images, title), arguments.gradcam)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--predictions", required=True, help="the run's predictions, .npz")
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument("--images", required=True, help="array of all images, .npy")
    parser.add_argument("--maps", required=True, help="Grad-CAM's maps of the run, .npz")
    parser.add_argument("--metrics", required=True, help="metrics of the run, .json")
    parser.add_argument(
        "--misclassified", required=True, help="wrong test images of the run, surest first, .csv"
    )
    parser.add_argument(
        "--history", required=True, help="how the run learnt: one row per epoch, .csv"
    )
    parser.add_argument("--run", required=True, help="record of the run, .json")
    parser.add_argument("--title", required=True, help="name of the run")
    parser.add_argument(
        "--count", type=int, default=20, help="how many mistakes are shown (default: %(default)s)"
    )
    parser.add_argument(
        "--mistakes", required=True, help="figure to write: the first mistakes, .svg or .png"
    )
    parser.add_argument(
        "--curves", required=True, help="figure to write: loss and accuracy by epoch, .svg or .png"
    )
    parser.add_argument(
        "--gradcam", required=True, help="figure to write: Grad-CAM's maps, .svg or .png"
    )
    parser.add_argument("--confusion-matrix", required=True, help="figure to write, .svg or .png")
    run_script(parser, main)
