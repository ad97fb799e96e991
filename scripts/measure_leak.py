#!/usr/bin/env python
"""Measure what a leaky split adds: accuracy on test images that a model was trained on."""

import argparse
from pathlib import Path

from study.comparison.reproduction import leak_table
from study.data.index import read_index
from study.files import read_yaml, write_table, write_text
from study.job import run_script
from study.report.tables import html_page
from study.runs.tree import ResultsTree


def main(arguments: argparse.Namespace) -> None:
    """Write a row for each system, combo and seed, and the page."""
    published = read_yaml(arguments.published)
    table = leak_table(
        ResultsTree(Path(arguments.results)),
        {name: published[name] for name in arguments.systems},
        arguments.seeds,
        arguments.suffix,
        read_index(arguments.index).labels,
    )
    write_table(arguments.output, table, "%.6f")
    gain = 100 * table["leak_gain"]
    write_text(
        arguments.page,
        html_page(
            table,
            f"Splitting each combo afresh adds {gain.mean():.1f} points of accuracy "
            f"({gain.min():.1f} to {gain.max():.1f})",
            "The two DVC studies split every combo separately, so a partition's test images may "
            "be training images of a larger combo. leak_gain is what they add to the accuracy; "
            "accuracy_right is what a split without leaks gives.",
            of="leak.csv",
        ),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--published", required=True, help="published figures, .yaml")
    parser.add_argument("--systems", required=True, nargs="+", help="which of them, such as S0 S1")
    parser.add_argument("--seeds", required=True, nargs="+", type=int, help="seeds of our runs")
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument("--results", required=True, help="results folder with runs and splits")
    parser.add_argument(
        "--suffix", required=True, help="what the names of combos that were split afresh end with"
    )
    parser.add_argument("--page", required=True, help="page to write, .html")
    parser.add_argument(
        "--output", required=True, help="table to write: one row per model and seed, .csv"
    )
    run_script(parser, main)
