#!/usr/bin/env python
"""Bring all runs together: a table of runs, a table of groups over seeds, a page and a figure."""

import argparse
import math
from pathlib import Path

import pandas as pd

from study.command import run
from study.files import read_json, write_text
from study.metrics import METRICS
from study.plots.accuracy import accuracy_by_combo_figure
from study.plots.style import save_figure
from study.statistics import t_interval
from study.tables import html_page, write_table

# Measured on the common test where there is one.
_QUALITY = [name for name in METRICS if name not in ("overall_accuracy", "accuracy_low", "accuracy_high")]
_GROUPED = ["common_test_accuracy", "test_accuracy", "out_of_sample_accuracy", *_QUALITY]
_COMPARED = ["combo", "model", "letters_of_combos", "letters_of_models", "two_level_low", "two_level_high", "images_low",
             "images_high"]  # fmt: skip
_SHOWN = [
    "combo", "model", "seed", "status", "n_train", "parameters", "common_test_accuracy", "test_accuracy", "macro_f1", "nll",
    "ece", "temperature", "ece_scaled", "epochs", "train_seconds", "device",
]  # fmt: skip


def run_row(folder: Path) -> dict:
    """Return what the summary says of one run, from the files in its folder."""
    metrics, record = read_json(folder / "metrics.json"), read_json(folder / "run.json")
    recipe, common = record["recipe"], metrics["common_test"]
    judged = common if common["n"] else metrics
    row = {"status": record["status"], "n_train": record["n_train"], "n_val": record["n_val"], "n_test": metrics["n"]}
    row |= {"n_common_test": common["n"], "parameters": record["parameters"]}
    for name, part in (("test", metrics), ("common_test", common)):
        row[f"{name}_accuracy"] = part["overall_accuracy"]
        row |= {f"{name}_accuracy_{end}": part[f"accuracy_{end}"] for end in ("low", "high")}
    row |= {f"{part}_accuracy": metrics[part]["overall_accuracy"] for part in ("out_of_sample", "train", "val")}
    row |= {"n_out_of_sample": metrics["out_of_sample"]["n"], "measured_on": "common_test" if common["n"] else "test"}
    row |= {name: judged[name] for name in _QUALITY}
    row |= {
        "temperature": metrics["temperature"],
        "epochs": record["epochs"],
        "kept_epoch": record["kept_epoch"],
        "steps": record["epochs"] * math.ceil(record["n_train"] / recipe["batch_size"]),
        "images_seen": record["epochs"] * record["n_train"],
        "train_seconds": record["train_seconds"],
        "images_per_s": record["images_per_s"],
        "peak_memory_mb": record["peak_memory_mb"],
        "device": record["device"],
        "precision": record["precision"],
        "torch": record["versions"]["torch"],
    }
    return row | {f"recall_{name}": judged["class_accuracy"].get(name) for name in record["classes"]}


def group_row(runs: pd.DataFrame) -> dict[str, float]:
    """Return mean, sd, n and 95 % t-interval over seeds of each metric, for the runs of one combo and model that did not diverge."""
    runs = runs[runs["status"] == "ok"]
    row: dict[str, float] = {"n": len(runs)}
    for metric in _GROUPED:
        interval = t_interval(runs[metric].dropna().to_list())
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
    ).merge(pd.read_csv(arguments.compared, dtype={"combo": str, "model": str})[_COMPARED], on=keys, how="left")
    write_table(arguments.groups, groups, "%.6f")
    diverged = int((summary["status"] == "diverged").sum())
    save_figure(accuracy_by_combo_figure(summary, groups), arguments.figure)
    write_text(
        arguments.page,
        html_page(
            summary[_SHOWN],
            f"{len(summary)} runs" + (f", {diverged} of them diverged" if diverged else ""),
            "Compare combos by common_test_accuracy: every run of a seed is scored on the same images, which no run of "
            "that seed trained on. test_accuracy is measured on each combo's own test split; macro_f1, nll (log loss, nats) and ece "
            "(expected calibration error) on the common test, for the combo official on its own. ece_scaled is ece after dividing the "
            "logits by the temperature that was fitted on validation images. summary.csv has all columns.",
        ),
    )
    write_table(arguments.output, summary, "%.6f")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", required=True, help="list of runs: combo, model, seed, .csv")
    parser.add_argument("--folder", required=True, help="where runs lie as <combo>/<model>/seed<seed>/")
    parser.add_argument(
        "--compared", required=True, help="letters and bootstrap intervals of each combo and model, .csv"
    )
    parser.add_argument("--groups", required=True, help="table to write: a row a combo and model, .csv")
    parser.add_argument("--page", required=True, help="page to write with the table of runs, .html")
    parser.add_argument("--figure", required=True, help="figure to write: accuracy by combo, .svg or .png")
    parser.add_argument("--output", required=True, help="table to write: a row a run, .csv")
    run(parser, main)
