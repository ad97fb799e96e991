#!/usr/bin/env python
"""Compare this study's results with what the five systems published."""

import argparse
from pathlib import Path

from study.comparison.our_figures import OurFigures
from study.comparison.reproduction import reproduction_table
from study.files import read_yaml, write_table, write_text
from study.job import run_script
from study.report.plots.reproduction import reproduction_figure
from study.report.plots.style import save_figure
from study.report.tables import html_page
from study.runs.tree import ResultsTree


def main(arguments: argparse.Namespace) -> None:
    """Write the table, the page and the figure."""
    published = read_yaml(arguments.published)
    systems = {name: published[name] for name in arguments.systems}
    kinds = ("model", "tuned") if arguments.tuned else ("model",)
    models = [system[kind] for system in systems.values() for kind in kinds]
    ours = OurFigures(ResultsTree(Path(arguments.results)), models, arguments.seeds)
    table = reproduction_table(systems, ours.measured)
    counts = table["verdict"].value_counts()
    verdicts = ", ".join(f"{count} {name}" for name, count in counts.items())
    heading = f"Published figures and ours: {verdicts}"
    notes = " ".join(
        f"{name}: {system['title']} ({system['source']}; {system['caveat']})."
        for name, system in systems.items()
    )
    save_figure(reproduction_figure(systems, table, ours.curves, heading), arguments.figure)
    write_text(
        arguments.page,
        html_page(
            table,
            heading,
            "Where one side is a single run, the interval knows nothing of other seeds. " + notes,
            of="reproduction.csv",
        ),
    )
    write_table(arguments.output, table, "%.8g")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--published", required=True, help="published figures, .yaml")
    parser.add_argument("--systems", required=True, nargs="+", help="which of them, such as S0 S1")
    parser.add_argument("--seeds", required=True, nargs="+", type=int, help="seeds of our runs")
    parser.add_argument("--tuned", action="store_true", help="compare the tuned recipes too")
    parser.add_argument(
        "--results",
        required=True,
        help="results folder with runs, models and learning-rate searches",
    )
    parser.add_argument("--page", required=True, help="page to write, .html")
    parser.add_argument("--figure", required=True, help="figure to write, .svg or .png")
    parser.add_argument(
        "--output", required=True, help="table to write: one row per published figure, .csv"
    )
    run_script(parser, main)
