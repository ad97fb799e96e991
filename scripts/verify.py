#!/usr/bin/env python
"""Verify that a study's files are the recorded ones and that its numbers follow from the logits."""

import argparse
import shlex
from pathlib import Path

import pandas as pd

from study.audit.checks import Check, problems
from study.audit.verification import study_checks
from study.errors import StudyError
from study.job import run_script
from study.report.tables import write_table


def main(arguments: argparse.Namespace) -> None:
    """Write the tables of checks and of near-duplicates, print the findings; fail if any is bad."""
    results, scores = Path(arguments.results), []
    if not (results / "summary.csv").exists():
        raise StudyError(
            f"{results / 'summary.csv'}: there is none, so the study is not finished; "
            "type its command first"
        )
    made = list(study_checks(results, arguments.partitions, scores))
    table = pd.DataFrame(made)
    write_table(
        arguments.output,
        table.assign(verdict=table["problem"].map(lambda text: "failed" if text else "passed")),
    )
    write_table(arguments.near_duplicates, pd.DataFrame(scores), "%.6f")
    for check, group in table.groupby("check", sort=False):
        failed = int((group["problem"] != "").sum())
        print(f"{'FAILED' if failed else 'passed'}  {check}: {len(group) - failed} of {len(group)}")
    if scores:
        most = max(scores, key=lambda row: row["n_seen_near_duplicates"])
        gap = max(abs(row["accuracy"] - row["accuracy_without"]) for row in scores)
        print(
            f"near-duplicates: at most {most['n_seen_near_duplicates']} test images of a run "
            f"({most['model']} on {most['combo']}, seed {most['seed']}) have one that it has seen; "
            "leaving such images out changes no run's accuracy by more than "
            f"{100 * gap:.2f} points"
        )
    if wrong := problems(made):
        refuse(wrong, len(made), arguments)
    print(f"all {len(made)} checks passed")


def refuse(wrong: list[Check], n_checks: int, arguments: argparse.Namespace) -> None:
    """Print the command that mends what is wrong, and fail.

    Raises:
        StudyError: always; it names the first failed check.
    """
    files = dict.fromkeys(file for check in wrong for file in check.remake.split())
    given = ["--configfile", *arguments.configfiles] if arguments.configfiles else []
    command = shlex.join(["snakemake", "--force", *files, *given])
    print(f"to make again what is missing or damaged: {command}")
    # At once, because the error goes to another stream.
    print(
        "then type the command of the study, which brings up to date what follows from it, "
        "and verify again",
        flush=True,
    )
    first = wrong[0]
    raise StudyError(
        f"{len(wrong)} of {n_checks} checks failed; the first: {first.subject}: {first.problem}. "
        f"{arguments.output} has all; above is the command that makes again what was changed by "
        "hand or damaged"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", required=True, help="folder of results of a finished study")
    parser.add_argument("--partitions", required=True, nargs="+", help="names of all partitions")
    parser.add_argument(
        "--near-duplicates",
        "--twins",
        required=True,
        help="table to write: accuracy without images that have a seen near-duplicate, .csv",
    )
    parser.add_argument(
        "--configfiles", nargs="*", default=[], help="files that were given with --configfile"
    )
    parser.add_argument("--output", required=True, help="table to write: a row a check, .csv")
    run_script(parser, main)
