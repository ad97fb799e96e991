#!/usr/bin/env python
"""Say which differences between combos and between models are real, where the spread comes from and what more data brings."""

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from study.comparison.scaling import Scaling
from study.comparison.tables import (
    Study,
    agreements,
    answers,
    calibrations,
    comparisons,
    scalings,
    variances,
    worths,
)
from study.data.index import read_index
from study.data.names import OFFICIAL
from study.data.splits import read_split, union
from study.files import read_json, write_text
from study.job import run_script
from study.report.plots.comparisons import (
    calibration_figure,
    comparisons_figure,
    scaling_figure,
    variance_figure,
)
from study.report.plots.style import message_figure, save_figure
from study.report.tables import html_page, write_table
from study.runs.legacy import read_runs, run_folder
from study.runs.predictions import load_predictions
from study.runs.run import n_of


def main(arguments: argparse.Namespace) -> None:
    """Write the tables, the pages and the figures."""
    index = read_index(arguments.index)
    listed = read_runs(arguments.runs)
    runs, n_train, tests = {}, {}, {}
    for row in listed.itertuples():
        folder = run_folder(arguments.folder, row.combo, row.model, row.seed)
        n_train[row.combo] = read_json(folder / "run.json")["n_train"]
        predictions = load_predictions(folder / "predictions.npz")
        if predictions.diverged:
            continue
        if row.combo == OFFICIAL:
            test = np.flatnonzero(predictions.has_role("test"))
        else:
            if row.seed not in tests:
                splits = [
                    Path(arguments.splits, name, f"seed{row.seed}.csv")
                    for name in arguments.partitions
                ]
                tests[row.seed] = union([read_split(path) for path in splits], "test")
            test = tests[row.seed]
        temperature = read_json(folder / "metrics.json")["temperature"]
        runs[row.combo, row.model, row.seed] = answers(predictions, test, index.labels, temperature)
    names = (list(dict.fromkeys(listed[column])) for column in ("combo", "model", "seed"))
    study = Study(runs, *names, arguments.partitions)

    pairs, groups, power = comparisons(study, arguments.draws, arguments.precision)
    scaling, fits = scalings(study, n_train, arguments.draws)
    bins = calibrations(study)
    tables = {
        "comparisons": pairs,
        "groups": groups,
        "power": power,
        "variance": variances(study),
        "scaling": scaling,
        "agreement": agreements(study),
        "shapley": worths(study, index.labels, index.classes),
        "calibration": calibration_table(bins),
    }
    for name, table in tables.items():
        write_table(Path(arguments.tables, f"{name}.csv"), table, "%.6g")

    accuracy = pairs[pairs["measure"] == "accuracy"]
    if len(accuracy):
        save_figure(comparisons_figure(accuracy), arguments.comparisons_figure)
    else:
        save_figure(
            message_figure("Nothing to compare: one combo and one model."),
            arguments.comparisons_figure,
        )
    save_figure(variance_or_reason(tables["variance"]), arguments.variance_figure)
    save_figure(scaling_or_reason(study, fits, n_train), arguments.scaling_figure)
    save_figure(
        calibration_figure(
            bins, "Accuracy of answers by their confidence: all runs of a model, on test images"
        )
        if bins
        else message_figure("No calibration: all runs diverged."),
        arguments.calibration_figure,
    )
    seeds = len(study.seeds)
    decided = int((accuracy["verdict"] != "undecided").sum()) if len(accuracy) else 0
    write_text(
        arguments.page,
        html_page(
            accuracy.drop(columns="measure"),
            f"{decided} of {len(accuracy)} differences of accuracy are real",
            f"{n_of(len(runs), len(listed))}. "
            "difference is b less a, on the same test images of each seed. low and high: 95 % interval of Student's t over seeds, with "
            "the noise of all groups in the family: what other seeds and test images might give; never narrower than what the test images alone leave open. seeds: the pair's own paired t "
            "interval. two_level: bootstrap over seeds and images, too narrow where few seeds differ much. images: bootstrap over "
            "images, for these trained models alone. p_holm is adjusted over the pairs of a family; verdict names the better one at 5 %. "
            + (
                "With one seed nothing is known of other seeds: the intervals are those over images, for these trained models."
                if seeds == 1
                else ""
            ),
        ),
    )


def calibration_table(
    bins: Mapping[str, Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]]],
) -> pd.DataFrame:
    """Return what the calibration figure shows: a row a model, state (before or after temperature scaling) and bin."""
    rows = [
        (model, state, *values)
        for model, states in bins.items()
        for state, of_bins in states.items()
        for values in zip(*of_bins, strict=True)
    ]
    return pd.DataFrame(rows, columns=["model", "state", "n", "confidence", "accuracy"])


def variance_or_reason(components: pd.DataFrame) -> Figure:
    """Return the figure of where the spread comes from, or why there is none."""
    if components.empty or components["sd"].isna().all():
        return message_figure(
            "Where the spread comes from is unknown: it takes several partitions as combos, or several seeds."
        )
    partition = components[(components["source"] == "partition") & components["p"].notna()]
    found = ", ".join(f"p = {row.p:.2g} ({row.model})" for row in partition.itertuples())
    return variance_figure(
        components,
        f"Do partitions of equal size differ beyond their seeds? {found}"
        if found
        else "Spread of accuracy by its sources",
    )


def scaling_or_reason(
    study: Study, fits: Mapping[str, Scaling], n_train: Mapping[str, int]
) -> Figure:
    """Return the scaling figure, or why there is none."""
    if not fits:
        return message_figure("No data scaling: the study has combos of one size only.")
    points = {}
    for model in fits:
        runs = [
            (n_train[combo], 1 - run.values["accuracy"].mean())
            for (combo, m, _), run in study.runs.items()
            if m == model and combo != OFFICIAL
        ]
        n, error = np.array(runs).T
        points[model] = n.astype(int), error
    gains = ", ".join(f"{1 - 2**-fit.exponent:.0%} ({model})" for model, fit in fits.items())
    title = f"Twice the training images: less error by {gains}"
    return scaling_figure(points, {model: fit.error for model, fit in fits.items()}, title)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", required=True, help="list of runs: combo, model, seed, .csv")
    parser.add_argument(
        "--folder", required=True, help="where runs lie as <combo>/<model>/seed<seed>/"
    )
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument(
        "--splits", required=True, help="folder of splits, <partition>/seed<seed>.csv"
    )
    parser.add_argument("--partitions", required=True, nargs="+", help="names of all partitions")
    parser.add_argument(
        "--draws", type=int, default=2000, help="of each bootstrap (default: %(default)s)"
    )
    parser.add_argument(
        "--precision",
        type=float,
        default=0.005,
        help="half-width of a difference's interval to plan for (default: %(default)s)",
    )
    parser.add_argument(
        "--tables",
        required=True,
        help="folder to write comparisons, groups, power, variance, scaling, agreement, shapley and calibration to, .csv",
    )
    parser.add_argument("--page", required=True, help="page of comparisons to write, .html")
    parser.add_argument("--comparisons-figure", required=True, help="figure to write, .svg or .png")
    parser.add_argument("--variance-figure", required=True, help="figure to write, .svg or .png")
    parser.add_argument("--scaling-figure", required=True, help="figure to write, .svg or .png")
    parser.add_argument("--calibration-figure", required=True, help="figure to write, .svg or .png")
    run_script(parser, main)
