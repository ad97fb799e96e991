#!/usr/bin/env python
"""Count the images of each class, in all and by partition."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from study.data.index import read_image_ids, read_index
from study.files import write_table, write_text
from study.job import run_script
from study.report.tables import html_page


def main(arguments: argparse.Namespace) -> None:
    """Write the counts as a table and as a page."""
    index = read_index(arguments.index)
    n_classes = len(index.classes)
    kept = index.kept
    counts = np.bincount(index.labels[kept], minlength=n_classes)
    table = pd.DataFrame({"class": index.classes, "images": counts, "share": counts / counts.sum()})
    parts = {"official test": index.publishers_test} if len(index.publishers_test) else {}
    for path in arguments.partitions:
        image_ids = read_image_ids(path)
        parts[f"partition {Path(path).stem}"] = image_ids[kept[image_ids]]
    for name, image_ids in parts.items():
        table[name] = np.bincount(index.labels[image_ids], minlength=n_classes)
    write_table(arguments.output, table, "%.6f")
    page = html_page(
        table, "Images by class", describe(counts, index.classes), of="data/class_counts.csv"
    )
    write_text(arguments.page, page)


def describe(counts: np.ndarray, classes: Sequence[str]) -> str:
    """Return how many images there are, and how unlike the classes are in size."""
    largest, smallest = counts.argmax(), counts.argmin()
    balance = (
        "All classes have the same number of images."
        if counts[largest] == counts[smallest]
        else f"The largest class, {classes[largest]}, has "
        f"{counts[largest] / counts[smallest]:.1f} times as many images as the smallest, "
        f"{classes[smallest]}."
    )
    return f"{counts.sum():,} images of {len(classes)} classes. {balance}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument(
        "--partitions", required=True, nargs="+", help="lists of image_ids, <name>.csv"
    )
    parser.add_argument("--page", required=True, help="page to write, .html")
    parser.add_argument("--output", required=True, help="table to write: one row per class, .csv")
    run_script(parser, main)
