"""Which rows and columns of the table of runs are asked for, and the rows of groups of runs."""

import difflib
import operator
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from study.cli.terminal import exact, mean_and_sd
from study.errors import StudyError
from study.runs.chance import MEASURED
from study.runs.table import KEYS, RECIPE

if TYPE_CHECKING:  # a command with a wrong option answers without waiting for pandas
    import pandas as pd

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    "=": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}


def known_column(runs: "pd.DataFrame", name: str) -> str:
    """Return the column of this name; the word `recipe.` may be missing.

    Raises:
        StudyError: there is none.
    """
    ends = [column for column in runs if column.startswith(RECIPE) and column.endswith(f".{name}")]
    for column in (name, f"{RECIPE}{name}", f"{name}_mean", *(ends if len(ends) == 1 else [])):
        if column in runs:
            return column
    close = difflib.get_close_matches(
        name, [*runs, *(column.removeprefix(RECIPE) for column in runs)], 1
    )
    hint = (
        f"did you mean {close[0]!r}?"
        if close
        else "`study show --columns all --csv` has all of them"
    )
    raise StudyError(f"there is no column {name!r}; {hint}")


def fits(runs: "pd.DataFrame", condition: str) -> "pd.Series":
    """Return which rows fit a condition.

    Raises:
        StudyError: it is no condition, or is on a column that there is not.
    """
    from pandas.api.types import is_numeric_dtype

    found = re.fullmatch(r"\s*([^\s!<>=]+)\s*(!=|>=|<=|=|>|<)\s*(.+?)\s*", condition)
    if not found:
        raise StudyError(
            f"cannot read the condition {condition!r}; "
            "write for example 'model=cnn2' or 'test_accuracy>0.7', in quotes"
        )
    name, sign, text = found.groups()
    column = runs[known_column(runs, name)]
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


def by_group(runs: "pd.DataFrame", columns: Sequence[str]) -> tuple["pd.DataFrame", list[str]]:
    """Return one row per combo and model, and the columns to show.

    Of each number it has the mean and sd over seeds; `n` of the `n_runs` runs are ok and count.
    """
    import pandas as pd
    from pandas.api.types import is_numeric_dtype

    from study.comparison.intervals import t_interval

    wanted = [name for name in columns if name not in [*KEYS, "status", "reason"]]
    measures = [
        name for name in wanted if is_numeric_dtype(runs[name]) and not name.startswith(RECIPE)
    ]
    rows = []
    for (combo, model), group in runs.groupby(["combo", "model"], sort=False):
        ok = group[group["status"].isin(MEASURED)]
        row: dict[str, Any] = {"combo": combo, "model": model, "n": len(ok), "n_runs": len(group)}
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
    return pd.DataFrame(rows), ["combo", "model", "n", "n_runs", *wanted]
