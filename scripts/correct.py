#!/usr/bin/env python
"""Correct labels and leave images out, as people said in the gallery."""

import argparse

import numpy as np
import pandas as pd

from study.data.corrected import changed_images, corrected
from study.data.corrections import read_corrections
from study.data.index import Index, read_index
from study.data.verdicts import COLUMNS
from study.files import read_array, read_csv, write_csv, write_table
from study.job import run_script


def write_index(path: str, before: str, index: Index) -> None:
    """Write the table of all images with corrections: the columns of before, and two more."""
    rows = [
        row
        | {"label": label, "class": index.classes[label], "given": given}
        | {"left_out": "1" if out else ""}
        for row, label, given, out in zip(
            read_csv(before), index.labels, index.given, index.left_out, strict=True
        )
    ]
    write_csv(path, list(rows[0]), (row.values() for row in rows))


def main(arguments: argparse.Namespace) -> None:
    """Write the table of all images with corrections, and what was changed."""
    index, images = read_index(arguments.index), read_array(arguments.images)
    corrections = read_corrections(arguments.corrections)
    after = corrected(index, corrections, images)
    write_index(arguments.output, arguments.index, after)
    changed = changed_images(index, corrections)
    rows = [{**changed[image_id], "image_id": image_id} for image_id in sorted(changed)]
    table = pd.DataFrame([[row[name] for name in COLUMNS] for row in rows], columns=COLUMNS)
    shown = table["image_id"].to_numpy(np.int64)
    table.insert(4, "class", np.array(index.classes)[index.labels[shown]])
    write_table(arguments.table, table)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", required=True, help="array of all images, .npy")
    parser.add_argument("--index", required=True, help="table of all images as decoded, .csv")
    parser.add_argument("--corrections", required=True, help="verdicts, .csv")
    parser.add_argument("--table", required=True, help="verdicts that change something, .csv")
    parser.add_argument("--output", required=True, help="table of all images to write, .csv")
    run_script(parser, main)
