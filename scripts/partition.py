#!/usr/bin/env python
"""Draw one partition from the images that earlier ones have left, stratified by class."""

import argparse

from study.data.groups import together
from study.data.index import read_duplicates, read_image_ids, read_index, write_image_ids
from study.data.partitions import draw_next, partition_record
from study.errors import StudyError
from study.files import write_json
from study.job import run_script


def read_sizes(texts: list[str]) -> dict[str, float]:
    """Return the size of each partition, by its name: an int for images, a float for a share."""
    sizes = {}
    for text in texts:
        name, _, size = text.rpartition("=")
        try:
            sizes[name] = int(size) if size.isdigit() else float(size)
        except ValueError:
            name = ""
        if not name:
            raise StudyError(
                f"--sizes: expected name=size, such as v1=20000 or v1=0.3, found {text!r}"
            )
    return sizes


def main(arguments: argparse.Namespace) -> None:
    """Write the list of image_ids, and a record with its seed, size, class counts and digest."""
    index = read_index(arguments.index)
    path = arguments.near_duplicates
    groups = together(index, read_duplicates(path) if path else None)
    image_ids = draw_next(
        index.labels,
        read_sizes(arguments.sizes),
        [read_image_ids(path) for path in arguments.before],
        arguments.seed,
        index.publishers_test if arguments.external_test else None,
        groups,
    )
    write_image_ids(arguments.output, image_ids)
    write_json(arguments.record, partition_record(arguments.output, index, arguments.seed))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument(
        "--before", nargs="*", default=[], help="lists of the earlier partitions' image_ids, .csv"
    )
    parser.add_argument(
        "--external-test", action="store_true", help="leave the publisher's test images alone"
    )
    parser.add_argument(
        "--near-duplicates",
        help="table of pairs whose images are in one partition, .csv; default: none",
    )
    parser.add_argument(
        "--sizes",
        required=True,
        nargs="+",
        metavar="NAME=SIZE",
        help="of the earlier partitions in drawing order, and of this one, which is the last",
    )
    parser.add_argument("--seed", required=True, help="seed of the draw, a number or a name")
    parser.add_argument("--output", required=True, help="list of image_ids to write, .csv")
    parser.add_argument("--record", required=True, help="record to write, .json")
    run_script(parser, main)
