#!/usr/bin/env python
"""Bring the trials of a hyper-parameter search together: a table, the best settings, a figure."""

import argparse
import shutil

import pandas as pd
import yaml

from study.config.recipes import overlay
from study.files import read_json, write_json, write_text
from study.job import run_script
from study.report.plots.style import save_figure
from study.report.plots.tuning import trials_figure
from study.report.tables import write_table
from study.training.search import Trial, best_trial


def main(arguments: argparse.Namespace) -> None:
    """Write the table, the figure, a record and the overlay of the best trial, then remove the journals."""
    trials = sorted(
        (Trial(**row) for path in arguments.trials for row in read_json(path)),
        key=lambda t: t.number,
    )
    best = best_trial(trials)
    table = pd.DataFrame(
        {"trial": t.number, **t.params, "state": t.state, "val_accuracy": t.accuracy, "epochs_trained": len(t.accuracies),
         "train_seconds": t.train_seconds, "seconds": t.seconds}
        for t in trials
    )  # fmt: skip
    write_table(arguments.table, table)
    chosen = ", ".join(f"{key.split('.')[-1]} {value:.4g}" if isinstance(value, float) else f"{key.split('.')[-1]} {value}"
                       for key, value in best.params.items())  # fmt: skip
    title = f"{arguments.title}: {best.accuracy:.1%} on validation with {chosen}"
    save_figure(trials_figure(table, list(best.params), title), arguments.figure)
    seconds, train_seconds = float(table["seconds"].sum()), float(table["train_seconds"].sum())
    write_json(
        arguments.record,
        {
            "best_trial": best.number,
            "params": best.params,
            "val_accuracy": best.accuracy,
            "trials": len(trials),
            "states": table["state"].value_counts().to_dict(),
            "seconds": seconds,
            "train_seconds": train_seconds,
        },
    )
    write_text(arguments.best, yaml.safe_dump(overlay(best.params), sort_keys=False))
    shutil.rmtree(arguments.journals, ignore_errors=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", required=True, nargs="+", help="trials of each worker, .json")
    parser.add_argument("--title", required=True, help="what was searched, for the figure")
    parser.add_argument(
        "--journals", required=True, help="folder of the workers' journals, removed in the end"
    )
    parser.add_argument("--table", required=True, help="table to write: a row a trial, .csv")
    parser.add_argument(
        "--best", required=True, help="overlay of the recipe to write: the best settings, .yaml"
    )
    parser.add_argument(
        "--record", required=True, help="record to write: best settings, counts, times, .json"
    )
    parser.add_argument("--figure", required=True, help="figure to write, .svg or .png")
    run_script(parser, main)
