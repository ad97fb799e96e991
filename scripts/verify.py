#!/usr/bin/env python
"""Verify that a study is what its configuration asks for, and that its files are as recorded."""

import argparse
import importlib.util
import json
import shlex
from pathlib import Path

import pandas as pd

from study.audit.checks import MALFORMED, Check, malformed, problems
from study.audit.run_checks import N_AGAIN, Answer
from study.audit.shared_checks import other_configuration
from study.audit.verification import Verification
from study.errors import StudyError, escaped
from study.files import read_json, write_table
from study.job import run_script
from study.wording import counted


def main(arguments: argparse.Namespace) -> None:
    """Write the tables of checks and of near-duplicates, print the findings; fail if any is bad."""
    results = Path(arguments.results)
    if not (results / "study.json").exists():
        raise StudyError(
            f"{results / 'study.json'}: there is none, so the study is not finished; "
            "type its command first"
        )
    if arguments.config:
        require_configuration(results / "study.json", arguments)
    verification = Verification(results, answer=answers_of_weights())
    made = list(verification.checks())
    table = pd.DataFrame(made)
    write_table(
        arguments.output,
        table.assign(verdict=table["problem"].map(lambda text: "failed" if text else "passed")),
    )
    write_table(arguments.near_duplicates, pd.DataFrame(verification.scores), "%.6f")
    for check, group in table.groupby("check", sort=False):
        failed = int((group["problem"] != "").sum())
        print(f"{'FAILED' if failed else 'passed'}  {check}: {len(group) - failed} of {len(group)}")
    report(verification)
    if wrong := problems(made):
        refuse(wrong, len(made), arguments)
    print(f"all {len(made)} checks passed")


def require_configuration(study: Path, arguments: argparse.Namespace) -> None:
    """Insist that results are of the configuration that is asked about.

    Raises:
        StudyError: they are of another one, or there is no record of it.
    """
    try:
        record = read_json(study)
        asked, recipes = json.loads(arguments.config), json.loads(arguments.recipes)
        problem = other_configuration(record, asked, recipes)
        files = record["configfiles"]
    except MALFORMED as error:
        raise StudyError(f"{study}: {malformed(study, error).problem}; make it again") from error
    if problem:
        made_with = f"--configfile {' '.join(files)}" if files else "no --configfile"
        how = f"they were made with {made_with}, so verify them with that"
        if files == arguments.configfiles:
            how = "it has changed since they were made, so undo that"
        raise StudyError(
            f"the results are of another configuration: {problem}; {how}, or type the study's "
            "command with this one first"
        )


def answers_of_weights() -> Answer | None:
    """Return what computes a run's logits again, None where torch is not installed."""
    if importlib.util.find_spec("torch") is None:
        return None
    from study.models.answers_again import answers_again

    return answers_again


def report(verification: Verification) -> None:
    """Print what near-duplicates change, and what was not looked at."""
    if scores := verification.scores:
        most = max(scores, key=lambda row: row["n_seen_near_duplicates"])
        n = most["n_seen_near_duplicates"]
        gap = max(abs(row["accuracy"] - row["accuracy_without"]) for row in scores)
        print(
            f"near-duplicates: at most {counted(n, 'test image')} of a run "
            f"({most['model']} on {most['combo']}, seed {most['seed']}) "
            f"{'has' if n == 1 else 'have'} one that it has seen; "
            "leaving such images out changes no run's accuracy by more than "
            f"{100 * gap:.2f} points"
            if n
            else "near-duplicates: no test image of a run has one that the run has seen"
        )
    predicted = verification.predicted
    done = [name for name, reason in predicted.items() if not reason]
    print(
        f"predictions made again: {N_AGAIN} images drawn at random, or all, of {len(done)} of "
        f"{counted(len(predicted), 'run')}"
    )
    for name, reason in predicted.items():
        if reason:
            print(f"not made again: the predictions of {name}: {reason}")
    folders = ", ".join(f"{name} ({n})" for name, n in verification.not_covered.items())
    print(f"not covered by the record (files): {escaped(folders) or 'none'}")


def refuse(wrong: list[Check], n_checks: int, arguments: argparse.Namespace) -> None:
    """Print the command that fixes what is wrong, and fail.

    Raises:
        StudyError: always; it names the first failed check.
    """
    # The record is made last, from all others.
    study = str(Path(arguments.results, "study.json"))
    files = dict.fromkeys(file for check in wrong for file in check.remake.split())
    files = {**{file: None for file in files if file != study}, study: None}
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
    parser.add_argument(
        "--config",
        help="the configuration that results must be of, as JSON (default: what they record)",
    )
    parser.add_argument(
        "--recipes", default="{}", help="its resolved recipes by model, as JSON (default: unknown)"
    )
    parser.add_argument(
        "--near-duplicates",
        required=True,
        help="table to write: accuracy without images that have a seen near-duplicate, .csv",
    )
    parser.add_argument(
        "--configfiles", nargs="*", default=[], help="files that were given with --configfile"
    )
    parser.add_argument("--output", required=True, help="table to write: one row per check, .csv")
    run_script(parser, main)
