#!/usr/bin/env python
"""Measure one run on its own test split, on the common test and on every image that it may judge."""

import argparse

import numpy as np
import pandas as pd

from study.data.index import read_index
from study.data.near_duplicates import read_duplicates
from study.data.partitions import read_split, union
from study.errors import StudyError
from study.files import file_digest, read_json, write_json, write_text
from study.job import run_script
from study.report.plots.images import captioned_images_figure
from study.report.plots.runs import confusion_matrix_figure, curves_figure, learning_finding
from study.report.plots.style import message_figure, save_figure
from study.report.tables import write_table
from study.runs.calibration import fit_temperature
from study.runs.history import read_history
from study.runs.metrics import (
    METRICS,
    calibrated_metrics,
    classification_metrics,
    confusion,
    report_by_class,
    text_report,
)
from study.runs.predictions import load_predictions

_NOTHING = {"n": 0, "class_accuracy": {}} | dict.fromkeys(METRICS)
_MISCLASSIFIED = ["image_id", "file", "true", "pred", "confidence"]


def write_diverged(arguments: argparse.Namespace) -> None:
    """Write files that say that there is nothing to measure, for those who read the results of all runs alike."""
    nothing = {"n": 0, "overall_accuracy": None}
    metrics = {"status": "diverged"} | _NOTHING | {"common_test": _NOTHING, "temperature": None}
    metrics |= dict.fromkeys(("train", "val", "out_of_sample"), nothing)
    write_json(
        arguments.metrics, metrics | {"sha256": {"predictions": file_digest(arguments.predictions)}}
    )
    write_text(arguments.report, "The training diverged: no predictions.\n")
    write_json(
        arguments.classification_report,
        {"status": "diverged", "accuracy": None, "classification_report": None},
    )
    write_table(arguments.misclassified, pd.DataFrame(columns=_MISCLASSIFIED))
    for path in (arguments.confusion_matrix, arguments.mistakes):
        save_figure(message_figure(f"{arguments.title}: the training diverged"), path)


def draw_curves(arguments: argparse.Namespace, diverged: bool) -> None:
    """Write the figure of how the run learnt, as far as it did."""
    history = read_history(arguments.history)
    if diverged:
        kept_epoch, finding = None, f"the training diverged in epoch {len(history) + 1}"
    else:
        kept_epoch = read_json(arguments.run)["kept_epoch"]
        finding = learning_finding(history, kept_epoch)
    title = f"{arguments.title}: {finding}"
    save_figure(
        message_figure(title) if history.empty else curves_figure(history, kept_epoch, title),
        arguments.curves,
    )


def draw_mistakes(arguments: argparse.Namespace, wrong: pd.DataFrame, n: int) -> None:
    """Write the sheet of the first rows of the table of misclassified images, of n images of the test split."""
    if wrong.empty:
        figure = message_figure(f"{arguments.title}: no mistakes on {n:,} test images")
    else:
        shown = wrong.head(arguments.count)
        figure = captioned_images_figure(
            np.load(arguments.images, mmap_mode="r")[shown["image_id"]],
            [
                f"image {row.image_id}\ntrue {row.true}\npredicted {row.pred} {row.confidence:.1%}"
                for row in shown.itertuples()
            ],
            f"{arguments.title}: the {len(shown)} most confident of {len(wrong):,} mistakes on {n:,} test images",
        )
    save_figure(figure, arguments.mistakes)


