#!/usr/bin/env python
"""Find the pairs of images that are nearly the same."""

import argparse

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from study.data.index import read_index
from study.data.near_duplicates import near_duplicates
from study.errors import StudyError
from study.job import run_script
from study.report.plots.images import image_pairs_figure
from study.report.plots.style import message_figure, save_figure
from study.report.tables import write_table

_SHOWN = 18  # pairs, nearest and at the threshold each


def main(arguments: argparse.Namespace) -> None:
    """Write the table of all pairs, and a sheet of the nearest and of those at the threshold."""
    index = read_index(arguments.index)
    images = np.load(arguments.images, mmap_mode="r")
    if len(images) != len(index.labels):
        raise StudyError(
            f"{arguments.images}: expected an image for each of the {len(index.labels)} rows of "
            f"{arguments.index}, found {len(images)}; decode the data set again"
        )
    with threadpool_limits(arguments.threads):
        table = near_duplicates(images, arguments.threshold)
    for name, values in (
        ("class", np.array(index.classes)[index.labels]),
        ("source_split", index.source_split),
    ):
        table[name], table[f"other_{name}"] = values[table["image_id"]], values[table["other_id"]]
    table["labels_differ"] = table["class"] != table["other_class"]
    write_table(arguments.output, table, "%.6f")

    title = _finding(table, split=len(set(index.source_split)) > 1)
    shown = _shown_pairs(table, images, arguments.threshold)
    save_figure(
        image_pairs_figure(shown, title) if shown else message_figure(title), arguments.figure
    )


def _shown_pairs(
    table: pd.DataFrame, images: np.ndarray, threshold: float
) -> dict[str, list[tuple[np.ndarray, np.ndarray, str]]]:
    """Return the pairs to show by the title of their panel: both images and a caption."""
    nearest, rest = table.head(_SHOWN), table.iloc[_SHOWN:].tail(_SHOWN)
    panels = {"Nearest": nearest, f"Last ones up to the threshold, {threshold:g}": rest}
    return {
        name: [
            (images[pair.image_id], images[pair.other_id], _caption(pair))
            for _, pair in part.iterrows()
        ]
        for name, part in panels.items()
        if len(part)
    }


def _caption(pair: pd.Series) -> str:
    labels = " / ".join(dict.fromkeys([pair["class"], pair["other_class"]]))
    return (
        f"{pair.image_id}, {pair.other_id}\n{labels}\n"
        f"pixel {pair.pixel_distance:.2f}, low freq. {pair.low_frequency_distance:.2f}"
    )


def _finding(table: pd.DataFrame, split: bool) -> str:
    if table.empty:
        return "No two images are near-duplicates"
    parts = []
    if split:
        across = table[table["source_split"] != table["other_source_split"]]
        test = np.where(across["source_split"] == "test", across["image_id"], across["other_id"])
        parts.append(
            f"{len(across):,} across the publisher's train and test "
            f"({len(np.unique(test)):,} test images)"
        )
    parts.append(f"{table['labels_differ'].sum() or 'none'} with different labels")
    return f"{len(table):,} pairs of near-duplicates: {', '.join(parts)}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", required=True, help="array of all images: uint8, N×H×W×C, .npy")
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument(
        "--threshold",
        required=True,
        type=float,
        help="largest distance; 0: byte-identical images only",
    )
    parser.add_argument("--threads", type=int, default=1, help="threads of the matrix products")
    parser.add_argument("--figure", required=True, help="sheet of pairs to write, .svg")
    parser.add_argument("--output", required=True, help="table to write: a row a pair, .csv")
    run_script(parser, main)
