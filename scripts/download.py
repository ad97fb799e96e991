#!/usr/bin/env python
"""Get a data set's source files from a local archive, a folder or the network; verify them."""

import argparse
import json
from pathlib import Path

from study.data.datasets import Source, dataset
from study.data.datasets.download import read_checksums
from study.data.datasets.pictures import FITS
from study.files import atomic_path, with_home
from study.job import run_script


def main(arguments: argparse.Namespace) -> None:
    """Fetch into a temporary folder and rename it when everything in it is verified."""
    source = Source(
        archive=with_home(arguments.archive) if arguments.archive else None,
        urls=tuple(" ".join(arguments.urls).split()),
        checksums=read_checksums(arguments.checksums),
        scratch=Path(arguments.scratch),
        images=Path(arguments.images) if arguments.images else None,
        test_images=Path(arguments.test_images) if arguments.test_images else None,
        group=arguments.group,
        classes=json.loads(arguments.classes),
        image_size=arguments.image_size,
        fit=arguments.fit,
        digest=arguments.digest,
    )
    with atomic_path(arguments.output) as folder:
        dataset(arguments.dataset).fetch(folder, source)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", required=True, help="name of the data set")
    parser.add_argument(
        "--archive", default="", help="local archive or extracted folder, instead of the network"
    )
    parser.add_argument(
        "--urls", nargs="*", default=[], help="addresses tried in turn; default: the data set's own"
    )
    parser.add_argument(
        "--checksums", default="", help="md5sum file, for an archive that is not the official one"
    )
    parser.add_argument(
        "--images",
        default="",
        help="folder or table of your own images, for the data sets folder and csv",
    )
    parser.add_argument(
        "--test-images", default="", help="the same for images that are for testing"
    )
    parser.add_argument(
        "--group", default="", help="pattern that finds the group of your own images in their paths"
    )
    parser.add_argument(
        "--classes",
        default="{}",
        help='classes to merge, rename or leave out, JSON, such as {"pet": ["cat", "dog"]}',
    )
    parser.add_argument(
        "--image-size",
        type=int,
        default=32,
        help="height and width they get (default: %(default)s)",
    )
    parser.add_argument(
        "--fit", choices=FITS, default="resize", help="how they get it (default: %(default)s)"
    )
    parser.add_argument(
        "--digest", default="", help="refuse to go on unless this is the digest of your images"
    )
    parser.add_argument(
        "--scratch", required=True, help="folder for partial downloads, kept between runs"
    )
    parser.add_argument(
        "--output", required=True, help="folder to make, with the verified source files"
    )
    run_script(parser, main)
