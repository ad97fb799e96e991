"""Show the runs of a study as a table: sorted, filtered, or only what differs between them.

Accuracies are shares of 1, with the 95 % interval over test images where a table has room for it. Any column of summary.csv can be
asked for, and recipe.<key> for what a run was trained by, such as recipe.optimizer.lr (or optimizer.lr, or lr). Runs that are not finished are
there with their status: waiting, training, interrupted, trained, failed or diverged.
"""

import argparse
import difflib
import operator
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study.cli.belonging import note_on_other_runs
from study.cli.project import configuration_options, find_project, results_option
from study.cli.terminal import console, exact, mean_and_sd, say, shown, table
from study.errors import StudyError

if TYPE_CHECKING:
    import pandas as pd

_DEFAULT = [
    "combo",
    "model",
    "seed",
    "status",
    "common_test_accuracy",
    "test_accuracy",
    "epochs",
    "train_seconds",
]
_KEYS = ["combo", "model", "seed"]
# What else may explain why runs differ, beside the recipe.
_CIRCUMSTANCES = ["n_train", "parameters", "device", "precision", "torch"]
_MEASURES = ["common_test_accuracy", "test_accuracy", "train_seconds"]
_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    "=": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}


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
        help="rows that fit all of these: COLUMN=VALUE (or VALUE,VALUE), != < <= > >=, in quotes: 'model=cnn2' 'test_accuracy>0.7'",
    )
    parser.add_argument(
        "--sort",
        metavar="COLUMN",
        help="by this; largest first with a - before it: --sort=-test_accuracy",
    )
    parser.add_argument("--reverse", action="store_true", help="the other way round")
    parser.add_argument(
        "--by-group", action="store_true", help="a row a combo and model: mean ± sd over seeds"
    )
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--csv", action="store_true", help="as CSV, numbers in full")
    forms.add_argument("--md", action="store_true", help="as a Markdown table")


def answer(arguments: argparse.Namespace) -> None:
    """Print the table."""
    from study.runs.table import run_table

    if arguments.results:
        runs = run_table(Path(arguments.results))
    else:
        project = find_project(arguments.configfile)
        runs = run_table(project.results, project.runs)
        if note := note_on_other_runs(project):
            print(f"note: {note}", file=sys.stderr)
    total = len(runs)
    for condition in arguments.where:
        runs = runs[_fits(runs, condition)]
    where = console()
    if runs.empty:
        raise StudyError(f"none of the {total} runs fits {' and '.join(arguments.where)}")
    columns = _columns(runs, arguments)
    same = {}
    if arguments.only_changed:
        same = {
            name: runs[name].iloc[0] for name in columns if runs[name].nunique(dropna=False) == 1
        }
        columns = [name for name in columns if name not in same] or ["combo", "model", "seed"]
    if arguments.by_group:
        runs, columns = _groups(runs, columns)
    if arguments.sort:
        name = arguments.sort.removeprefix("-")
        by = (
            f"{_known(runs, name)}_mean"
            if arguments.by_group and f"{name}_mean" in runs
            else _known(runs, name)
        )
        up = arguments.sort.startswith("-") == arguments.reverse
        runs = runs.sort_values(by, ascending=up, kind="stable", na_position="last")
    elif arguments.reverse:
        runs = runs[::-1]

    if arguments.csv:
        print(runs[_in_full(runs, columns)].to_csv(index=False), end="")
        return
    # One interval: that of the accuracy by which runs are compared, where it is shown.
    ranged = next(
        (name for name in columns if f"{name}_low" in runs and not arguments.by_group), None
    )
    rows = [
        {name: _cell(row, name, name == ranged) for name in columns}
        for row in runs.to_dict("records")
    ]
    if arguments.md:
        _print_markdown(columns, rows)
        return
    words = [name for name in columns if runs[name].dtype == object and f"{name}_mean" not in runs]
    headings = {
        name: name.removeprefix("recipe.")
        for name in columns
        if name.removeprefix("recipe.") not in runs
    }
    table(where, columns, rows, keys=_KEYS, left=words, headings=headings)
    _print_remarks(where, runs, same, total, arguments)


