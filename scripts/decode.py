#!/usr/bin/env python
"""Turn a data set's source files into one array of images and one table."""

import argparse
from pathlib import Path

import numpy as np

from study.data.blocks import write_in_blocks
from study.data.corrected import corrected
from study.data.corrections import read_corrections
from study.data.datasets import Source, dataset
from study.data.datasets.download import read_checksums
from study.data.index import read_index
from study.files import file_cell, file_digest, read_array, text_cell, write_csv, write_json
from study.job import run_script


def main(arguments: argparse.Namespace) -> None:
    """Write the images, the index and the manifest that describes both."""
    source = Source(
        checksums=read_checksums(arguments.checksums),
        skip_broken=arguments.skip_broken,
        problems=Path(arguments.problems) if arguments.problems else None,
    )
    data = dataset(arguments.dataset).decode(Path(arguments.raw), source)

    write_in_blocks(arguments.images, data.images)
    # An archive's names are somebody else's words too.
    classes = [text_cell(name) for name in data.classes]
    names = [classes[label] for label in data.labels]
    files = [file_cell(file) for file in data.files]
    columns = {
        "image_id": range(len(names)),
        "label": data.labels,
        "class": names,
        "source_split": data.source_split,
        "file": files,
        **({} if data.groups is None else {"group": map(file_cell, data.groups)}),
    }
    write_csv(arguments.index, list(columns), zip(*columns.values(), strict=True))
    counts = np.bincount(data.labels, minlength=len(classes))
    write_json(
        arguments.manifest,
        {
            "dataset": arguments.dataset,
            "images": list(data.images.shape),
            "dtype": str(data.images.dtype),
            "classes": classes,
            "class_counts": dict(zip(classes, counts.tolist(), strict=True)),
            "sha256": {
                Path(path).name: file_digest(path) for path in (arguments.images, arguments.index)
            },
            "sources": data.sources,
            "fit": data.fit,
            **({} if data.groups is None else {"groups": len(set(data.groups))}),
        },
    )
    if arguments.corrections:  # nothing is trained by those of other data
        corrections = read_corrections(arguments.corrections)
        corrected(read_index(arguments.index), corrections, read_array(arguments.images))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", required=True, help="name of the data set")
    parser.add_argument("--raw", required=True, help="folder with the verified source files")
    parser.add_argument(
        "--checksums", default="", help="md5sum file, for an archive that is not the official one"
    )
    parser.add_argument(
        "--skip-broken",
        action="store_true",
        help="go on without images of your own that cannot be used",
    )
    parser.add_argument("--problems", default="", help="where these are listed, for the message")
    parser.add_argument(
        "--corrections",
        default="",
        help="verdicts that must be of these images, .csv; default: none",
    )
    parser.add_argument("--images", required=True, help="array to write: uint8, N×H×W×3, .npy")
    parser.add_argument("--index", required=True, help="table to write: one row per image, .csv")
    parser.add_argument(
        "--manifest", required=True, help="description to write: shapes, counts, digests, .json"
    )
    run_script(parser, main)
