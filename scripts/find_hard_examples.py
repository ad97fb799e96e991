#!/usr/bin/env python
"""Rank all images by how hard they stay for runs that may judge them, and say how far the ranking can be relied on."""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from study.data.index import Index, read_index
from study.data.near_duplicates import read_duplicates
from study.data.partitions import read_partition
from study.files import write_text
from study.hardness.human_votes import READERS, human_columns, read_votes
from study.hardness.judgements import (
    Judge,
    Reliability,
    growth,
    hardness_table,
    list_length,
    split_half,
)
from study.job import run_script
from study.report.plots.hardness import confusion_pairs_figure, growth_figure, hardness_map_figure
from study.report.plots.style import message_figure, save_figure
from study.report.tables import html_page, write_table
from study.runs.legacy import read_runs, run_folder
from study.runs.predictions import load_predictions
from study.runs.run import n_of
from study.seeds import stream_seed

_PAGE = ["image_id", "partition", "class", "hardness", "label_suspicion", "error_rate", "n_eligible", "p_label_mean", "consensus",
         "consensus_share", "kind", "cl_issue"]  # fmt: skip


def judges(runs: pd.DataFrame, folder: Path) -> Iterator[Judge]:
    """Read the runs one by one."""
    for row in runs.itertuples():
        place = run_folder(folder, row.combo, row.model, row.seed)
        with np.load(place / "dynamics.npz", allow_pickle=False) as dynamics:
            yield Judge(row.model, load_predictions(place / "predictions.npz"), dict(dynamics))


def described(
    table: pd.DataFrame,
    index: Index,
    partitions: list[str],
    duplicates: pd.DataFrame,
    people: pd.DataFrame,
) -> pd.DataFrame:
    """Return the table with what is known of the images in front, what people say behind, names for labels; hardest first."""
    n = len(index.labels)
    partition = np.full(n, "", dtype=object)
    for path in partitions:
        partition[read_partition(path)] = Path(path).stem
    names = np.array([*index.classes, ""])  # -1, no class, is the last
    first = pd.DataFrame(
        {
            "image_id": np.arange(n),
            "file": index.files,
            "source_split": index.source_split,
            "partition": partition,
            "class": names[index.labels],
        }
    )
    table = pd.concat([first, table], axis=1)
    for column in ("consensus", "second"):
        table[column] = names[table[column]]
    nearest = pd.concat(
        [duplicates, duplicates.rename(columns={"image_id": "other_id", "other_id": "image_id"})],
        ignore_index=True,
    )
    differ = nearest["image_id"][
        index.labels[nearest["image_id"]] != index.labels[nearest["other_id"]]
    ]
    nearest = nearest.sort_values("distance").drop_duplicates("image_id").set_index("image_id")
    table["near_duplicate"] = (
        nearest["other_id"].reindex(table["image_id"]).astype("Int64").to_numpy()
    )
    table["near_duplicate_distance"] = nearest["distance"].reindex(table["image_id"]).to_numpy()
    table["near_duplicate_other_label"] = table["image_id"].isin(differ)
    return pd.concat([table, people], axis=1).sort_values(
        ["hardness", "p_label_mean", "image_id"],
        ascending=[False, True, True],
        ignore_index=True,
        na_position="last",
    )


