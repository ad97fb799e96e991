#!/usr/bin/env python
"""Write the list of a study's runs: every combo with every model and every seed."""

import argparse
import itertools

from study.files import write_csv
from study.job import run_script


def main(arguments: argparse.Namespace) -> None:
    """Write one row per run, combos outermost."""
    write_csv(
        arguments.output,
        ["combo", "model", "seed"],
        itertools.product(arguments.combos, arguments.models, arguments.seeds),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--combos", required=True, nargs="+", help="unions of partitions")
    parser.add_argument("--models", required=True, nargs="+", help="names of recipes")
    parser.add_argument("--seeds", required=True, nargs="+", type=int, help="seeds")
    parser.add_argument("--output", required=True, help="table to write, .csv")
    run_script(parser, main)
