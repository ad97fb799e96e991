#!/usr/bin/env python
"""Bring all runs together: a table of runs, a table of groups over seeds, pages and figures."""

import argparse
from pathlib import Path

import pandas as pd

from study.comparison.groups import group_rows, recall_table
from study.data.names import EXTERNAL
from study.files import read_table, write_table, write_text
from study.job import run_script
from study.report.imported import imported_notes
from study.report.plots.accuracy import (
    accuracy_by_combo_figure,
    recall_figure,
)
from study.report.plots.costs import cost_figure, cost_table, resources_figure, resources_table
from study.report.plots.style import message_figure, save_figure
from study.report.tables import html_page
from study.runs.run import n_of, read_runs
from study.runs.summary import multiply_adds_of, summary_table
from study.wording import combos_and_models

_GROUP = ["combo", "model"]
# Numbers that are unknown of imported models.
_WHOLE = ["n_train", "n_val", "parameters", "multiply_adds"]
_COMPARED = [
    *_GROUP, "letters_of_combos", "letters_of_models", "images_low", "images_high",
    "new_images_low", "new_images_high",
]  # fmt: skip
_SHOWN = [
    *_GROUP, "seed", "status", "n_train", "parameters", "common_test_accuracy", "test_accuracy",
    "macro_f1", "auroc", "nll", "ece", "temperature", "ece_scaled", "epochs", "train_seconds",
    "device",
]  # fmt: skip
_SHOWN_OF_GROUPS = [
    *_GROUP, "n", "n_runs",
    *(f"common_test_accuracy_{part}" for part in ("mean", "sd", "low", "high")),
    "letters_of_combos", "letters_of_models", "test_accuracy_mean", "test_accuracy_sd",
    "out_of_sample_accuracy_mean", "macro_f1_mean", "auroc_mean", "nll_mean", "brier_mean",
    "ece_mean",
]  # fmt: skip
_ABOUT_RUNS = """\
Compare combos by common_test_accuracy: every run of a seed on partitions is scored on the same
images, which none of these trained on. The measures from macro_f1 to ece_scaled are on these images
too; for the combo official they are on its own test. summary.csv has all columns."""
_ABOUT_GROUPS = """\
Each row is a combo and model over its seeds: mean, standard deviation (sd), and low and high, the
ends of the 95 % t-interval of the mean. summary_by_group.csv has all columns."""


def group_table(summary: pd.DataFrame, compared: str) -> pd.DataFrame:
    """Return one row per combo and model: statistics over seeds, letters and intervals."""
    letters = read_table(compared)[_COMPARED]
    return pd.DataFrame(group_rows(summary)).merge(letters, on=_GROUP, how="left")


def draw(
    summary: pd.DataFrame, groups: pd.DataFrame, baselines: pd.DataFrame, figure: Path
) -> None:
    """Write the figures, and beside them the tables of what they show."""
    save_figure(accuracy_by_combo_figure(summary, groups, baselines), figure)
    models = list(summary["model"].unique())
    recalls, costs = recall_table(summary), cost_table(summary)
    used = resources_table(summary)
    nothing = message_figure("Every training diverged or was elsewhere: there is nothing to draw.")
    for name, table, drawn in (
        (
            "recall_by_class",
            recalls.reset_index(),
            recall_figure(recalls) if len(recalls) else nothing,
        ),
        (
            "cost",
            costs,
            cost_figure(costs, models) if len(costs) else nothing,
        ),
        ("resources", used, resources_figure(used) if len(used) else nothing),
    ):
        write_table(figure.with_name(f"{name}.csv"), table, "%.6g")
        save_figure(drawn, figure.with_name(f"{name}.svg"))


def _with_external(shown: list[str], table: pd.DataFrame, *measures: str) -> list[str]:
    """Return the columns to show, with measures on a user's test images if there are any."""
    more = [name.replace("test_", f"{EXTERNAL}_", 1) for name in measures]
    at = shown.index(measures[0])
    return [*shown[:at], *(name for name in more if name in table), *shown[at:]]


def main(arguments: argparse.Namespace) -> None:
    """Write groups, pages and figures; last the table of runs, which stands for the whole study."""
    runs = read_runs(arguments.runs)
    one_of_each = {run.model: run for run in runs}
    multiply_adds = {model: multiply_adds_of(run) for model, run in one_of_each.items()}
    summary = summary_table(runs, multiply_adds)
    groups = group_table(summary, arguments.compared)
    write_table(arguments.groups, groups, "%.6f")
    draw(summary, groups, read_table(arguments.baselines), Path(arguments.figure))
    n_runs = n_of(int((summary["status"] != "diverged").sum()), len(summary))
    shown = _with_external(_SHOWN, summary, "test_accuracy")
    about = "\n".join([_ABOUT_RUNS, *imported_notes(runs)])
    write_text(arguments.page, html_page(summary[shown], n_runs, about, of="summary.csv"))
    title = f"{combos_and_models(len(groups))} over seeds: {n_runs}"
    shown = _with_external(_SHOWN_OF_GROUPS, groups, "test_accuracy_mean", "test_accuracy_sd")
    write_text(
        arguments.groups_page,
        html_page(groups[shown], title, _ABOUT_GROUPS, of="summary_by_group.csv"),
    )
    whole = {name: summary[name].astype("Int64") for name in _WHOLE}
    write_table(arguments.output, summary.assign(**whole), "%.6f")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--runs", required=True, help="list of runs, .csv, beside the folders runs and models"
    )
    parser.add_argument(
        "--compared",
        required=True,
        help="letters and intervals of each combo and model, .csv",
    )
    parser.add_argument(
        "--baselines", required=True, help="accuracies that need no network, by combo, .csv"
    )
    parser.add_argument(
        "--groups", required=True, help="table to write: one row per combo and model, .csv"
    )
    parser.add_argument(
        "--groups-page", required=True, help="page to write with the table of groups, .html"
    )
    parser.add_argument("--page", required=True, help="page to write with the table of runs, .html")
    parser.add_argument(
        "--figure",
        required=True,
        help="figure to write: accuracy by combo, .svg or .png; further figures go beside it",
    )
    parser.add_argument("--output", required=True, help="table to write: one row per run, .csv")
    run_script(parser, main)
