#!/usr/bin/env python
"""Bring all runs together: a table of runs, a table of groups over seeds, a page and a figure."""

import argparse
from pathlib import Path

import pandas as pd

from study.command import run
from study.files import atomic_path, read_json, write_text
from study.plots import accuracy_by_combo_figure, save_figure
from study.statistics import t_interval
from study.tables import html_page

_GROUPED = ("common_test_accuracy", "test_accuracy", "macro_f1", "nll")


def run_row(folder: Path) -> dict:
    """Return what the summary says of one run, from the files in its folder."""
    metrics, record = read_json(folder / "metrics.json"), read_json(folder / "run.json")
    return {
        "status": record["status"],
        "n_train": record["n_train"],
        "parameters": record["parameters"],
        "test_accuracy": metrics["overall_accuracy"],
        "common_test_accuracy": metrics["common_test"]["overall_accuracy"],
        "macro_f1": metrics["macro_f1"],
        "nll": metrics["nll"],
        "epochs": record["epochs"],
        "train_seconds": record["train_seconds"],
        "images_per_s": record["images_per_s"],
        "device": record["device"],
    }


def group_row(runs: pd.DataFrame) -> dict[str, float]:
    """Return mean, sd, n and 95 % t-interval over seeds of each metric, for the runs of one combo and model that did not diverge."""
    runs = runs[runs["status"] == "ok"]
    row: dict[str, float] = {"n": len(runs)}
    for metric in _GROUPED:
        interval = t_interval(runs[metric].to_list())
        row |= {f"{metric}_{part}": getattr(interval, part) for part in ("mean", "sd", "low", "high")}
    return row


def main(arguments: argparse.Namespace) -> None:
    """Write groups, page and figure, and last the table of runs, which stands for the finished study."""
    runs = pd.read_csv(arguments.runs, dtype={"combo": str, "model": str, "seed": int})
    rows = [
        {"combo": run.combo, "model": run.model, "seed": run.seed}
        | run_row(Path(arguments.folder, run.combo, run.model, f"seed{run.seed}"))
        for run in runs.itertuples()
    ]
    summary = pd.DataFrame(rows)
    keys = ["combo", "model"]
    groups = pd.DataFrame(
        [dict(zip(keys, key, strict=True)) | group_row(group) for key, group in summary.groupby(keys, sort=False)]
    )
    with atomic_path(arguments.groups) as temporary:
        groups.to_csv(temporary, index=False, float_format="%.6f")
    diverged = int((summary["status"] == "diverged").sum())
    save_figure(accuracy_by_combo_figure(summary, groups), arguments.figure)
    write_text(
        arguments.page,
        html_page(
            summary,
            f"{len(summary)} runs" + (f", {diverged} of them diverged" if diverged else ""),
            "Compare combos by common_test_accuracy: every run of a seed is scored on the same images, which no run of "
            "that seed trained on. test_accuracy, macro_f1 and nll are measured on each combo's own test split.",
        ),
    )
    with atomic_path(arguments.output) as temporary:
        summary.to_csv(temporary, index=False, float_format="%.6f")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", required=True, help="list of runs: combo, model, seed, .csv")
    parser.add_argument("--folder", required=True, help="where runs lie as <combo>/<model>/seed<seed>/")
    parser.add_argument("--groups", required=True, help="table to write: a row a combo and model, .csv")
    parser.add_argument("--page", required=True, help="page to write with the table of runs, .html")
    parser.add_argument("--figure", required=True, help="figure to write: accuracy by combo, .svg or .png")
    parser.add_argument("--output", required=True, help="table to write: a row a run, .csv")
    run(parser, main)
