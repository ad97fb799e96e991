#!/usr/bin/env python
"""Verify a finished study: files are what was recorded, splits leak nothing, and every number of the summary follows from the logits."""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from study.command import run
from study.datasets import OFFICIAL
from study.duplicates import read_duplicates
from study.errors import StudyError
from study.files import read_csv, read_json
from study.index import read_index
from study.partitions import read_partition, read_split, union
from study.predictions import load_predictions
from study.runs import run_folder
from study.tables import write_table
from study.verification import (
    Check,
    accuracy_without_twins,
    judged_by,
    problems,
    recorded_digests,
    roles_hold,
    splits_hold,
    summary_agrees,
    summary_row,
)


def checks(results: Path, names: list[str], twins: list[dict]) -> Iterator[Check]:
    """Yield all checks of a study, in the order in which its files were made; add a row a run to `twins`."""
    recorded = read_json(results / "study.json")
    digests_of_runs = {(run["combo"], run["model"], run["seed"]): run["sha256"] for run in recorded["runs"]}
    manifest = read_json(results / "data" / "manifest.json")
    yield from recorded_digests(manifest["sha256"], results / "data", "data is what was decoded")
    described = read_json(results / "partitions" / "manifest.json")["partitions"]
    digests = {f"{name}.csv": described[name]["sha256"] for name in names}
    yield from recorded_digests(digests, results / "partitions", "partitions are what was drawn")
    index = read_index(results / "data" / "index.csv")
    summary = pd.read_csv(results / "summary.csv", dtype={"combo": str, "model": str})
    seeds = summary["seed"].unique().tolist()
    partitions = {name: read_partition(results / "partitions" / f"{name}.csv") for name in names}
    splits = {
        (name, seed): read_split(results / "splits" / name / f"seed{seed}.csv") for name in names for seed in seeds
    }
    yield from splits_hold(partitions, splits, len(index.labels))
    pairs = read_duplicates(results / "data" / "near_duplicates.csv")

    for row in summary.to_dict("records"):
        combo, seed = row["combo"], row["seed"]
        folder = run_folder(results / "runs", combo, row["model"], seed)
        record, metrics = read_json(folder / "run.json"), read_json(folder / "metrics.json")
        digests = {
            "model.safetensors": record["sha256"]["weights"],
            "predictions.npz": metrics.get("sha256", {}).get("predictions", ""),
        }
        yield from recorded_digests(digests, folder, "weights and predictions are what was made")
        agrees = digests_of_runs.get((combo, row["model"], seed)) == {
            "weights": digests["model.safetensors"],
            "predictions": digests["predictions.npz"],
        }
        problem = "" if agrees else "is not the run that study.json records"
        yield Check("runs are those of the study's record", str(folder), problem)
        parents = {path: digest for path, digest in record.get("parents", {}).items() if path.endswith(".csv")}
        yield from recorded_digests(parents, results.parent, "splits are those that were trained on")
        predictions = load_predictions(folder / "predictions.npz")
        whole = combo == OFFICIAL
        own = (
            [read_split(results / "splits" / OFFICIAL / f"seed{seed}.csv")]
            if whole
            else [splits[part, seed] for part in combo.split("+")]
        )
        yield Check("roles are those of the splits", str(folder), roles_hold(predictions, own))
        common = union([splits[name, seed] for name in names], "test")
        judged = judged_by(predictions, pairs)
        history = read_csv(folder / "history.csv")
        again = summary_row(record, history, metrics["temperature"], predictions, index, own, common, judged)
        yield Check("summary follows from the logits", str(folder), summary_agrees(row, again))
        if record["status"] == "ok":
            test = common if again["n_common_test"] else np.flatnonzero(predictions.has_role("test"))
            n, accuracy = accuracy_without_twins(predictions, index.labels, test, judged)
            twins.append({key: row[key] for key in ("combo", "model", "seed")} | {"n_seen_twins": n, "accuracy_without": accuracy}
                         | {"accuracy": again[f"{again['measured_on']}_accuracy"]})  # fmt: skip
    # Last, because what is checked above says better what is wrong with one of these.
    yield from recorded_digests(recorded["files"], results.parent, "shared files are those of the study's record")


def main(arguments: argparse.Namespace) -> None:
    """Write the tables of checks and of near-duplicates, print what was found, and fail if anything is wrong."""
    results, twins = Path(arguments.results), []
    made = list(checks(results, arguments.partitions, twins))
    table = pd.DataFrame(made)
    write_table(
        arguments.output, table.assign(verdict=table["problem"].map(lambda text: "failed" if text else "passed"))
    )
    write_table(arguments.twins, pd.DataFrame(twins), "%.6f")
    for check, group in table.groupby("check", sort=False):
        failed = int((group["problem"] != "").sum())
        print(f"{'FAILED' if failed else 'passed'}  {check}: {len(group) - failed} of {len(group)}")
    if twins:
        most = max(twins, key=lambda row: row["n_seen_twins"])
        gap = max(abs(row["accuracy"] - row["accuracy_without"]) for row in twins)
        print(
            f"near-duplicates: of the test images of {most['model']} on {most['combo']}, seed {most['seed']}, {most['n_seen_twins']} have one "
            f"that the run has seen; without these no accuracy changes by more than {100 * gap:.2f} points"
        )
    wrong = problems(made)
    if wrong:
        first = wrong[0]
        raise StudyError(
            f"{len(wrong)} of {len(made)} checks failed; the first: {first.subject}: {first.problem}. {arguments.output} has all; what "
            "was changed by hand or damaged is made anew once it is deleted"
        )
    print(f"all {len(made)} checks passed")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", required=True, help="folder of results of a finished study")
    parser.add_argument("--partitions", required=True, nargs="+", help="names of all partitions")
    parser.add_argument(
        "--twins", required=True, help="table to write: accuracy without images that have a seen near-duplicate, .csv"
    )
    parser.add_argument("--output", required=True, help="table to write: a row a check, .csv")
    run(parser, main)
