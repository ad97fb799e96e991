#!/usr/bin/env python
"""Rank images by how often the runs that may judge them get them wrong."""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from study.command import run
from study.files import atomic_path, write_text
from study.hardness import hard_examples
from study.index import read_index
from study.partitions import read_partition
from study.predictions import load_predictions
from study.tables import html_page

_SHOWN = 100


def main(arguments: argparse.Namespace) -> None:
    """Write the ranking of all judged images, and a page with the hardest ones."""
    index = read_index(arguments.index)
    classes = np.array(index.classes)
    runs = pd.read_csv(arguments.runs, dtype=str)
    table = hard_examples(
        (
            load_predictions(Path(arguments.folder, run.combo, run.model, f"seed{run.seed}", "predictions.npz"))
            for run in runs.itertuples()
        ),
        index.labels,
        len(classes),
    )
    partition = np.full(len(index.labels), "", dtype=object)
    for path in arguments.partitions:
        partition[read_partition(path)] = Path(path).stem
    table.insert(1, "file", np.array(index.files)[table["image_id"]])
    table.insert(2, "partition", partition[table["image_id"]])
    table.insert(3, "class", classes[table.pop("label")])
    table["predicted"] = classes[table["predicted"]]
    with atomic_path(arguments.output) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6f")

    top = table.head(_SHOWN)
    images = np.load(arguments.images, mmap_mode="r")
    wrong_always = int((table["error_rate"] == 1).sum())
    write_text(
        arguments.page,
        html_page(
            top,
            f"The {len(top)} hardest of {len(table)} images",
            f"{wrong_always} images were misclassified by every run that neither trained on them nor validated on them. "
            "Ranked by error rate over those runs, then by the mean probability of the label.",
            [np.asarray(images[i]) for i in top["image_id"]],
        ),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", required=True, help="list of runs: combo, model, seed, .csv")
    parser.add_argument("--folder", required=True, help="where runs lie as <combo>/<model>/seed<seed>/")
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument("--images", required=True, help="array of all images, .npy")
    parser.add_argument("--partitions", required=True, nargs="+", help="lists of image_ids, <name>.csv")
    parser.add_argument("--output", required=True, help="table to write: a row a judged image, .csv")
    parser.add_argument("--page", required=True, help="page to write with the hardest images, .html")
    run(parser, main)
