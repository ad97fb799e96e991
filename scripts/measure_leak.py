#!/usr/bin/env python
"""Measure how much the two DVC studies' way of splitting flatters: models scored on test images that they trained on."""

import argparse
from pathlib import Path

import pandas as pd

from study.comparison.leaks import leak
from study.data.index import read_index
from study.data.splits import read_split
from study.errors import StudyError
from study.files import read_yaml, write_text
from study.job import run_script
from study.report.tables import html_page, write_table
from study.runs.legacy import run_folder
from study.runs.predictions import load_predictions


def main(arguments: argparse.Namespace) -> None:
    """Write a row for each system, combo and seed, and the page."""
    published = read_yaml(arguments.published)
    labels = read_index(arguments.index).labels
    results = Path(arguments.results)
    rows = []
    for name in arguments.systems:
        system = published[name]
        partition = system["leak"]["partition"]
        for combo in system["leak"]["combos"]:
            for seed in arguments.seeds:
                model, file = system["model"], f"seed{seed}.csv"
                leaky, right = (
                    load_predictions(
                        run_folder(results / "runs", place, model, seed) / "predictions.npz"
                    )
                    for place in (f"{combo}{arguments.suffix}", combo)
                )
                if leaky.diverged or right.diverged:
                    continue
                test = read_split(results / "splits" / f"{partition}{arguments.suffix}" / file)[
                    "test"
                ]
                right_test = read_split(results / "splits" / partition / file)["test"]
                rows.append(
                    {
                        "system": name,
                        "model": model,
                        "trained_on": combo,
                        "tested_on": partition,
                        "seed": seed,
                    }
                    | dict(leak(leaky, test, right, right_test, labels))
                )
    if not rows:
        raise StudyError(
            "all these runs diverged: there is nothing to compare; lower 'optimizer.lr' in the recipes"
        )
    table = pd.DataFrame(rows)
    write_table(arguments.output, table, "%.6f")
    flattery = 100 * table["flattery"]
    write_text(
        arguments.page,
        html_page(
            table,
            f"Splitting each combo afresh flatters by {flattery.mean():.1f} points ({flattery.min():.1f} to {flattery.max():.1f})",
            "As the two DVC studies did it, every combo is split by itself, and a partition's test images may be training images of a "
            "larger combo. accuracy: such a model on the partition's test images; accuracy_unseen: the same model on those of them "
            "that it neither trained nor validated on; flattery: the difference. accuracy_right: a model of the same combo whose "
            "split is the union of its partitions' splits, on the partition's test images, none of which it has seen.",
        ),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--published", required=True, help="published figures, .yaml")
    parser.add_argument("--systems", required=True, nargs="+", help="which of them, such as S0 S1")
    parser.add_argument("--seeds", required=True, nargs="+", type=int, help="seeds of our runs")
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument("--results", required=True, help="results folder with runs and splits")
    parser.add_argument(
        "--suffix", required=True, help="what the names of combos that were split afresh end with"
    )
    parser.add_argument("--page", required=True, help="page to write, .html")
    parser.add_argument(
        "--output", required=True, help="table to write: a row a model and seed, .csv"
    )
    run_script(parser, main)
