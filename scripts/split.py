#!/usr/bin/env python
"""Split images into train, val and test for one seed."""

import argparse

import numpy as np

from study.data.corrected import corrected
from study.data.corrections import corrections_digest, read_corrections
from study.data.folds import ROLES, Fold
from study.data.groups import together
from study.data.index import Index, read_duplicates, read_image_ids, read_index
from study.data.partitions import joined
from study.data.splits import (
    require_every_class,
    split_afresh,
    split_official,
    split_partition,
    write_development,
    write_split,
)
from study.errors import StudyError
from study.job import run_script


def split(arguments: argparse.Namespace, index: Index) -> dict[str, np.ndarray]:
    """Return the image_ids of each role."""
    if arguments.kind == "official":
        return split_official(
            index.source_split, index.labels, arguments.val, arguments.seed, index.groups
        )
    image_ids = joined(map(read_image_ids, arguments.partitions))
    ratios = {role: getattr(arguments, role) for role in ROLES}
    if arguments.kind == "afresh":
        return split_afresh(image_ids, ratios, arguments.seed)
    path = arguments.near_duplicates
    groups = together(index, read_duplicates(path) if path else None)
    grouped = index.groups is not None
    fold = Fold(*arguments.fold) if arguments.fold else None
    roles = split_partition(image_ids, index.labels, ratios, arguments.seed, groups, grouped, fold)
    where = f"{' '.join(arguments.partitions)}, seed {arguments.seed}"
    whole = groups if grouped else None
    folds = fold.of if fold else 0
    require_every_class(roles, index.labels, index.classes, where, whole, folds)
    return roles


def with_corrections(
    arguments: argparse.Namespace, index: Index, drawn: dict[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], dict[int, int]]:
    """Return the split without images that people left out, and the labels that they corrected."""
    corrections = read_corrections(arguments.corrections)
    files = [index.files[i] for ids in drawn.values() for i in ids]
    planned = (corrections_digest(corrections, one) for one in (files, None))
    if arguments.corrected and arguments.corrected not in planned:
        raise StudyError(
            f"{arguments.corrections} has changed since the workflow planned this job; type the "
            "same command again"
        )
    after = corrected(index, corrections)
    roles = {role: ids[~after.left_out[ids]] for role, ids in drawn.items()}
    if arguments.kind == "partition":
        where = f"{arguments.corrections}: what it leaves of {' '.join(arguments.partitions)}"
        require_every_class(roles, after.labels, after.classes, where)
    changed = np.flatnonzero(after.labels != index.labels)
    return roles, dict(zip(changed.tolist(), after.labels[changed].tolist(), strict=True))


def main(arguments: argparse.Namespace) -> None:
    """Write the role of each image, and the same without test images."""
    index = read_index(arguments.index)
    roles, labels = split(arguments, index), None
    if arguments.corrections:
        roles, labels = with_corrections(arguments, index, roles)
    write_development(arguments.development, roles, labels)
    write_split(arguments.output, roles, labels)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--kind",
        required=True,
        choices=["partition", "official", "afresh"],
        help="a partition by class; all images as their publisher did; or a combo as a whole, "
        "which leaks and serves to measure what a leak does",
    )
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument(
        "--partitions",
        nargs="*",
        default=[],
        help="lists of the image_ids to split, .csv; none for the official split",
    )
    parser.add_argument(
        "--near-duplicates",
        help="table of pairs whose images are to have one role, .csv; default: none",
    )
    parser.add_argument("--seed", required=True, type=int, help="seed of the run")
    parser.add_argument("--train", type=float, help="share of the images to train on")
    parser.add_argument(
        "--val",
        required=True,
        type=float,
        help="share of the images for validation; of the training images in the official split",
    )
    parser.add_argument("--test", type=float, help="share of the images for testing")
    parser.add_argument(
        "--fold",
        nargs=3,
        type=int,
        metavar=("NUMBER", "OF", "SEED"),
        help="test on the fold of this number, from 0, of so many, which this seed draws; --train "
        "and --val divide the rest (default: the test images are drawn for each seed)",
    )
    parser.add_argument(
        "--corrections",
        default="",
        help="verdicts that correct labels and leave images out, .csv; default: none",
    )
    parser.add_argument(
        "--corrected", help="digest of what they are to change here; default: do not compare"
    )
    parser.add_argument("--output", required=True, help="table to write: image_id, role, .csv")
    parser.add_argument(
        "--development", required=True, help="the same without test images, to write, .csv"
    )
    run_script(parser, main)
