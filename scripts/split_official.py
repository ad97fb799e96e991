#!/usr/bin/env python
"""Split the data set as its publisher did, for one seed: the combo `official`."""

import argparse

from study.data.index import read_index
from study.data.partitions import split_official, write_development, write_split
from study.job import run_script


def main(arguments: argparse.Namespace) -> None:
    """Write the role of each image."""
    index = read_index(arguments.index)
    split = split_official(index.source_split, index.labels, arguments.val, arguments.seed)
    write_development(arguments.development, split)
    write_split(arguments.output, split)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument("--seed", required=True, type=int, help="seed of the run")
    parser.add_argument(
        "--val", required=True, type=float, help="share of the training images for validation"
    )
    parser.add_argument("--output", required=True, help="table to write: image_id, role, .csv")
    parser.add_argument(
        "--development", required=True, help="the same without test images, to write, .csv"
    )
    run_script(parser, main)
