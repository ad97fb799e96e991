#!/usr/bin/env python
"""Say how far each run of a study is, at any time, with the numbers of those that are measured."""

import argparse
from pathlib import Path

import pandas as pd

from study.comparison.groups import group_row
from study.job import run_script
from study.report.tables import write_table
from study.runs.legacy import read_runs
from study.runs.progress import state_of_run
from study.runs.run import run_of
from study.runs.summary import run_row


def state(results: Path, combo: str, model: str, seed: int) -> dict:
    """Return what the table says of one run."""
    status, reason = state_of_run(results, combo, model, seed)
    measured = run_row(run_of(results, combo, model, seed)) if status in ("ok", "diverged") else {}
    return {
        "combo": combo,
        "model": model,
        "seed": seed,
        "status": status,
        "reason": reason,
    } | measured


def main(arguments: argparse.Namespace) -> None:
    """Write the tables and print how many runs are how far."""
    runs = read_runs(arguments.runs)
    rows = [
        state(Path(arguments.results), row.combo, row.model, row.seed) for row in runs.itertuples()
    ]
    # Counts stay whole numbers where runs lack them.
    table = pd.DataFrame(rows, dtype=object).convert_dtypes()
    write_table(arguments.output, table, "%.6f")
    keys = ["combo", "model"]
    groups = [
        dict(zip(keys, key, strict=True)) | group_row(group)
        for key, group in table.groupby(keys, sort=False)
    ]
    write_table(arguments.groups, pd.DataFrame(groups), "%.6f")
    counts = table["status"].value_counts()
    measured = int(counts.get("ok", 0) + counts.get("diverged", 0))
    states = ", ".join(f"{count} {status}" for status, count in counts.items())
    print(f"{measured} of {len(table)} runs are measured: {states}")
    for row in table[table["reason"] != ""].itertuples():
        print(f"{row.status}: {row.combo} {row.model} seed {row.seed}: {row.reason}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", required=True, help="list of runs: combo, model, seed, .csv")
    parser.add_argument("--results", required=True, help="folder of results")
    parser.add_argument(
        "--groups", required=True, help="table to write: a row a combo and model, .csv"
    )
    parser.add_argument("--output", required=True, help="table to write: a row a run, .csv")
    run_script(parser, main)
