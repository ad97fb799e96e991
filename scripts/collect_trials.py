#!/usr/bin/env python
"""Bring the trials of a hyper-parameter search together: a table and the best settings."""

import argparse
from pathlib import Path

import pandas as pd
import yaml

from study.config.recipes import overlay
from study.files import read_json, write_json, write_table, write_text
from study.job import run_script
from study.training.trials import Trial, search_record


def main(arguments: argparse.Namespace) -> None:
    """Write the table, the record and the best settings, then remove the journal."""
    trials = [Trial(**row) for path in arguments.trials for row in read_json(path)]
    trials.sort(key=lambda trial: trial.number)
    record = search_record(trials)
    write_table(arguments.table, pd.DataFrame(trial.row() for trial in trials))
    write_json(arguments.record, record)
    write_text(arguments.best, yaml.safe_dump(overlay(record["params"]), sort_keys=False))
    Path(arguments.journal).unlink(missing_ok=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", required=True, nargs="+", help="trials of each worker, .json")
    parser.add_argument("--journal", required=True, help="file of unfinished searches to remove")
    parser.add_argument("--table", required=True, help="table to write: one row per trial, .csv")
    parser.add_argument("--best", required=True, help="best settings to write, .yaml")
    parser.add_argument("--record", required=True, help="counts and times to write, .json")
    run_script(parser, main)
