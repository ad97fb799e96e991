#!/usr/bin/env python
"""Say of runs that were trained once more how far they came out the same."""

import argparse
from pathlib import Path

import pandas as pd

from study.audit.certification import LEVELS, certificate, seed_noise
from study.data.index import read_index
from study.files import write_text
from study.job import run_script
from study.report.tables import html_page, write_table
from study.runs.legacy import run_folder
from study.wording import counted


def main(arguments: argparse.Namespace) -> None:
    """Write the table and its page, and print a line a run."""
    labels = read_index(arguments.index).labels
    summary = pd.read_csv(arguments.summary, dtype={"combo": str, "model": str})
    rows = []
    for name in arguments.runs:
        combo, model, seed = name.split("/")
        found = certificate(
            *(
                run_folder(Path(arguments.results, part), combo, model, int(seed))
                for part in ("runs", "certify")
            ),
            labels,
            seed_noise(summary, model),
        )
        rows.append(
            {"combo": combo, "model": model, "seed": int(seed)}
            | found._asdict()
            | {"changed": "; ".join(found.changed)}
        )
        print(f"{found.level:4}  {model} on {combo}, seed {seed}: {LEVELS[found.level]}")
        if found.first_divergence:
            print(
                f"      first difference: {found.first_divergence}; {found.n_different:,} of "
                f"{found.n_images:,} predictions differ; test accuracy "
                f"{found.accuracy:.2%}, then {found.accuracy_again:.2%}; seeds differ by up to "
                f"{found.seed_noise:.2%}"
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
            "; ".join(f"{level}: {meaning}" for level, meaning in LEVELS.items())
            + ". first_divergence is where the chain of digests of the weights, one an epoch, "
            "first differs.",
        ),
    )
    write_table(arguments.output, table, "%.6g")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--results",
        required=True,
        help="folder with runs/ and, of those trained once more, certify/",
    )
    parser.add_argument("--runs", required=True, nargs="+", help="which runs, as combo/model/seed")
    parser.add_argument(
        "--summary", required=True, help="the study's summary, for the noise of seeds, .csv"
    )
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument("--page", required=True, help="page to write, .html")
    parser.add_argument("--output", required=True, help="table to write: a row a run, .csv")
    run_script(parser, main)