def _print_remarks(
    where: Any,
    runs: "pd.DataFrame",
    same: dict[str, Any],
    total: int,
    arguments: argparse.Namespace,
) -> None:
    if same:
        where.print()
        values = ", ".join(
            f"{name} {_value(value, name)}"
            for name, value in same.items()
            if exact(value) not in ("", "–")
        )
        say(where, f"The same in all {len(runs)} rows: {values}.", "dim")
    if arguments.by_group:
        return
    if arguments.where:
        where.print()
        say(where, f"{len(runs)} of {total} runs", "dim")
    failed = runs[runs["status"] == "failed"]
    if len(failed):
        where.print()
    for row in failed.itertuples():
        say(where, f"failed: {row.combo}/{row.model}/{row.seed}: {row.reason}", "red")


def _columns(runs: "pd.DataFrame", arguments: argparse.Namespace) -> list[str]:
    if arguments.columns == ["all"]:
        return [name for name in runs if name != "reason"]
    if arguments.columns:
        return [_known(runs, name) for name in arguments.columns]
    if arguments.only_changed:
        settings = [*_CIRCUMSTANCES, *(name for name in runs if name.startswith("recipe."))]
        return [name for name in [*_KEYS, "status", *settings, *_DEFAULT[4:]] if name in runs]
    return [name for name in _DEFAULT if name in runs]


def _known(runs: "pd.DataFrame", name: str) -> str:
    """Return the column of this name; the word `recipe.` may be missing."""
    ends = [
        column for column in runs if column.startswith("recipe.") and column.endswith(f".{name}")
    ]
    for column in (name, f"recipe.{name}", f"{name}_mean", *(ends if len(ends) == 1 else [])):
        if column in runs:
            return column
    close = difflib.get_close_matches(
        name, [*runs, *(column.removeprefix("recipe.") for column in runs)], 1
    )
    hint = (
        f"did you mean {close[0]!r}?"
        if close
        else "`study show --columns all --csv` has all of them"
    )
    raise StudyError(f"there is no column {name!r}; {hint}")


def _fits(runs: "pd.DataFrame", condition: str) -> "pd.Series":
    """Return which rows fit a condition."""
    from pandas.api.types import is_numeric_dtype

    found = re.fullmatch(r"\s*([^\s!<>=]+)\s*(!=|>=|<=|=|>|<)\s*(.+?)\s*", condition)
    if not found:
        raise StudyError(
            f"cannot read the condition {condition!r}; write for example 'model=cnn2' or 'test_accuracy>0.7', in quotes"
        )
    name, sign, text = found.groups()
    column = runs[_known(runs, name)]
    values: list[Any] = text.split(",") if sign in ("=", "!=") else [text]
    if is_numeric_dtype(column):
        try:
            values = [float(value) for value in values]
        except ValueError:
            raise StudyError(
                f"the condition {condition!r} compares {name} with {text!r}, expected a number"
            ) from None
    else:
        column = column.map(exact)
    if sign in ("=", "!="):
        return column.isin(values) == (sign == "=")
    return _OPERATORS[sign](column, values[0])


def _groups(runs: "pd.DataFrame", columns: Sequence[str]) -> tuple["pd.DataFrame", list[str]]:
    """Return a row a combo and model, with mean and sd over seeds of each number, and the columns to show."""
    import pandas as pd
    from pandas.api.types import is_numeric_dtype

    from study.comparison.intervals import t_interval

    wanted = [name for name in columns if name not in [*_KEYS, "status"]]
    measures = [
        name for name in wanted if is_numeric_dtype(runs[name]) and not name.startswith("recipe.")
    ]
    if set(columns) == set(_DEFAULT) & set(runs):
        measures = wanted = [name for name in _MEASURES if name in runs]
    rows = []
    for (combo, model), group in runs.groupby(["combo", "model"], sort=False):
        ok = group[group["status"] == "ok"]
        row: dict[str, Any] = {"combo": combo, "model": model, "n": len(ok)}
        for name in wanted:
            if name not in measures:
                values = [exact(value) for value in group[name].unique()]
                row[name] = values[0] if len(values) == 1 else f"{len(values)} different"
                continue
            interval = t_interval(ok[name].dropna().to_list())
            row |= {
                f"{name}_{part}": getattr(interval, part) for part in ("mean", "sd", "low", "high")
            }
            row[name] = mean_and_sd(interval.mean, interval.sd)
        rows.append(row)
    return pd.DataFrame(rows), ["combo", "model", "n", *wanted]


def _cell(row: dict[str, Any], name: str, ranged: bool) -> str:
    text = _value(row[name], name)
    return (
        f"{text} ({shown(row[f'{name}_low'])}–{shown(row[f'{name}_high'])})"
        if ranged and text != "–"
        else text
    )


def _value(value: Any, name: str) -> str:
    return exact(value) if name.startswith("recipe.") else shown(value, name)


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
