#!/usr/bin/env python
"""Draw the nearest pairs of images that are nearly the same, and those at the threshold."""

import argparse

from study.data.index import read_index
from study.files import read_array, read_table
from study.job import run_script
from study.report.plots.near_duplicates import near_duplicates_figure
from study.report.plots.style import save_figure


def main(arguments: argparse.Namespace) -> None:
    """Write the figure."""
    pairs = read_table(arguments.duplicates)
    images = read_array(arguments.images)
    split = len(set(read_index(arguments.index).source_split)) > 1
    save_figure(near_duplicates_figure(pairs, images, arguments.threshold, split), arguments.output)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--duplicates", required=True, help="one row per pair, nearest first, .csv")
    parser.add_argument("--images", required=True, help="array of all images: uint8, N×H×W×C, .npy")
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument("--threshold", required=True, type=float, help="largest distance")
    parser.add_argument("--output", required=True, help="sheet of pairs to write, .svg")
    run_script(parser, main)
