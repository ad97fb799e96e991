#!/usr/bin/env python
"""List the images that all runs of a seed are tested on: the test images of all partitions."""

import argparse

from study.data.index import write_image_ids
from study.data.splits import common_test, read_split
from study.job import run_script


def main(arguments: argparse.Namespace) -> None:
    """Write the list of image_ids."""
    write_image_ids(arguments.output, common_test(map(read_split, arguments.splits)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--splits", required=True, nargs="+", help="splits of all partitions for one seed, .csv"
    )
    parser.add_argument("--output", required=True, help="list of image_ids to write, .csv")
    run_script(parser, main)
