#!/usr/bin/env python
"""Say how far each run of a study is, at any time, with the numbers of those that are measured."""

import argparse
from pathlib import Path

import pandas as pd

from study.command import run
from study.progress import run_state
from study.runs import read_runs, run_folder
from study.summaries import run_row
from study.tables import write_table


def main(arguments: argparse.Namespace) -> None:
    """Write the table and print how many runs are how far."""
    results = Path(arguments.results)
    runs = read_runs(arguments.runs)
    rows = []
    for row in runs.itertuples():
        folder, log, checkpoint = (
            run_folder(results / part, row.combo, row.model, row.seed)
            for part in ("runs", "logs/train", "scratch/train")
        )
        status, reason = run_state(folder, log.with_suffix(".log"), checkpoint.with_suffix(".pt"))
        known = {"combo": row.combo, "model": row.model, "seed": row.seed, "status": status, "reason": reason}
        measured = run_row(folder) if status in ("ok", "diverged") else {}
        rows.append(measured | known)
    table = pd.DataFrame(rows)
    first = ["combo", "model", "seed", "status", "reason"]
    write_table(arguments.output, table[[*first, *(name for name in table if name not in first)]], "%.6f")
    counts = table["status"].value_counts()
    measured = int(counts.get("ok", 0) + counts.get("diverged", 0))
    states = ", ".join(f"{count} {status}" for status, count in counts.items())
    print(f"{measured} of {len(table)} runs are measured: {states}")
    for row in table[table["status"] == "failed"].itertuples():
        print(f"failed: {row.combo} {row.model} seed {row.seed}: {row.reason}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", required=True, help="list of runs: combo, model, seed, .csv")
    parser.add_argument("--results", required=True, help="folder of results")
    parser.add_argument("--output", required=True, help="table to write: a row a run, .csv")
    run(parser, main)
