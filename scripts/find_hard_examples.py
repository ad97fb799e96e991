#!/usr/bin/env python
"""Rank all images by how hard they stay, and say how far the ranking can be relied on."""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from study.data.embedding import columns
from study.data.index import Index, read_duplicates, read_image_ids, read_index
from study.files import read_array, read_table, write_table, write_text
from study.hardness.human_votes import human_columns
from study.hardness.judgements import Judgements, RunRanks, read_judgements
from study.hardness.ranking import confusions, ranked
from study.hardness.reliability import (
    Reliability,
    growth,
    list_length,
    reliability_table,
    split_half,
)
from study.hardness.scores import hardness_table, mistakes_of_four
from study.hardness.vote_files import READERS, read_votes
from study.job import run_script
from study.report.plots.hardness import confusion_pairs_figure, growth_figure, hardness_map_figure
from study.report.plots.style import Figure, message_figure, save_figure
from study.report.tables import html_page
from study.runs.run import n_of, read_runs
from study.seeds import stream_seed
from study.wording import counted, percentage

_PAGE = [
    "image_id", "partition", "class", "hardness", "label_suspicion", "n_eligible", "consensus",
    "consensus_share", "n_comparable", "error_rate", "p_label_mean", "kind", "cl_issue",
]  # fmt: skip

# Of so few images, how much two lists share is chance.
_WORTH_TELLING = 20


def main(arguments: argparse.Namespace) -> None:
    """Write the ranking, its top, how reliable it is, the page and the figures."""
    index = read_index(arguments.index)
    runs = read_runs(arguments.runs, index.left_out)
    duplicates = read_duplicates(arguments.duplicates)
    judgements = read_judgements(runs, index.labels, len(index.classes), duplicates)
    table = ranking(arguments, index, judgements)
    judged = table[table["n_eligible"] > 0]
    top = judged.head(arguments.top)
    write_table(arguments.top_table, top, "%.6f")
    halves = write_reliability(arguments, judgements.ranks, len(judged))
    write_confusions(arguments, judged)
    save_figure(hardness_map_figure(judged, mistakes_of_four(table)), arguments.map_figure)
    images = read_array(arguments.images)
    n_runs = n_of(len(judgements.ranks.models) + judgements.n_repeated, len(runs))
    page = html_page(
        top[_PAGE],
        f"The {len(top)} hardest of {len(judged):,} images",
        description(table, n_runs, halves),
        [np.asarray(images[i]) for i in top["image_id"]],
        of="hard_examples.csv",
    )
    write_text(arguments.page, page)
    write_behind(arguments, judgements.behind.table(table), images)
    write_table(arguments.output, table, "%.6f")


def ranking(arguments: argparse.Namespace, index: Index, judgements: Judgements) -> pd.DataFrame:
    """Return all images, hardest first, with what is known of them."""
    votes = {
        kind: read_votes(kind, path, index)
        for kind, path in zip(arguments.kinds, arguments.votes, strict=True)
    }
    scores = hardness_table(judgements).assign(**columns(arguments.neighbours))
    return ranked(
        scores,
        index,
        {Path(path).stem: read_image_ids(path) for path in arguments.partitions},
        read_table(arguments.duplicates),
        human_columns(votes, index.classes, len(index.labels)),
    )


