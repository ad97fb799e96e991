#!/usr/bin/env python
"""Find by a network's features which images are alike, and which are like no other."""

import argparse

import numpy as np

from study.data.embedding import most_alike, relations
from study.data.index import read_duplicates, read_index
from study.files import atomic_path, read_array, write_csv
from study.job import run_script


def main(arguments: argparse.Namespace) -> None:
    """Write what the features say of each image, and the pairs that are most alike."""
    index = read_index(arguments.index)
    found = relations(read_array(arguments.features), arguments.map_by)
    pairs, distances = most_alike(found, arguments.pairs)
    known = {tuple(sorted(pair)) for pair in read_duplicates(arguments.duplicates).tolist()}
    names = np.array(index.classes)[index.labels]
    with atomic_path(arguments.output) as temporary:
        np.savez(temporary, **found._asdict())
    write_csv(
        arguments.table,
        ["image_id", "other_id", "distance", "class", "other_class", "near_duplicate"],
        [
            (a, b, f"{distance:.6f}", names[a], names[b], int((a, b) in known))
            for (a, b), distance in zip(pairs.tolist(), distances, strict=True)
        ],
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--features", required=True, help="of all images, .npy")
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument(
        "--duplicates", required=True, help="pairs of images whose pixels are nearly the same, .csv"
    )
    parser.add_argument(
        "--pairs", type=int, default=500, help="how many are listed (default: %(default)s)"
    )
    parser.add_argument(
        "--map-by",
        choices=["pca", "umap"],
        default="pca",
        help="what places images on the map (default: %(default)s)",
    )
    parser.add_argument("--output", required=True, help="arrays to write, .npz")
    parser.add_argument("--table", required=True, help="the most alike pairs, to write, .csv")
    run_script(parser, main)
