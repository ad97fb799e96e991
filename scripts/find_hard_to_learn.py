#!/usr/bin/env python
"""List the images of a partition that none of the models on a growing chain of combos learnt."""

import argparse
import html
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from study.config.combos import chain_of
from study.data.index import read_index
from study.data.partitions import read_partition
from study.errors import StudyError
from study.files import write_text
from study.hardness.hard_to_learn import Chain, hard_to_learn, text_report
from study.job import run_script
from study.report.pages import fill_page
from study.report.tables import write_table
from study.runs.legacy import read_runs, run_folder
from study.runs.predictions import load_predictions


class Chains:
    """The chains of all models and seeds, read anew whenever they are gone through."""

    def __init__(self, folder: Path, combos: list[str], models: list[str], seeds: list[int]):
        self.folder, self.combos, self.models, self.seeds = folder, combos, models, seeds

    def __iter__(self) -> Iterator[Chain]:
        for model in self.models:
            for seed in self.seeds:
                paths = {
                    combo: run_folder(self.folder, combo, model, seed) / "predictions.npz"
                    for combo in self.combos
                }
                yield Chain(
                    model, seed, {combo: load_predictions(path) for combo, path in paths.items()}
                )


def main(arguments: argparse.Namespace) -> None:
    """Write the list and the report."""
    index = read_index(arguments.index)
    runs = read_runs(arguments.runs)
    combos, models, seeds = (
        list(dict.fromkeys(runs[column])) for column in ("combo", "model", "seed")
    )
    partition = Path(arguments.partition).stem
    chain = chain_of(combos, partition)
    if not chain:
        raise StudyError(
            f"the study has no runs on {partition} alone, from which the chain of combos starts; add {partition} to 'combos'"
        )
    chains = Chains(Path(arguments.folder), chain, models, seeds)
    images, counts = hard_to_learn(chains, read_partition(arguments.partition), index.labels)
    report = text_report(images, counts, index.classes, partition, chain)
    names = np.array(index.classes)
    table = pd.DataFrame(
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
    write_table(arguments.table, table)
    write_text(arguments.report, report)
    title, _, rest = report.partition("\n")
    write_text(arguments.page, fill_page("text", title=html.escape(title), text=html.escape(rest)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", required=True, help="list of runs: combo, model, seed, .csv")
    parser.add_argument(
        "--folder", required=True, help="where runs lie as <combo>/<model>/seed<seed>/"
    )
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument(
        "--partition", required=True, help="list of the partition's image_ids, <name>.csv"
    )
    parser.add_argument(
        "--table",
        required=True,
        help="table to write: a row an image, model, seed and way of judging, .csv",
    )
    parser.add_argument("--report", required=True, help="report to write, .txt")
    parser.add_argument(
        "--page", required=True, help="the same as a page, which a browser shows, .html"
    )
    run_script(parser, main)
