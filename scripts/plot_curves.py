#!/usr/bin/env python
"""Draw the learning curves of a model's runs, brought together over seeds."""

import argparse

import pandas as pd

from study.files import write_table
from study.job import run_script
from study.report.plots.curves import learning_curves_figure
from study.report.plots.style import save_figure
from study.runs.history import seed_bands
from study.runs.run import read_runs


def main(arguments: argparse.Namespace) -> None:
    """Write the figure and the table of what it shows."""
    histories = [
        run.history.assign(**run.named)
        for run in read_runs(arguments.runs)
        if run.model == arguments.model
    ]
    bands = seed_bands(pd.concat(histories, ignore_index=True))
    write_table(arguments.output, bands, "%.6g")
    save_figure(learning_curves_figure(bands, arguments.model), arguments.figure)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", required=True, help="list of runs, .csv, beside the folder runs")
    parser.add_argument("--model", required=True, help="whose runs to draw")
    parser.add_argument("--figure", required=True, help="figure to write, .svg or .png")
    parser.add_argument(
        "--output", required=True, help="table to write: what the figure shows, .csv"
    )
    run_script(parser, main)
