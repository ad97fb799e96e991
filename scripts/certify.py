#!/usr/bin/env python
"""Compare retrained runs with the originals and grade how closely they match."""

import argparse
from pathlib import Path

import pandas as pd

from study.audit.certification import LEVELS, certificate
from study.comparison.two_runs import seed_noise
from study.data.index import read_index
from study.errors import StudyError
from study.files import read_table, write_table, write_text
from study.job import run_script
from study.report.tables import html_page
from study.runs.run import Run
from study.wording import counted


def main(arguments: argparse.Namespace) -> None:
    """Write the table and its page, and print one line per run."""
    if not arguments.runs:
        raise StudyError("every model is imported, so there is no training to repeat")
    labels = read_index(arguments.index).labels
    results = Path(arguments.summary).parent
    summary, rows = read_table(arguments.summary), []
    for name in arguments.runs:
        run = Run.parse(name, results)
        again = results / "certify" / run.folder.relative_to(results / "runs")
        of_model = summary[summary["model"] == run.model]
        by_combo = [group.to_list() for _, group in of_model.groupby("combo")["test_accuracy"]]
        found = certificate(run.folder, again, labels, seed_noise(by_combo))
        rows.append(run.named | found._asdict() | {"changed": "; ".join(found.changed)})
        print(f"{found.level:4}  {run.name}: {LEVELS[found.level]}")
        if found.first_divergence:
            print(
                f"      first difference: {found.first_divergence}; {found.n_different:,} of "
                f"{found.n_images:,} predictions differ; test accuracy "
                f"{found.test_accuracy:.2%}, then {found.test_accuracy_again:.2%}; "
                f"seeds differ by up to {found.seed_noise:.2%}"
            )
            print(
                "      changed in between: "
                f"{'; '.join(found.changed) or 'nothing that is recorded'}"
            )
    table = pd.DataFrame(rows)
    best = ", ".join(f"{n} {level}" for level, n in table["level"].value_counts(sort=False).items())
    write_text(
        arguments.page,
        html_page(
            table,
            f"{counted(len(table), 'run')} trained once more: {best}",
            "; ".join(f"{level}: {meaning}" for level, meaning in LEVELS.items()),
            of="certificates.csv",
        ),
    )
    write_table(arguments.output, table, "%.6g")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", required=True, nargs="*", help="which runs, as combo/model/seed")
    parser.add_argument(
        "--summary",
        required=True,
        help="the study's summary, .csv; beside it lie runs/ and, retrained, certify/",
    )
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument("--page", required=True, help="page to write, .html")
    parser.add_argument("--output", required=True, help="table to write: one row per run, .csv")
    run_script(parser, main)
