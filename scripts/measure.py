#!/usr/bin/env python
"""Measure one run: on its own test split, the common test and every image that it may judge."""

import argparse

import numpy as np

from study.data.index import Index, read_duplicates, read_image_ids, read_index
from study.errors import StudyError
from study.files import file_digest, write_csv, write_json, write_text
from study.job import run_script
from study.runs.confusion import confusion
from study.runs.metrics import report_by_class, run_metrics, text_report
from study.runs.predictions import Predictions, load_predictions

_MISCLASSIFIED = ("image_id", "file", "true", "pred", "confidence")


def read_inputs(arguments: argparse.Namespace) -> tuple[Index, Predictions]:
    """Return the table of all images, and the predictions if they fit to it and can be measured."""
    index = read_index(arguments.index)
    predictions = load_predictions(arguments.predictions)
    if len(predictions.logits) != len(index.labels):
        raise StudyError(
            f"{arguments.predictions} has {len(predictions.logits)} images and {arguments.index} "
            f"{len(index.labels)}; predict again with this data set"
        )
    if not (predictions.diverged or predictions.has_role("test").any()):
        raise StudyError(
            "the test split is empty; give 'split.test' a larger share or the partition more images"
        )
    return index, predictions.without(index.left_out)


def main(arguments: argparse.Namespace) -> None:
    """Write metrics, reports and the misclassified images of one run."""
    index, predictions = read_inputs(arguments)
    metrics = run_metrics(
        predictions,
        index.labels,
        index.classes,
        read_image_ids(arguments.common_test),
        read_duplicates(arguments.duplicates),
        index.publishers_test if arguments.external_test else None,
        index.groups,
    )
    metrics["sha256"] = {"predictions": file_digest(arguments.predictions)}
    write_json(arguments.metrics, metrics)
    mistakes = []
    if predictions.diverged:
        report = "The training diverged, or answers are no finite numbers: no predictions.\n"
        by_class = {"status": "diverged", "accuracy": None, "classification_report": None}
    else:
        log_probabilities = predictions.log_probabilities()
        test, predicted = predictions.has_role("test"), log_probabilities.argmax(axis=1)
        labels, answers = index.labels[test], predicted[test]
        matrix = confusion(labels, answers, len(index.classes))
        report, by_class = text_report(metrics, matrix), report_by_class(matrix, index.classes)
        for i in predictions.confident_mistakes(index.labels, "test"):
            names = index.classes[index.labels[i]], index.classes[predicted[i]]
            confidence = np.exp(log_probabilities[i].max())
            mistakes.append((i, index.files[i], *names, f"{confidence:.6f}"))
    write_text(arguments.report, report)
    write_json(arguments.classification_report, by_class)
    write_csv(arguments.misclassified, _MISCLASSIFIED, mistakes)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--predictions", required=True, help="the run's predictions, .npz")
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument("--common-test", required=True, help="common test of the run's seed, .csv")
    parser.add_argument(
        "--duplicates", required=True, help="pairs of images that are nearly the same, .csv"
    )
    parser.add_argument(
        "--external-test", action="store_true", help="measure on the publisher's test images too"
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
    run_script(parser, main)
