#!/usr/bin/env python
"""Compare scores of hardness with people's judgements of the same images."""

import argparse

import numpy as np
import pandas as pd

from study.data.index import Index, read_index
from study.errors import StudyError
from study.files import read_table, write_table, write_text
from study.hardness.human_agreement import (
    COLUMNS,
    HARD_FOR_MODELS,
    agreement,
    finding,
    human_error_by_hardness,
    judged_images,
    models_and_people,
)
from study.hardness.human_votes import HARD_FOR_PEOPLE, human_targets
from study.hardness.noise_ceiling import halves_of
from study.hardness.vote_files import READERS, read_votes
from study.job import run_script
from study.report.plots.style import Figure, message_figure, save_figure
from study.report.plots.validation import human_error_figure, precision_recall_figure
from study.report.tables import html_page


def main(arguments: argparse.Namespace) -> None:
    """Write the figures, the page and the table: one row per target, source, score and metric."""
    if len(arguments.kinds) != len(arguments.votes) or arguments.resamples < 1:
        raise StudyError(
            "expected as many --kinds as --votes, and --resamples from 1 on; see --help"
        )
    index = read_index(arguments.index)
    images = images_by_source(arguments, index)
    results = compared(arguments, index, images)
    title = finding(results)
    crossed = {
        kind: models_and_people(judged)
        for kind, judged in images.items()
        if judged["p_label_mean"].notna().all()
    }
    nothing = message_figure(f"{title}.")
    figure = precision_recall_figure(images, results, title) if images else nothing
    save_figure(figure, arguments.precision_recall)
    save_figure(human_error(crossed, images) if crossed else nothing, arguments.human_error)
    text = description(arguments, images, crossed)
    write_text(arguments.page, html_page(results, title, text, of="validation.csv"))
    write_table(arguments.output, results, "%.6f")


def images_by_source(arguments: argparse.Namespace, index: Index) -> dict[str, pd.DataFrame]:
    """Return the images that both models and people judged, by the kind of the votes, if any."""
    hard_examples = read_table(arguments.hard_examples)
    images = {
        kind: judged_images(hard_examples, human_targets(read_votes(kind, path, index)))
        for kind, path in zip(arguments.kinds, arguments.votes, strict=True)
    }
    return {kind: judged for kind, judged in images.items() if len(judged)}


def compared(
    arguments: argparse.Namespace, index: Index, images: dict[str, pd.DataFrame]
) -> pd.DataFrame:
    """Return how well each score agrees with people, source by source."""
    tables = [
        agreement(judged, arguments.resamples, arguments.seed, index.groups, index.labels)
        for judged in images.values()
    ]
    for kind, table in zip(images, tables, strict=True):
        table.insert(1, "source", kind)
    empty = pd.DataFrame(columns=[COLUMNS[0], "source", *COLUMNS[1:]])
    return pd.concat(tables, ignore_index=True) if tables else empty


def human_error(crossed: dict[str, np.ndarray], images: dict[str, pd.DataFrame]) -> Figure:
    """Return the figure of what is hard for whom."""
    shares = ", ".join(
        f"{table[1, 1] / max(1, table[1].sum()):.0%} ({kind})" for kind, table in crossed.items()
    )
    return human_error_figure(
        crossed,
        {kind: human_error_by_hardness(images[kind]) for kind in crossed},
        [f"p(label) < {HARD_FOR_MODELS}", f"human error ≥ {HARD_FOR_PEOPLE}"],
        f"Of the images hard for models, hard for people too: {shares}",
    )


def description(
    arguments: argparse.Namespace,
    images: dict[str, pd.DataFrame],
    crossed: dict[str, np.ndarray],
) -> str:
    """Return what the page says above its table."""
    counts = "".join(
        f" {kind}: {table[1, 1]} hard for both, {table[1, 0]} for models only, "
        f"{table[0, 1]} for people only, {table[0, 0]} for neither."
        for kind, table in crossed.items()
    )
    missing = "".join(
        f" {kind} has none: its images have one vote each, which cannot be halved."
        for kind, judged in images.items()
        if halves_of(judged, 0) is None
    )
    missing += "".join(
        f" {kind} is not compared: no run judged an image that its votes are about. Images that "
        "were left out and reviews of labels that were corrected since do not count."
        for kind in arguments.kinds
        if kind not in images
    )
    return (
        "Scores of hardness against what people said of the same images; low and high are the ends "
        f"of 95 % intervals from {arguments.resamples} bootstrap resamples of the images, the same "
        f"for all scores. Hard for models: mean probability of the label below {HARD_FOR_MODELS}; "
        f"hard for people: at least {HARD_FOR_PEOPLE:.0%} of them chose otherwise.{counts} The "
        "noise ceiling is what the best possible score could reach with so few votes (split "
        f"halves, Spearman–Brown).{missing}"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hard-examples", required=True, help="scores of all images, .csv")
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument(
        "--kinds", required=True, nargs="+", choices=READERS, help="what each file of --votes is"
    )
    parser.add_argument("--votes", required=True, nargs="+", help="files with people's votes")
    parser.add_argument(
        "--resamples", type=int, default=2000, help="bootstrap resamples of the images"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the resamples")
    parser.add_argument("--page", required=True, help="page to write, .html")
    parser.add_argument(
        "--precision-recall",
        required=True,
        help="figure to write: precision over recall, .svg or .png",
    )
    parser.add_argument(
        "--human-error", required=True, help="figure to write: what is hard for whom, .svg or .png"
    )
    parser.add_argument("--output", required=True, help="table to write, .csv")
    run_script(parser, main)
