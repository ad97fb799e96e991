#!/usr/bin/env python
"""List the images of a partition that none of the models on a growing chain of combos learnt."""

import argparse
import html
from pathlib import Path

import numpy as np
import pandas as pd

from study.config.combos import chain_of
from study.data.index import Index, read_image_ids, read_index
from study.errors import StudyError
from study.files import write_table, write_text
from study.hardness.hard_to_learn import chains_of, hard_to_learn, text_report
from study.job import run_script
from study.report.pages import fill_page
from study.runs.run import read_runs


def main(arguments: argparse.Namespace) -> None:
    """Write the list and the report."""
    index = read_index(arguments.index)
    runs = read_runs(arguments.runs, index.left_out)
    partition = Path(arguments.partition).stem
    combos = chain_of(list(dict.fromkeys(run.combo for run in runs)), partition)
    if not combos:
        raise StudyError(
            f"the study has no runs on {partition} alone, from which the chain of combos starts; "
            f"add {partition} to 'combos'"
        )
    image_ids = read_image_ids(arguments.partition)
    images, counts, left_out = hard_to_learn(chains_of(runs, combos), image_ids, index.labels)
    report = text_report(images, counts, left_out, index.classes, partition, combos)
    write_table(arguments.table, named(images, index))
    write_text(arguments.report, report)
    title, _, rest = report.partition("\n")
    write_text(arguments.page, fill_page("text", title=html.escape(title), text=html.escape(rest)))


def named(images: pd.DataFrame, index: Index) -> pd.DataFrame:
    """Return the list of images with names for the numbers of classes."""
    names = np.array(index.classes)
    return pd.DataFrame(
        {
            "Image": images["image_id"],
            "True Label": names[images["true"]],
            "Predicted Label": names[images["predicted"]],
            "file": np.array(index.files)[images["image_id"]],
            "judged": images["judged"],
            "model": images["model"],
            "seed": images["seed"].map(lambda seed: "all" if seed == -1 else seed),
        }
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", required=True, help="list of runs: combo, model, seed, .csv")
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument(
        "--partition", required=True, help="list of the partition's image_ids, <name>.csv"
    )
    parser.add_argument(
        "--table",
        required=True,
        help="table to write: one row per image, model, seed and way of judging, .csv",
    )
    parser.add_argument("--report", required=True, help="report to write, .txt")
    parser.add_argument(
        "--page", required=True, help="the same as a page, which a browser shows, .html"
    )
    run_script(parser, main)
