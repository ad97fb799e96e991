"""Show the runs of a study as a table: sorted, filtered, or only what differs between them.

Every run is there with its status and the reason. The status is ok, no better than chance,
diverged, trained (not measured yet), outdated, training, interrupted, failed or waiting. An
outdated run is of another recipe or other data: the next command trains it again. Accuracies are
shares of 1, with the 95 % interval over test images where a table has room for it. Any column of
summary.csv can be asked for, and recipe.<key> for what a run was trained by, such as
recipe.optimizer.lr (or optimizer.lr, or lr).
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study.cli.belonging import note_on_other_runs
from study.cli.project import configuration_options, find_project, results_option
from study.cli.show_rows import by_group, fits, known_column
from study.cli.terminal import console, exact, say, shown, table
from study.errors import StudyError
from study.runs.table import KEYS, RECIPE, run_table

if TYPE_CHECKING:
    import pandas as pd

_ACCURACIES = ["common_test_accuracy", "test_accuracy"]
_DEFAULT = ["combo", "model", "seed", "status", *_ACCURACIES, "epochs", "train_seconds", "reason"]
# What else may explain why runs differ, beside the recipe.
_CIRCUMSTANCES = ["n_train", "parameters", "device", "precision", "torch"]
_MEASURES = [*_ACCURACIES, "train_seconds"]


def options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    configuration_options(parser)
    results_option(parser)
    parser.add_argument("--columns", nargs="+", metavar="COLUMN", help="show these; all: every one")
    parser.add_argument(
        "--only-changed",
        action="store_true",
        help="settings and results that differ between the rows, and no others",
    )
    parser.add_argument(
        "--where",
        nargs="+",
        default=[],
        metavar="CONDITION",
        help="rows that fit all of these: COLUMN=VALUE (or VALUE,VALUE), != < <= > >=, in quotes: "
        "'model=cnn2' 'test_accuracy>0.7'",
    )
    parser.add_argument(
        "--sort",
        metavar="COLUMN",
        help="by this; largest first with a - before it: --sort=-test_accuracy",
    )
    parser.add_argument(
        "--by-group", action="store_true", help="one row per combo and model: mean ± sd over seeds"
    )
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--csv", action="store_true", help="as CSV, numbers in full")
    forms.add_argument("--md", action="store_true", help="as a Markdown table")


def answer(arguments: argparse.Namespace) -> None:
    """Print the table."""
    if arguments.results:
        runs = run_table(Path(arguments.results))
    else:
        project = find_project(arguments.configfile)
        runs = run_table(project.results, project.runs, project.study.recipes, project.config)
        if note := note_on_other_runs(project):
            print(f"note: {note}", file=sys.stderr)
    total = len(runs)
    for condition in arguments.where:
        runs = runs[fits(runs, condition)]
    if runs.empty:
        raise StudyError(f"none of the {total} runs fits {' and '.join(arguments.where)}")
    columns = _columns(runs, arguments)
    same = {}
    if arguments.only_changed:
        same = {
            name: runs[name].iloc[0] for name in columns if runs[name].nunique(dropna=False) == 1
        }
        columns = [name for name in columns if name not in same] or ["combo", "model", "seed"]
    shown_runs = runs
    if arguments.by_group:
        shown_runs, columns = by_group(runs, columns)
    shown_runs = _sorted(shown_runs, arguments)
    if arguments.csv:
        print(shown_runs[_in_full(shown_runs, columns)].to_csv(index=False), end="")
    elif arguments.md:
        _print_markdown(columns, _cells(shown_runs, columns, arguments.by_group))
    else:
        where = console()
        _print_table(where, shown_runs, columns, arguments.by_group)
        _print_remarks(where, runs, same, total, arguments)


def _sorted(runs: "pd.DataFrame", arguments: argparse.Namespace) -> "pd.DataFrame":
    if not arguments.sort:
        return runs
    name = arguments.sort.removeprefix("-")
    mean = f"{name}_mean"
    by = mean if arguments.by_group and mean in runs else known_column(runs, name)
    up = not arguments.sort.startswith("-")
    return runs.sort_values(by, ascending=up, kind="stable", na_position="last")


def _print_table(where: Any, runs: "pd.DataFrame", columns: list[str], by_group: bool) -> None:
    words = [name for name in columns if runs[name].dtype == object and f"{name}_mean" not in runs]
    headings = {
        name: name.removeprefix(RECIPE) for name in columns if name.removeprefix(RECIPE) not in runs
    }
    rows = _cells(runs, columns, by_group)
    table(where, columns, rows, keys=KEYS, left=words, headings=headings)


def _print_remarks(
    where: Any,
    runs: "pd.DataFrame",
    same: dict[str, Any],
    total: int,
    arguments: argparse.Namespace,
) -> None:
    """Print below the table what is the same in all rows, and what became of the runs."""
    if same:
        where.print()
        values = ", ".join(
            f"{name} {_value(value, name)}"
            for name, value in same.items()
            if exact(value) not in ("", "–")
        )
        say(where, f"The same in all {len(runs)} rows: {values}.", "dim")
    states = runs["status"].value_counts()
    if arguments.where or set(states.index) != {"ok"}:
        where.print()
        of_states = ", ".join(f"{count} {status}" for status, count in states.items())
        say(where, f"{len(runs)} of {total} runs: {of_states}", "dim")
    for row in runs[runs["reason"] != ""].itertuples():
        line = f"{row.status}: {row.combo}/{row.model}/{row.seed}: {row.reason}"
        say(where, line, "red" if row.status == "failed" else "yellow")


def _columns(runs: "pd.DataFrame", arguments: argparse.Namespace) -> list[str]:
    if arguments.columns == ["all"]:
        return list(runs)
    if arguments.columns:
        asked = [known_column(runs, name) for name in arguments.columns]
        # Rows keep their names where a person reads them.
        return asked if arguments.csv else list(dict.fromkeys([*KEYS, *asked]))
    if arguments.only_changed:
        settings = [*_CIRCUMSTANCES, *(name for name in runs if name.startswith(RECIPE))]
        wanted = [*KEYS, "status", *settings, *_ACCURACIES, "epochs", "train_seconds"]
        return [name for name in wanted if name in runs]
    if arguments.by_group:
        return [name for name in [*KEYS, *_MEASURES] if name in runs]
    # In a terminal reasons are lines below the table: a cell is too small for a sentence.
    asked = _DEFAULT if arguments.csv or arguments.md else _DEFAULT[:-1]
    return [name for name in asked if name in runs]


def _cells(runs: "pd.DataFrame", columns: Sequence[str], by_group: bool) -> list[dict[str, str]]:
    """Return the texts of the table; the first accuracy of single runs has its interval."""
    ranged = next((name for name in columns if f"{name}_low" in runs and not by_group), None)
    rows = []
    for row in runs.to_dict("records"):
        cells = {name: _value(row[name], name) for name in columns}
        if ranged and cells[ranged] != "–":
            ends = (shown(row[f"{ranged}_{end}"]) for end in ("low", "high"))
            cells[ranged] += f" ({'–'.join(ends)})"
        rows.append(cells)
    return rows


def _value(value: Any, name: str) -> str:
    return exact(value) if name.startswith(RECIPE) else shown(value, name)


def _in_full(runs: "pd.DataFrame", columns: Sequence[str]) -> list[str]:
    """Return the columns that hold the shown ones as numbers, with the ends of their intervals."""
    full: list[str] = []
    for name in columns:
        parts = [
            f"{name}_{part}" for part in ("mean", "sd", "low", "high") if f"{name}_{part}" in runs
        ]
        full += parts if f"{name}_mean" in runs else [name, *parts]
    return list(dict.fromkeys(full))


def _print_markdown(columns: Sequence[str], rows: Sequence[dict[str, str]]) -> None:
    print(f"| {' | '.join(columns)} |")
    print(f"|{'---|' * len(columns)}")
    for row in rows:
        cells = [row[name].replace("|", "\\|") for name in columns]
        print(f"| {' | '.join(cells)} |")
