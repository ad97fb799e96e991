#!/usr/bin/env python
"""Write the histories of all runs as event files for TensorBoard."""

import argparse

import pandas as pd

from study.files import atomic_path, read_json
from study.job import run_script
from study.report.event_files import insist_on_tensorboard, write_events
from study.runs.legacy import read_runs, run_folder


def main(arguments: argparse.Namespace) -> None:
    """Write a folder with an event file for each run."""
    insist_on_tensorboard()
    with atomic_path(arguments.output) as temporary:
        temporary.mkdir()
        for row in read_runs(arguments.runs).itertuples():
            place = run_folder(arguments.folder, row.combo, row.model, row.seed)
            history, record = pd.read_csv(place / "history.csv"), read_json(place / "run.json")
            write_events(run_folder(temporary, row.combo, row.model, row.seed), history, record)
    print(f"tensorboard --logdir {arguments.output}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", required=True, help="list of runs: combo, model, seed, .csv")
    parser.add_argument(
        "--folder", required=True, help="where runs lie as <combo>/<model>/seed<seed>/"
    )
    parser.add_argument("--output", required=True, help="folder to write")
    run_script(parser, main)
