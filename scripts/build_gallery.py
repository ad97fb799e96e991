#!/usr/bin/env python
"""Make the page on which every misclassified image can be found, with what each run says of it."""

import argparse
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from study.data.embedding import read_relations
from study.data.index import Index, read_duplicates, read_index
from study.errors import StudyError
from study.files import read_array, read_csv, read_json, read_table, write_text
from study.hardness.ranking import read_ranking
from study.hardness.suspects import why_no_suspects
from study.job import run_script
from study.report.gallery.answers import read_answers
from study.report.gallery.data import (
    GalleryData,
    Maps,
    confused_classes,
    listed_images,
    nearest_training_images,
)
from study.report.gallery.neighbours import what_misled
from study.report.gallery.page import gallery_page
from study.runs.gradcam_maps import load_maps
from study.runs.run import Run, best_run, read_runs

_NEIGHBOURS = 4
_MEGABYTE = 10**6


def read_maps(path: str, runs: Sequence[Run]) -> Maps | None:
    """Return the maps of one model's run, named by the file, <model>.npz; None if it holds none."""
    try:
        maps = load_maps(path)
    except (KeyError, ValueError) as error:
        raise StudyError(
            f"{path}: not the maps of Grad-CAM ({error}); compute them again"
        ) from error
    if not len(maps.image_ids):
        return None
    key = maps.combo, Path(path).stem, maps.seed
    positions = [position for position, run in enumerate(runs) if run.key == key]
    if not positions:
        raise StudyError(
            f"{path}: is of {key[1]} on {maps.combo}, seed {maps.seed}, which is no run of the "
            "study; compute the maps again"
        )
    return Maps(positions[0], maps.image_ids, maps.layers.tolist(), maps.maps)


def data_digest(path: str) -> str:
    """Return a digest of the images and their table as decoded, from their manifest."""
    digests = read_json(path)["sha256"]
    return hashlib.sha256("".join(sorted(digests.values())).encode()).hexdigest()[:16]


def given_labels(index: Index) -> list[tuple[int, str]]:
    """Return the image_id of each image with a corrected label, and its label before."""
    given = index.as_given().labels
    return [(int(i), index.classes[given[i]]) for i in np.flatnonzero(given != index.labels)]


def read_gallery(arguments: argparse.Namespace) -> GalleryData:
    """Return what the gallery shows."""
    index = read_index(arguments.index)
    runs = read_runs(arguments.runs, index.left_out)
    ranking = read_ranking(arguments.table, len(index.labels))
    maps = [maps for path in arguments.gradcam if (maps := read_maps(path, runs)) is not None]
    answers = read_answers(
        (run.predictions() for run in runs),
        index.labels,
        len(index.classes),
        read_duplicates(arguments.duplicates),
    )
    top = read_table(arguments.top_table, usecols=["image_id"])["image_id"].to_numpy(np.int64)
    table = listed_images(ranking, answers, index.labels, top)
    image_ids, confused = table["image_id"].to_numpy(), confused_classes(table, answers, index)
    near = (np.full((len(table), _NEIGHBOURS), -1),) * 2
    usable = (run for run, diverged in zip(runs, answers.diverged, strict=True) if not diverged)
    file = arguments.neighbours
    features = read_relations(file).points if file else None
    if best := best_run(runs) or next(usable, None):
        near = nearest_training_images(
            best.predictions(), index.labels, image_ids, confused, _NEIGHBOURS, features
        )
    misled_by, misleading = what_misled(runs, answers, index.labels, image_ids, confused)
    near_label, near_confused = (
        np.where(misled_by[:, None] < 0, plain, misleading[:, place, :_NEIGHBOURS])
        for place, plain in ((1, near[0]), (0, near[1]))
    )
    return GalleryData(
        table,
        index.classes,
        runs,
        answers,
        read_array(arguments.images),
        data_digest(arguments.manifest),
        runs.index(best) if best else None,
        near_label,
        near_confused,
        confused,
        misled_by,
        ranking.set_index("image_id")[["hardness", "label_suspicion"]].sort_index().to_numpy(),
        maps,
        why_no_suspects(ranking["error_rate"].to_numpy(), ranking["n_comparable"].to_numpy()),
        Path(file).name.removesuffix(".neighbours.npz") if file else "",
        read_csv(arguments.verdicts) if arguments.verdicts else [],
        given_labels(index),
    )


def main(arguments: argparse.Namespace) -> None:
    """Write the page."""
    page = gallery_page(read_gallery(arguments), int(arguments.limit * _MEGABYTE))
    write_text(arguments.output, page.text)
    thumbnails = (
        "without loss"
        if page.quality is None
        else f"of the {page.n_exact:,} hardest without loss, others WebP {page.quality}"
    )
    print(
        f"{page.n_listed:,} images, {page.n_left_out:,} left out to keep within "
        f"{arguments.limit:g} MB; thumbnails {thumbnails}; "
        f"{len(page.text.encode()) / _MEGABYTE:.1f} MB"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", required=True, help="list of runs, .csv, beside the folder runs")
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument("--images", required=True, help="array of all images, .npy")
    parser.add_argument("--manifest", required=True, help="digests of both as decoded, .json")
    parser.add_argument(
        "--duplicates", required=True, help="pairs of images that are nearly the same, .csv"
    )
    parser.add_argument("--table", required=True, help="scores of all images, hardest first, .csv")
    parser.add_argument(
        "--top-table", required=True, help="its images that are shown in any case, .csv"
    )
    parser.add_argument(
        "--neighbours",
        help="what features say of the images, <recipe>.neighbours.npz; default: logits say it",
    )
    parser.add_argument(
        "--verdicts",
        default="",
        help="verdicts that the study was corrected by, .csv; default: none",
    )
    parser.add_argument(
        "--gradcam", nargs="*", default=[], metavar="FILE", help="maps of images, <model>.npz"
    )
    parser.add_argument(
        "--limit",
        type=float,
        default=40,
        help="largest size of the page, in MB (default: %(default)s)",
    )
    parser.add_argument("--output", required=True, help="page to write, .html")
    run_script(parser, main)