def main(arguments: argparse.Namespace) -> None:
    """Write metrics, reports, the misclassified images and the confusion matrix of one run."""
    index = read_index(arguments.index)
    predictions = load_predictions(arguments.predictions)
    if len(predictions.logits) != len(index.labels):
        raise StudyError(
            f"{arguments.predictions} has {len(predictions.logits)} images and {arguments.index} {len(index.labels)}; "
            "predict again with this data set"
        )
    if predictions.diverged:
        write_diverged(arguments)
        draw_curves(arguments, diverged=True)
        return
    log_probabilities = predictions.log_probabilities()
    predicted = log_probabilities.argmax(axis=1)
    own, val = (np.flatnonzero(predictions.has_role(role)) for role in ("test", "val"))
    common = union([read_split(path) for path in arguments.splits], "test")
    if len(own) == 0:
        raise StudyError(
            "the test split is empty; give 'split.test' a larger share or the partition more images"
        )
    temperature = fit_temperature(predictions.logits[val], index.labels[val]) if len(val) else None

    def measured(image_ids: np.ndarray) -> dict:
        labels = index.labels[image_ids]
        metrics = _NOTHING | classification_metrics(
            log_probabilities[image_ids], labels, index.classes
        )
        if temperature is not None:
            metrics |= calibrated_metrics(predictions.logits[image_ids], labels, temperature)
        return metrics

    def accuracy(mask: np.ndarray) -> dict:
        right = (predicted == index.labels)[mask]
        return {"n": len(right), "overall_accuracy": float(right.mean()) if len(right) else None}

    # The combo official trains on images of the common test: its score there would say nothing.
    comparable = not predictions.has_role("train", "val")[common].any()
    metrics = (
        {"status": "ok"}
        | measured(own)
        | {"common_test": measured(common) if comparable else _NOTHING}
    )
    metrics |= {role: accuracy(predictions.has_role(role)) for role in ("train", "val")}
    metrics["out_of_sample"] = accuracy(
        predictions.may_judge(read_duplicates(arguments.duplicates))
    )
    metrics["temperature"] = temperature
    metrics["sha256"] = {"predictions": file_digest(arguments.predictions)}
    labels, answers = index.labels[own], predicted[own]
    matrix = confusion(labels, answers, len(index.classes))
    image_ids = predictions.confident_mistakes(index.labels, "test")
    names = np.array(index.classes)
    wrong = pd.DataFrame(
        {
            "image_id": image_ids,
            "file": [index.files[i] for i in image_ids],
            "true": names[index.labels[image_ids]],
            "pred": names[predicted[image_ids]],
            "confidence": np.exp(log_probabilities[image_ids].max(axis=1)),
        }
    )

    write_json(arguments.metrics, metrics)
    write_text(arguments.report, text_report(metrics, matrix))
    write_json(arguments.classification_report, report_by_class(labels, answers, index.classes))
    write_table(arguments.misclassified, wrong, "%.6f")
    draw_curves(arguments, diverged=False)
    draw_mistakes(arguments, wrong, len(own))
    title = (
        f"{arguments.title}: {metrics['overall_accuracy']:.1%} of {len(own):,} test images right"
    )
    save_figure(confusion_matrix_figure(matrix, index.classes, title), arguments.confusion_matrix)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--predictions", required=True, help="the run's predictions, .npz")
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument(
        "--splits",
        required=True,
        nargs="+",
        help="splits of all partitions, .csv; their tests are the common test",
    )
    parser.add_argument(
        "--duplicates", required=True, help="pairs of images that are nearly the same, .csv"
    )
    parser.add_argument("--history", required=True, help="how the run learnt: a row an epoch, .csv")
    parser.add_argument("--run", required=True, help="record of the run, .json")
    parser.add_argument("--images", required=True, help="array of all images, .npy")
    parser.add_argument("--title", required=True, help="name of the run, for the figures")
    parser.add_argument(
        "--count", type=int, default=20, help="how many mistakes are shown (default: %(default)s)"
    )
    parser.add_argument("--metrics", required=True, help="metrics to write, .json")
    parser.add_argument("--report", required=True, help="plain-text report to write, .txt")
    parser.add_argument(
        "--classification-report", required=True, help="report by class to write, .json"
    )
    parser.add_argument(
        "--misclassified",
        required=True,
        help="table to write: wrong test images, surest first, .csv",
    )
    parser.add_argument(
        "--mistakes", required=True, help="figure to write: the first of them, .svg or .png"
    )
    parser.add_argument(
        "--curves", required=True, help="figure to write: loss and accuracy by epoch, .svg or .png"
    )
    parser.add_argument("--confusion-matrix", required=True, help="figure to write, .svg or .png")
    run_script(parser, main)
