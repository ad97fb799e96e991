#!/usr/bin/env python
"""Write the histories of all runs as event files for TensorBoard."""

import argparse

from study.files import atomic_path
from study.job import run_script
from study.report.event_files import require_tensorboard, write_events
from study.runs.run import read_runs


def main(arguments: argparse.Namespace) -> None:
    """Write a folder with an event file for each run."""
    require_tensorboard()
    with atomic_path(arguments.output) as temporary:
        temporary.mkdir()
        for run in read_runs(arguments.runs):
            folder = temporary / run.combo / run.model / f"seed{run.seed}"
            write_events(folder, run.history, run.record)
    print(f"tensorboard --logdir {arguments.output}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", required=True, help="list of runs, .csv, beside the folder runs")
    parser.add_argument("--output", required=True, help="folder to write")
    run_script(parser, main)