def write_reliability(
    arguments: argparse.Namespace, ranks: RunRanks, n_judged: int
) -> list[Reliability]:
    """Write how far the list can be relied on, how it settles, and a figure; return the former."""
    random = np.random.default_rng(stream_seed(0, "reliability"))
    length = list_length(n_judged)
    halves = split_half(ranks, random, tops=sorted({max(1, length // 10), length}))
    settling = growth(ranks, random, length)
    write_table(arguments.reliability, reliability_table(halves), "%.6f")
    write_table(arguments.growth, settling, "%.6f")
    save_figure(growth_of_the_list(settling, halves, length), arguments.growth_figure)
    return halves


def growth_of_the_list(settling: pd.DataFrame, halves: list[Reliability], length: int) -> Figure:
    """Return the figure of how the list settles, or why there is none."""
    shares = {half.score: half.overlap.get(length) for half in halves}
    if settling.empty or shares.get("hardness") is None:
        return message_figure(
            f"Too few runs or images to say how reliable the list of the {length:,} hardest is."
        )
    title = f"Halves of the runs share {_shown(shares['hardness'])} of the {length:,} hardest"
    # Comparable runs may be too few for halves.
    if shares.get("error_rate") is not None:
        title += f"; counted by errors, {_shown(shares['error_rate'])}"
    return growth_figure(settling, title)


def _shown(share: float) -> str:
    """Return a share as the start page, which reads it from the table, has it."""
    return percentage(round(share, 6), 0)


def write_confusions(arguments: argparse.Namespace, judged: pd.DataFrame) -> None:
    """Write what hard images are taken for, and a figure."""
    hard = judged[judged["wrong_of_four"] >= 2]
    table = confusions(hard)
    write_table(arguments.confusions, table, "%.6f")
    figure = (
        confusion_pairs_figure(
            table.head(15),
            f"{counted(len(hard), 'image')} that two or more of four judges get wrong: "
            "label → what runs most often take it for",
        )
        if len(table)
        else message_figure(
            "No image is wrong for two of four judges of equal training size."
            if judged["wrong_of_four"].notna().any()
            else f"{mistakes_of_four(judged)}."
        )
    )
    save_figure(figure, arguments.confusions_figure)


def write_behind(arguments: argparse.Namespace, table: pd.DataFrame, images: np.ndarray) -> None:
    """Write which training images stand behind mistakes, and a page of the worst."""
    write_table(arguments.behind, table, "%.6f")
    top = table.head(arguments.top)
    page = html_page(
        top,
        f"The {len(top)} training images that stand behind most mistakes",
        "A run that is mistaken sees this image as the nearest of those of the class that it says. "
        "Mistakes count of runs that may judge the image. Look at the label of what stands "
        "behind many: it may be the wrong one.",
        [np.asarray(images[i]) for i in top["image_id"]],
        of="hard_examples/behind_mistakes.csv",
    )
    write_text(arguments.behind_page, page)


def description(table: pd.DataFrame, n_runs: str, halves: list[Reliability]) -> str:
    """Return what the page says above its table."""
    length = list_length(int((table["n_eligible"] > 0).sum()))
    shared = [half.overlap.get(length) for half in halves if half.score == "hardness"]
    agreement = (
        f" Lists of {length:,} from two random halves of the runs share {_shown(shared[0])}."
        if length >= _WORTH_TELLING and shared and shared[0] is not None
        else ""
    )
    return (
        f"{n_runs}. An image is judged by the runs that neither trained nor validated on it, or on "
        f"one nearly the same; models weigh equally. {mistakes_of_four(table)}.{agreement}"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", required=True, help="list of runs: combo, model, seed, .csv")
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument("--images", required=True, help="array of all images, .npy")
    parser.add_argument(
        "--partitions", required=True, nargs="+", help="lists of image_ids, <name>.csv"
    )
    parser.add_argument(
        "--duplicates", required=True, help="pairs of images that are nearly the same, .csv"
    )
    parser.add_argument(
        "--neighbours", help="what a network's features say of the images, .npz; default: nothing"
    )
    parser.add_argument(
        "--kinds", nargs="*", default=[], choices=READERS, help="what each file of --votes is"
    )
    parser.add_argument(
        "--votes",
        nargs="*",
        default=[],
        help="files with people's votes, for columns beside the scores",
    )
    parser.add_argument(
        "--top",
        type=int,
        default=100,
        help="how many are shown and listed apart (default: %(default)s)",
    )
    parser.add_argument(
        "--output", required=True, help="table to write: one row per image, hardest first, .csv"
    )
    parser.add_argument("--top-table", required=True, help="its first rows, to write, .csv")
    parser.add_argument(
        "--reliability",
        required=True,
        help="table to write: how far halves of the runs agree, .csv",
    )
    parser.add_argument(
        "--growth",
        required=True,
        help="table to write: how the list settles with the number of runs, .csv",
    )
    parser.add_argument(
        "--confusions",
        required=True,
        help="table to write: labels of hard images and what these are taken for, .csv",
    )
    parser.add_argument(
        "--behind",
        required=True,
        help="table to write: training images that stand behind mistakes, .csv",
    )
    parser.add_argument("--behind-page", required=True, help="page to write with these, .html")
    parser.add_argument(
        "--page", required=True, help="page to write with the hardest images, .html"
    )
    parser.add_argument("--map-figure", required=True, help="figure to write, .svg or .png")
    parser.add_argument("--growth-figure", required=True, help="figure to write, .svg or .png")
    parser.add_argument("--confusions-figure", required=True, help="figure to write, .svg or .png")
    run_script(parser, main)
