#!/usr/bin/env python
"""Bring all runs together: a table of runs, a table of groups over seeds, a page and a figure."""

import argparse
from pathlib import Path

import pandas as pd

from study.comparison.groups import group_row
from study.files import write_text
from study.job import run_script
from study.report.plots.accuracy import (
    accuracy_by_combo_figure,
    class_accuracy_figure,
    cost_figure,
    resources_figure,
)
from study.report.plots.style import message_figure, save_figure
from study.report.tables import html_page, write_table
from study.runs.legacy import read_runs, run_folder
from study.runs.run import n_of
from study.runs.summary import run_row
from study.wording import duration

_COMPARED = ["combo", "model", "letters_of_combos", "letters_of_models", "two_level_low", "two_level_high", "images_low",
             "images_high"]  # fmt: skip
_GROUP = ["model", "combo"]
_SHOWN = [
    "combo", "model", "seed", "status", "n_train", "parameters", "common_test_accuracy", "test_accuracy", "macro_f1", "nll",
    "ece", "temperature", "ece_scaled", "epochs", "train_seconds", "device",
]  # fmt: skip
_SHOWN_OF_GROUPS = [
    "combo", "model", "n", "n_runs", *(f"common_test_accuracy_{part}" for part in ("mean", "sd", "low", "high")), "letters_of_combos",
    "letters_of_models", "test_accuracy_mean", "test_accuracy_sd", "out_of_sample_accuracy_mean", "macro_f1_mean", "nll_mean",
    "brier_mean", "ece_mean",
]  # fmt: skip


def draw(summary: pd.DataFrame, groups: pd.DataFrame, arguments: argparse.Namespace) -> None:
    """Write the figures, and beside them the tables of what they show."""
    models = list(summary["model"].unique())
    place = {model: number for number, model in enumerate(models)}
    ok = summary[summary["status"] == "ok"].sort_values(
        "model", key=lambda column: column.map(place), kind="stable"
    )
    by_group = ok.assign(accuracy=ok["common_test_accuracy"].fillna(ok["test_accuracy"])).groupby(
        _GROUP, sort=False
    )
    recalls = by_group[[name for name in summary if name.startswith("recall_")]].mean()
    recalls = recalls.rename(columns=lambda name: name.removeprefix("recall_"))
    costs = (
        by_group[["accuracy", "train_seconds", "parameters", "multiply_adds"]].mean().reset_index()
    )
    used = summary[[*_GROUP, "seed", "train_seconds", "total_seconds", "peak_memory_mb"]]
    total, most = used["train_seconds"].sum(), used["peak_memory_mb"].max()
    nothing = message_figure("Every training diverged: there is no accuracy to draw.")
    for name, table, figure in (
        (
            "class_accuracy",
            recalls.reset_index(),
            class_accuracy_figure(recalls, by_class(recalls)) if len(ok) else nothing,
        ),
        ("cost", costs, cost_figure(costs, models, of_costs(costs)) if len(ok) else nothing),
        (
            "resources",
            used,
            resources_figure(
                used, f"{len(used)} trainings: {duration(total)} in all, at most {most:,.0f} MB"
            ),
        ),
    ):
        write_table(Path(arguments.figures, f"{name}.csv"), table, "%.6g")
        save_figure(figure, Path(arguments.figures, f"{name}.svg"))
    save_figure(accuracy_by_combo_figure(summary, groups), arguments.figure)


def by_class(recalls: pd.DataFrame) -> str:
    """Return which classes are hardest and easiest over all models and combos."""
    means = recalls.mean().sort_values()
    return f"{means.index[0]} is recognised least ({means.iloc[0]:.0%}), {means.index[-1]} best ({means.iloc[-1]:.0%}): mean recall"


def of_costs(costs: pd.DataFrame) -> str:
    """Return what is most accurate and what that costs."""
    best = costs.loc[costs["accuracy"].idxmax()]
    return f"Most accurate: {best['model']} on {best['combo']}, {best['accuracy']:.1%} after {best['train_seconds']:,.0f} s of training"


def main(arguments: argparse.Namespace) -> None:
    """Write groups, page and figure, and last the table of runs, which stands for the finished study."""
    runs = read_runs(arguments.runs)
    rows = [
        {"combo": run.combo, "model": run.model, "seed": run.seed}
        | run_row(run_folder(arguments.folder, run.combo, run.model, run.seed))
        for run in runs.itertuples()
    ]
    summary = pd.DataFrame(rows)
    multiply_adds = {
        model: pd.read_csv(Path(arguments.models, model, "layers.csv"))
        .set_index("name")
        .at["total", "multiply_adds"]
        for model in summary["model"].unique()
    }
    summary.insert(
        summary.columns.get_loc("parameters") + 1,
        "multiply_adds",
        summary["model"].map(multiply_adds),
    )
    keys = ["combo", "model"]
    groups = pd.DataFrame(
        [
            dict(zip(keys, key, strict=True)) | group_row(group)
            for key, group in summary.groupby(keys, sort=False)
        ]
    ).merge(
        pd.read_csv(arguments.compared, dtype={"combo": str, "model": str})[_COMPARED],
        on=keys,
        how="left",
    )
    write_table(arguments.groups, groups, "%.6f")
    counted = n_of(int((summary["status"] == "ok").sum()), len(summary))
    draw(summary, groups, arguments)
    write_text(
        arguments.page,
        html_page(
            summary[_SHOWN],
            counted,
            "Compare combos by common_test_accuracy: every run of a seed is scored on the same images, which no run of "
            "that seed trained on. test_accuracy is measured on each combo's own test split; macro_f1, nll (log loss, nats) and ece "
            "(expected calibration error) on the common test, for the combo official on its own. ece_scaled is ece after dividing the "
            "logits by the temperature that was fitted on validation images. summary.csv has all columns.",
        ),
    )
    write_text(
        arguments.groups_page,
        html_page(
            groups[_SHOWN_OF_GROUPS],
            f"{len(groups)} combos and models over seeds: {counted}",
            "n of n_runs seeds count, those whose run did not diverge; of each measure mean, sd (sample standard deviation) and low, high, the ends of the 95 % t-interval of the mean: how far "
            "the mean over other seeds might be. Combos of a model that share a letter in letters_of_combos were not found different on "
            "the common test, and likewise models on a combo in letters_of_models. summary_by_group.csv has all columns.",
        ),
    )
    write_table(arguments.output, summary, "%.6f")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", required=True, help="list of runs: combo, model, seed, .csv")
    parser.add_argument(
        "--folder", required=True, help="where runs lie as <combo>/<model>/seed<seed>/"
    )
    parser.add_argument(
        "--compared",
        required=True,
        help="letters and bootstrap intervals of each combo and model, .csv",
    )
    parser.add_argument(
        "--models", required=True, help="where models are described, <model>/layers.csv"
    )
    parser.add_argument(
        "--groups", required=True, help="table to write: a row a combo and model, .csv"
    )
    parser.add_argument(
        "--groups-page", required=True, help="page to write with the table of groups, .html"
    )
    parser.add_argument("--page", required=True, help="page to write with the table of runs, .html")
    parser.add_argument(
        "--figure", required=True, help="figure to write: accuracy by combo, .svg or .png"
    )
    parser.add_argument(
        "--figures", required=True, help="folder to write further figures and their tables to"
    )
    parser.add_argument("--output", required=True, help="table to write: a row a run, .csv")
    run_script(parser, main)
