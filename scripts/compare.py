#!/usr/bin/env python
"""Say which differences between combos and models are real, and where the spread comes from."""

import argparse
from pathlib import Path

import numpy as np

from study.comparison.answers import read_study
from study.comparison.roc import mean_curves
from study.comparison.scaling import errors_by_size
from study.comparison.tables import comparison_tables
from study.data.index import read_duplicates, read_index
from study.data.names import EXTERNAL
from study.files import write_table, write_text
from study.job import run_script
from study.report.imported import imported_notes
from study.report.plots.calibration import calibration_figure
from study.report.plots.comparisons import comparisons_figure, scaling_figure, variance_figure
from study.report.plots.roc import roc_figure
from study.report.plots.style import save_figure
from study.report.tables import html_page
from study.runs.run import n_of
from study.wording import real_differences

_ABOUT = (
    "Differences between combos of a model, and between models on a combo. With fewer than five "
    "seeds the noise is that of all pairs of the same kind: combos of these sizes, or these models "
    "on combos of this size. Where seeds split the same images again, low and high say nothing of "
    "other images; new_images_low and new_images_high do. Where each image is tested equally often "
    "(on official, and with whole rounds of folds), both are the same. "
)
_GROUPED = "Images belong together in groups; intervals over images are over groups. "
_ONE_SEED = (
    "With one seed nothing is known of other seeds: the intervals are those over images, for "
    "these trained models."
)


def main(arguments: argparse.Namespace) -> None:
    """Write the tables, the page and the figures."""
    index = read_index(arguments.index)
    external = index.publishers_test if arguments.external_test else None
    study, outside = read_study(
        *(arguments.runs, index.labels, arguments.partitions),
        *(index.groups, external, index.left_out, read_duplicates(arguments.duplicates)),
    )
    tables = comparison_tables(study, outside, index.classes, arguments.precision)
    for path in arguments.tables:
        write_table(path, tables[Path(path).stem], "%.6g")
    pairs = tables["comparisons"]
    accuracy = pairs[pairs["measure"] == "accuracy"]
    for figure, path in (
        (comparisons_figure(accuracy), arguments.comparisons_figure),
        (variance_figure(tables["variance"]), arguments.variance_figure),
        (scaling_figure(errors_by_size(study), tables["scaling"]), arguments.scaling_figure),
        (calibration_figure(tables["calibration"]), arguments.calibration_figure),
    ):
        save_figure(figure, path)
    labels = index.labels[index.kept]
    shares = np.bincount(labels, minlength=len(index.classes)) / len(labels)
    for path in arguments.roc_figures:
        model = Path(path).stem
        save_figure(roc_figure(model, mean_curves(study, model), index.classes, shares), path)
    decided = (accuracy["verdict"] != "undecided").sum()
    n_runs = n_of(sum(map(len, study.groups.values())), len(study.runs))
    shown = pairs[pairs["measure"].isin(["accuracy", f"{EXTERNAL}_accuracy"])]
    about = _ABOUT + ("" if index.groups is None else _GROUPED)
    about += " ".join([_ONE_SEED if len(study.seeds) == 1 else "", *imported_notes(study.runs)])
    page = html_page(
        shown if outside else shown.drop(columns="measure"),
        real_differences(decided, len(accuracy)),
        f"{n_runs}. {about}",
        of="comparisons/comparisons.csv",
    )
    write_text(arguments.page, page)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--runs",
        required=True,
        help="list of runs, .csv; runs and common tests lie beside it",
    )
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument(
        "--duplicates", required=True, help="pairs of images that are nearly the same, .csv"
    )
    parser.add_argument("--partitions", required=True, nargs="+", help="names of all partitions")
    parser.add_argument(
        "--external-test",
        action="store_true",
        help="compare runs on the publisher's test images too, on which no run trained",
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
        nargs="+",
        help="tables to write, named comparisons, groups, power, variance, scaling, agreement, "
        "calibration or roc, .csv",
    )
    parser.add_argument("--page", required=True, help="page of comparisons to write, .html")
    parser.add_argument("--comparisons-figure", required=True, help="figure to write, .svg or .png")
    parser.add_argument("--variance-figure", required=True, help="figure to write, .svg or .png")
    parser.add_argument("--scaling-figure", required=True, help="figure to write, .svg or .png")
    parser.add_argument("--calibration-figure", required=True, help="figure to write, .svg or .png")
    parser.add_argument(
        "--roc-figures", required=True, nargs="+", help="figures to write, <model>.svg"
    )
    run_script(parser, main)
