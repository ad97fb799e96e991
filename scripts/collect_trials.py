#!/usr/bin/env python
"""Bring the trials of a hyper-parameter search together: a table, the best settings, a figure."""

import argparse
from pathlib import Path

import pandas as pd
import yaml

from study.config.recipes import overlay
from study.files import read_json, write_json, write_text
from study.job import run_script
from study.report.plots.style import save_figure
from study.report.plots.tuning import trials_figure
from study.report.tables import write_table
from study.training.trials import Trial, search_record


def main(arguments: argparse.Namespace) -> None:
    """Write the table, the figure, the record and the best settings, then remove the journal."""
    trials = [Trial(**row) for path in arguments.trials for row in read_json(path)]
    trials.sort(key=lambda trial: trial.number)
    record = search_record(trials)
    best = record["params"]
    table = pd.DataFrame(trial.row() for trial in trials)
    write_table(arguments.table, table)
    chosen = ", ".join(f"{key.split('.')[-1]} {shown(value)}" for key, value in best.items())
    title = f"{arguments.title}: {record['val_accuracy']:.1%} on validation with {chosen}"
    save_figure(trials_figure(table, list(best), title), arguments.figure)
    write_json(arguments.record, record)
    write_text(arguments.best, yaml.safe_dump(overlay(best), sort_keys=False))
    Path(arguments.journal).unlink(missing_ok=True)


def shown(value: object) -> str:
    """Return a setting as the figure's title shows it."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", required=True, nargs="+", help="trials of each worker, .json")
    parser.add_argument("--title", required=True, help="what was searched, for the figure")
    parser.add_argument("--journal", required=True, help="file of unfinished searches to remove")
    parser.add_argument("--table", required=True, help="table to write: one row per trial, .csv")
    parser.add_argument("--best", required=True, help="best settings to write, .yaml")
    parser.add_argument("--record", required=True, help="counts and times to write, .json")
    parser.add_argument("--figure", required=True, help="figure to write, .svg or .png")
    run_script(parser, main)
