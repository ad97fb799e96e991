#!/usr/bin/env python
"""Measure what needs no network: the nearest training image's label, and the largest class."""

import argparse
from pathlib import Path

from study.data.index import read_image_ids, read_index
from study.data.splits import read_split
from study.files import read_array, write_csv
from study.job import run_script
from study.runs.baselines import baselines_of_seed, small_copies


def main(arguments: argparse.Namespace) -> None:
    """Write the table."""
    labels = read_index(arguments.index).labels
    copies = small_copies(read_array(arguments.images))
    rows = []
    for path in map(Path, arguments.common_tests):
        splits = {
            Path(split).parent.name: read_split(split)
            for split in arguments.splits
            if Path(split).name == path.name
        }
        of_seed = baselines_of_seed(arguments.combos, splits, read_image_ids(path), copies, labels)
        rows += [{"seed": int(path.stem.removeprefix("seed"))} | row for row in of_seed]
    write_csv(arguments.output, rows[0], [row.values() for row in rows])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", required=True, help="all images, .npy")
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument("--combos", required=True, nargs="+", help="names of the study's combos")
    parser.add_argument(
        "--splits",
        required=True,
        nargs="+",
        help="splits of all parts of the combos, <part>/seed<seed>.csv",
    )
    parser.add_argument(
        "--common-tests",
        required=True,
        nargs="+",
        help="test image_ids of all combos but official, seed<seed>.csv",
    )
    parser.add_argument("--output", required=True, help="table to write, .csv")
    run_script(parser, main)
