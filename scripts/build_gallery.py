#!/usr/bin/env python
"""Make a page on which every image that some run misclassified can be found, with what each run says of it."""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from study.data.index import Index, read_index
from study.data.near_duplicates import read_duplicates
from study.errors import StudyError
from study.files import write_text
from study.job import run_script
from study.report.gallery.answers import misclassified, most_confused_with, read_answers
from study.report.gallery.neighbours import nearest_of_class
from study.report.gallery.page import Hard, Maps, gallery_page
from study.runs.gradcam_maps import load_maps
from study.runs.legacy import read_runs, run_folder
from study.runs.predictions import Predictions, load_predictions

_NEIGHBOURS = 4
_MEGABYTE = 10**6


def predictions_of(runs: pd.DataFrame, folder: Path) -> Iterator[Predictions]:
    """Read the predictions of the runs one by one."""
    for row in runs.itertuples():
        yield load_predictions(
            run_folder(folder, row.combo, row.model, row.seed) / "predictions.npz"
        )


def read_ranking(path: str, index: Index) -> pd.DataFrame:
    """Return the table of hard examples, hardest first."""
    table = pd.read_csv(
        path,
        keep_default_na=False,
        na_values=[""],
        dtype={"class": str, "partition": str, "file": str},
    )
    if "image_id" not in table or sorted(table["image_id"]) != list(range(len(index.labels))):
        raise StudyError(
            f"{path}: expected a row for each of the {len(index.labels):,} images; find the hard examples again"
        )
    return table


def read_maps(path: str, runs: pd.DataFrame) -> Maps | None:
    """Return the maps of one model's run, named by the file: <model>.npz; None where it holds none, as when all runs diverged."""
    try:
        found = load_maps(path)
    except (KeyError, ValueError) as error:
        raise StudyError(
            f"{path}: not the maps that gradcam.py writes ({error}); compute them again"
        ) from error
    if not len(found.image_ids):
        return None
    model = Path(path).stem
    place = np.flatnonzero(
        (runs["combo"] == found.combo) & (runs["model"] == model) & (runs["seed"] == found.seed)
    )
    if not len(place):
        raise StudyError(
            f"{path}: is of {model} on {found.combo}, seed {found.seed}, which is no run of the study; compute the maps again"
        )
    return Maps(int(place[0]), found.image_ids, found.layers.tolist(), found.maps)


def main(arguments: argparse.Namespace) -> None:
    """Write the page."""
    index = read_index(arguments.index)
    table = read_ranking(arguments.table, index)
    runs = read_runs(arguments.runs)
    maps = [maps for path in arguments.gradcam if (maps := read_maps(path, runs)) is not None]
    folder, n_classes = Path(arguments.folder), len(index.classes)
    answers = read_answers(
        predictions_of(runs, folder), index.labels, n_classes, read_duplicates(arguments.duplicates)
    )

    listed = misclassified(answers, index.labels)
    listed[
        pd.read_csv(arguments.top_table, usecols=["image_id"])["image_id"].to_numpy(np.int64)
    ] = True
    number = {name: label for label, name in enumerate(index.classes)}
    table = table[listed[table["image_id"]]].reset_index(drop=True)
    ids = table["image_id"].to_numpy()
    second = np.full(len(index.labels), -1)
    second[ids] = table["second"].map(number).fillna(-1)
    confused = most_confused_with(answers, index.labels, n_classes, second)[ids]

    near = np.full((2, len(ids), _NEIGHBOURS), -1)
    if answers.best_run is not None:
        best = runs.iloc[[answers.best_run]]
        predictions = next(predictions_of(best, folder))
        trained, right = (
            predictions.has_role("train"),
            answers.predicted[answers.best_run] == index.labels,
        )
        for found, pool, wanted in zip(
            near, (trained & right, trained), (index.labels[ids], confused), strict=True
        ):
            found[:] = nearest_of_class(
                predictions.logits, index.labels, pool, ids, wanted, _NEIGHBOURS
            )
    images = np.load(arguments.images, mmap_mode="r")
    hard = Hard(table, index.classes, runs, answers, images, near[0], near[1], confused, maps)
    page = gallery_page(hard, int(arguments.limit * _MEGABYTE))
    write_text(arguments.output, page.text)
    print(
        f"{page.n_listed:,} images, {page.n_left_out:,} left out to keep within {arguments.limit:g} MB; thumbnails "
        + (
            "without loss"
            if page.quality is None
            else f"of the {page.n_exact:,} hardest without loss, others WebP {page.quality}"
        )
        + f"; {len(page.text.encode()) / _MEGABYTE:.1f} MB"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", required=True, help="list of runs: combo, model, seed, .csv")
    parser.add_argument(
        "--folder", required=True, help="where runs lie as <combo>/<model>/seed<seed>/"
    )
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument("--images", required=True, help="array of all images, .npy")
    parser.add_argument(
        "--duplicates", required=True, help="pairs of images that are nearly the same, .csv"
    )
    parser.add_argument("--table", required=True, help="scores of all images, hardest first, .csv")
    parser.add_argument(
        "--top-table", required=True, help="its images that are shown in any case, .csv"
    )
    parser.add_argument(
        "--gradcam", nargs="+", default=[], metavar="FILE", help="maps of images, <model>.npz"
    )
    parser.add_argument(
        "--limit",
        type=float,
        default=40,
        help="largest size of the page, in MB (default: %(default)s)",
    )
    parser.add_argument("--output", required=True, help="page to write, .html")
    run_script(parser, main)
