#!/usr/bin/env python
"""Find the pairs of images that are nearly the same."""

import argparse

import numpy as np
from threadpoolctl import threadpool_limits

from study.data.index import read_index
from study.data.near_duplicates import near_duplicates
from study.errors import StudyError
from study.files import read_array, write_table
from study.job import run_script


def main(arguments: argparse.Namespace) -> None:
    """Write the table of all pairs, nearest first."""
    index = read_index(arguments.index)
    images = read_array(arguments.images)
    if len(images) != len(index.labels):
        raise StudyError(
            f"{arguments.images}: expected an image for each of the {len(index.labels)} rows of "
            f"{arguments.index}, found {len(images)}; decode the data set again"
        )
    with threadpool_limits(arguments.threads):
        table = near_duplicates(images, arguments.threshold)
    for name, values in (
        ("class", np.array(index.classes)[index.labels]),
        ("source_split", index.source_split),
    ):
        table[name], table[f"other_{name}"] = values[table["image_id"]], values[table["other_id"]]
    table["labels_differ"] = table["class"] != table["other_class"]
    write_table(arguments.output, table, "%.6f")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", required=True, help="array of all images: uint8, N×H×W×C, .npy")
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument(
        "--threshold",
        required=True,
        type=float,
        help="largest distance; 0: byte-identical images only",
    )
    parser.add_argument("--threads", type=int, default=1, help="threads of the matrix products")
    parser.add_argument("--output", required=True, help="table to write: one row per pair, .csv")
    run_script(parser, main)
