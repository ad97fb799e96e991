#!/usr/bin/env python
"""Split a combo for one seed without regard to the splits of its partitions: leaky, for measuring what the leak does."""

import argparse

import numpy as np

from study.data.partitions import (
    ROLES,
    read_partition,
    split_afresh,
    write_development,
    write_split,
)
from study.job import run_script, share_options


def main(arguments: argparse.Namespace) -> None:
    """Write the role of each image of the combo."""
    image_ids = np.concatenate([read_partition(path) for path in arguments.partitions])
    split = split_afresh(
        image_ids, {role: getattr(arguments, role) for role in ROLES}, arguments.seed
    )
    write_development(arguments.development, split)
    write_split(arguments.output, split)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--partitions", required=True, nargs="+", help="lists of the partitions' image_ids, .csv"
    )
    parser.add_argument("--seed", required=True, type=int, help="seed of the run")
    share_options(parser)
    parser.add_argument("--output", required=True, help="table to write: image_id, role, .csv")
    parser.add_argument(
        "--development", required=True, help="the same without test images, to write, .csv"
    )
    run_script(parser, main)
