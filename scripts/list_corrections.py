#!/usr/bin/env python
"""Show which labels people corrected and which images they left out, and keep all verdicts."""

import argparse

import numpy as np

from study.data.corrected import what_changed
from study.data.index import read_index
from study.data.verdicts import COLUMNS, verdict_rows
from study.files import read_array, read_table, write_csv, write_text
from study.job import run_script
from study.report.tables import html_page


def main(arguments: argparse.Namespace) -> None:
    """Write the page, and a copy of the verdicts, a line that is there twice once."""
    lines = (tuple(row[name] for name in COLUMNS) for row in verdict_rows(arguments.corrections))
    write_csv(arguments.verdicts, COLUMNS, dict.fromkeys(lines))
    table, images = read_table(arguments.table), read_array(arguments.images)
    page = html_page(
        table,
        what_changed(read_index(arguments.index)),
        "By what people said in the gallery. Partitions, and the part that each image plays, are "
        "those that were drawn before; images that are left out play none.",
        [np.asarray(images[i]) for i in table["image_id"]],
        of="data/corrections.csv",
    )
    write_text(arguments.page, page)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", required=True, help="array of all images, .npy")
    parser.add_argument("--index", required=True, help="table of all images as corrected, .csv")
    parser.add_argument("--table", required=True, help="verdicts that changed something, .csv")
    parser.add_argument("--corrections", required=True, help="all verdicts, .csv")
    parser.add_argument("--page", required=True, help="page to write, .html")
    parser.add_argument("--verdicts", required=True, help="copy of all verdicts to write, .csv")
    run_script(parser, main)
