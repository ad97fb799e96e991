#!/usr/bin/env python
"""Draw the trials of a hyper-parameter search: validation accuracy over each setting."""

import argparse

from study.files import read_json, read_table
from study.job import run_script
from study.report.plots.style import save_figure
from study.report.plots.tuning import trials_figure, value_text


def main(arguments: argparse.Namespace) -> None:
    """Write the figure."""
    table, record = read_table(arguments.table), read_json(arguments.record)
    best = record["params"]
    chosen = ", ".join(f"{key.split('.')[-1]} {value_text(value)}" for key, value in best.items())
    title = f"{arguments.title}: {record['val_accuracy']:.1%} on validation with {chosen}"
    save_figure(trials_figure(table, list(best), title), arguments.figure)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", required=True, help="one row per trial, .csv")
    parser.add_argument("--record", required=True, help="best settings and counts, .json")
    parser.add_argument("--title", required=True, help="what was searched")
    parser.add_argument("--figure", required=True, help="figure to write, .svg or .png")
    run_script(parser, main)
