#!/usr/bin/env python
"""Draw disjoint, stratified partitions from a data set."""

import argparse
from pathlib import Path

import numpy as np

from study.data.index import read_index
from study.data.partitions import draw_partitions, write_partition
from study.errors import StudyError
from study.files import file_digest, write_json
from study.job import run_script


def main(arguments: argparse.Namespace) -> None:
    """Write one list of image_ids a partition, and a manifest with their sizes, class counts and digests."""
    sizes = {}
    for text in arguments.sizes:
        name, _, size = text.rpartition("=")
        try:
            sizes[name] = int(size) if size.isdigit() else float(size)
        except ValueError:
            name = ""
        if not name:
            raise StudyError(
                f"--sizes: expected name=size, such as v1=20000 or v1=0.3, found {text!r}"
            )
    index = read_index(arguments.index)
    folder = Path(arguments.folder)
    described = {}
    for name, image_ids in draw_partitions(index.labels, sizes, arguments.seed).items():
        path = folder / f"{name}.csv"
        write_partition(path, image_ids)
        counts = np.bincount(index.labels[image_ids], minlength=len(index.classes)).tolist()
        described[name] = {
            "size": len(image_ids),
            "class_counts": dict(zip(index.classes, counts, strict=True)),
            "sha256": file_digest(path),
        }
    write_json(folder / "manifest.json", {"seed": arguments.seed, "partitions": described})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument(
        "--sizes", required=True, nargs="+", metavar="NAME=SIZE", help="partitions in drawing order"
    )
    parser.add_argument("--seed", required=True, help="seed of the draw, a number or a name")
    parser.add_argument(
        "--folder", required=True, help="where to write <name>.csv and manifest.json"
    )
    run_script(parser, main)
