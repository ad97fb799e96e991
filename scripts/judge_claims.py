#!/usr/bin/env python
"""Judge statements about the study by its results."""

import argparse

from study.comparison.claims import VERDICTS, judge_claims, require_supported
from study.files import read_table, read_yaml, write_table, write_text
from study.job import run_script
from study.report.tables import html_page

_ABOUT = (
    "A claim about several cases is supported if all of them are, contradicted if one of them is, "
    "else undecided."
)


def main(arguments: argparse.Namespace) -> None:
    """Write what the results say of each claim; fail where all must be supported and are not."""
    tables = map(read_table, (arguments.comparisons, arguments.groups, arguments.variance))
    judged = judge_claims(read_yaml(arguments.claims), *tables)
    verdicts = judged.drop_duplicates("claim")["verdict"]
    counts = ", ".join(f"{(verdicts == verdict).sum()} {verdict}" for verdict in VERDICTS)
    if arguments.output:
        write_table(arguments.output, judged, "%.6g")
    if arguments.page:
        heading = f"{len(verdicts)} claims: {counts}"
        write_text(arguments.page, html_page(judged, heading, _ABOUT, of="claims.csv"))
    if arguments.require_supported:
        require_supported(judged)
        print(f"all {len(verdicts)} claims are supported")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--claims", required=True, help="statements, .yaml")
    parser.add_argument("--comparisons", required=True, help="differences of all pairs, .csv")
    parser.add_argument("--groups", required=True, help="accuracies of combos and models, .csv")
    parser.add_argument("--variance", required=True, help="where the spread comes from, .csv")
    parser.add_argument("--page", help="page to write, .html")
    parser.add_argument("--output", help="table to write: one row per case, .csv")
    parser.add_argument(
        "--require-supported",
        action="store_true",
        help="exit with an error unless the results support all claims, such as in CI",
    )
    run_script(parser, main)
