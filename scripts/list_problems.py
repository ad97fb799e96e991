#!/usr/bin/env python
"""List which of your own files cannot be used as images, and which were converted."""

import argparse
from pathlib import Path

from study.data.datasets.own import PROBLEMS, UNUSABLE
from study.files import read_json, read_table, write_table, write_text
from study.job import run_script
from study.report.tables import html_page


def main(arguments: argparse.Namespace) -> None:
    """Write the list as a table and as a page."""
    raw = Path(arguments.raw)
    table = read_table(raw / PROBLEMS, na_filter=False)
    table = table.sort_values("kind", key=lambda kind: kind != UNUSABLE, kind="stable")
    ignored = read_json(raw / "description.json")["ignored"]
    others = ", ".join(f"{count:,} {what}" for what, count in ignored.items()) or "none"
    unusable = int((table["kind"] == UNUSABLE).sum())
    description = (
        f"{unusable:,} files cannot be used and are not in the study; "
        f"{len(table) - unusable:,} were converted and are. "
        f"Files of other kinds that lie there and were left alone: {others}."
    )
    write_table(arguments.output, table)
    write_text(
        arguments.page,
        html_page(table, "Converted and unusable files", description, of="data/problems.csv"),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--raw", required=True, help="folder with the images as they were read")
    parser.add_argument("--page", required=True, help="page to write, .html")
    parser.add_argument("--output", required=True, help="table to write: one row per file, .csv")
    run_script(parser, main)
