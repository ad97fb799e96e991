#!/usr/bin/env python
"""Split one partition into train, val and test for one seed, stratified by class."""

import argparse

from study.data.index import read_index
from study.data.partitions import (
    ROLES,
    insist_on_every_class,
    read_partition,
    split_partition,
    write_development,
    write_split,
)
from study.job import run_script, share_options


def main(arguments: argparse.Namespace) -> None:
    """Write the role of each image of the partition."""
    index = read_index(arguments.index)
    split = split_partition(
        read_partition(arguments.partition),
        index.labels,
        {role: getattr(arguments, role) for role in ROLES},
        arguments.seed,
    )
    where = f"{arguments.partition}, seed {arguments.seed}"
    insist_on_every_class(split, index.labels, index.classes, where)
    write_development(arguments.development, split)
    write_split(arguments.output, split)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument(
        "--partition", required=True, help="list of the partition's image_ids, .csv"
    )
    parser.add_argument("--seed", required=True, type=int, help="seed of the run")
    share_options(parser)
    parser.add_argument("--output", required=True, help="table to write: image_id, role, .csv")
    parser.add_argument(
        "--development", required=True, help="the same without test images, to write, .csv"
    )
    run_script(parser, main)
