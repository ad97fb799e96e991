#!/usr/bin/env python
"""Draw a learning-rate search: the loss over the rate, with the suggestions."""

import argparse

import numpy as np

from study.files import read_json, read_table
from study.job import run_script
from study.report.plots.models import lr_find_figure
from study.report.plots.style import save_figure


def main(arguments: argparse.Namespace) -> None:
    """Write the figure."""
    table, found = read_table(arguments.table), read_json(arguments.suggestion)
    rates, losses, smoothed = table[["learning_rate", "loss", "smoothed_loss"]].to_numpy(float).T
    steps = {
        rule: int(np.abs(rates - rate).argmin()) for rule, rate in found["suggestions"].items()
    }
    title = f"{arguments.title}: learning-rate search"
    save_figure(lr_find_figure(rates, losses, smoothed, steps, title), arguments.figure)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", required=True, help="loss of each step, .csv")
    parser.add_argument("--suggestion", required=True, help="suggestions of the search, .json")
    parser.add_argument("--title", required=True, help="name of the model")
    parser.add_argument("--figure", required=True, help="figure to write, .svg or .png")
    run_script(parser, main)