def main(arguments: argparse.Namespace) -> None:
    """Write the ranking, its top, how reliable it is, the page and the figures."""
    index = read_index(arguments.index)
    runs = read_runs(arguments.runs)
    scores, judgements = hardness_table(
        judges(runs, Path(arguments.folder)),
        index.labels,
        len(index.classes),
        read_duplicates(arguments.duplicates),
    )
    pairs = pd.read_csv(arguments.duplicates)
    pairs["distance"] = pairs[["pixel_distance", "low_frequency_distance"]].min(axis=1)
    votes = {
        kind: read_votes(kind, path, index)
        for kind, path in zip(arguments.kinds, arguments.votes, strict=True)
    }
    people = human_columns(votes, index.classes, len(index.labels))
    table = described(scores, index, arguments.partitions, pairs, people)
    judged = table[table["n_eligible"] > 0]
    top = judged.head(arguments.top)

    random = np.random.default_rng(stream_seed(0, "reliability"))
    length = list_length(len(judged))
    halves = split_half(judgements, random, tops=sorted({max(1, length // 10), length}))
    reliability = pd.DataFrame(
        [
            half._asdict() | {f"overlap_top_{top}": share for top, share in half.overlap.items()}
            for half in halves
        ],
        columns=None if halves else ["score", "correlation", "full"],
    ).drop(columns="overlap", errors="ignore")
    settling = pd.DataFrame(
        growth(judgements, random, length), columns=["n_runs", "score", "overlap"]
    )
    hard = judged[judged["error_rate"] >= 0.5]
    confusions = (
        hard[hard["consensus"] != hard["class"]]
        .groupby(["class", "consensus"])
        .size()
        .sort_values(ascending=False, kind="stable")
        .reset_index(name="n")
        .rename(columns={"class": "label"})
    )

    for path, written in (
        (arguments.top_table, top),
        (arguments.reliability, reliability),
        (arguments.growth, settling),
        (arguments.confusions, confusions),
    ):
        write_table(path, written, "%.6f")
    suspects = int((judged["kind"] == "consensus other").sum())
    found = f"{len(judged):,} images: on {len(hard):,} at least half the runs are wrong, on {suspects:,} of these they agree"
    save_figure(
        hardness_map_figure(judged, found)
        if len(judged)
        else message_figure("No run may judge any image."),
        arguments.map_figure,
    )
    save_figure(growth_of_the_list(settling, halves, length), arguments.growth_figure)
    save_figure(
        confusion_pairs_figure(
            confusions.head(15),
            f"{confusions['n'].sum():,} of {len(hard):,} images that at least half the runs get wrong: label → the other class that most say",
        )
        if len(confusions)
        else message_figure("No image is wrong for at least half the runs that may judge it."),
        arguments.confusions_figure,
    )
    images = np.load(arguments.images, mmap_mode="r")
    wrong_always = int((judged["error_rate"] == 1).sum())
    agreement = next(
        (half.overlap.get(length) for half in halves if half.score == "hardness"), None
    )
    write_text(
        arguments.page,
        html_page(
            top[_PAGE],
            f"The {len(top)} hardest of {len(judged):,} images",
            f"{n_of(len(judgements.models), len(runs))}. "
            "hardness: mean rank of the label's loss within a run, 0 easy to 1 hard, over runs that neither trained nor validated on the "
            "image or on one nearly the same; models weigh equally. label_suspicion: half of 1 less the mean margin of the label's "
            "probability over the largest other one. consensus: what most of these runs say. cl_issue: flagged by confident learning. "
            f"{wrong_always:,} images were misclassified by every run that may judge them."
            + (
                f" Lists of {length:,} from two random halves of the runs share {agreement:.0%}."
                if agreement is not None
                else ""
            ),
            [np.asarray(images[i]) for i in top["image_id"]],
        ),
    )
    write_table(arguments.output, table, "%.6f")


def growth_of_the_list(settling: pd.DataFrame, halves: list[Reliability], length: int) -> Figure:
    """Return the figure of how the list settles, or why there is none."""
    shares = {half.score: half.overlap.get(length) for half in halves}
    if settling.empty or shares.get("hardness") is None:
        return message_figure(
            f"Too few runs or images to say how reliable the list of the {length:,} hardest is."
        )
    return growth_figure(
        settling,
        f"Halves of the runs share {shares['hardness']:.0%} of the {length:,} hardest; counted by errors, {shares['error_rate']:.0%}",
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
        "--partitions", required=True, nargs="+", help="lists of image_ids, <name>.csv"
    )
    parser.add_argument(
        "--duplicates", required=True, help="pairs of images that are nearly the same, .csv"
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
        "--output", required=True, help="table to write: a row an image, hardest first, .csv"
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
        help="table to write: label and consensus of hard images, .csv",
    )
    parser.add_argument(
        "--page", required=True, help="page to write with the hardest images, .html"
    )
    parser.add_argument("--map-figure", required=True, help="figure to write, .svg or .png")
    parser.add_argument("--growth-figure", required=True, help="figure to write, .svg or .png")
    parser.add_argument("--confusions-figure", required=True, help="figure to write, .svg or .png")
    run_script(parser, main)
