"""Tables in the terminal: as wide as it is, plain where nobody looks."""

import math
import numbers
import os
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from study.errors import escaped

# Numbers that are names.
_NOMINAL = {"seed"}
_STYLES = {"failed": "red", "running": "green"} | dict.fromkeys(
    ("diverged", "no better than chance", "interrupted", "outdated"), "yellow"
)


def console() -> Console:
    """Return a console on stdout.

    Where that is no terminal and COLUMNS is not set, lines are as long as they need be.
    """
    known = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(
        width=shutil.get_terminal_size().columns if known else 10_000, highlight=False, emoji=False
    )


def say(where: Console, text: str = "", style: str | None = None) -> None:
    """Print text in one line, broken between words; control characters are shown escaped."""
    where.print(Text(escaped(text)), style=style)


def shown(value: Any, column: str = "", decimals: int = 3) -> str:
    """Return a result as it is shown, a dash where there is none.

    Numbers are rounded, those below 10 to this number of decimals.
    """
    exactly = exact(value)
    if exactly == "–" or not isinstance(value, numbers.Real) or isinstance(value, bool):
        return exactly
    size = abs(value)
    if float(value).is_integer():
        return exactly if column in _NOMINAL or size < 10_000 else f"{int(value):,}"
    if size < 0.5 * 10**-decimals:
        return f"{value:.2g}"
    return (
        f"{value:,.0f}"
        if size >= 10_000
        else f"{value:.0f}"
        if size >= 1000
        else f"{value:.{1 if size >= 10 else decimals}f}"
    )


def exact(value: Any) -> str:
    """Return a setting as it is shown: in full; a dash where there is none."""
    if value is None or (isinstance(value, numbers.Real) and not math.isfinite(value)):
        return "–"
    whole = (
        isinstance(value, numbers.Real)
        and not isinstance(value, bool)
        and float(value).is_integer()
    )
    return str(int(value)) if whole else escaped(str(value))


def mean_and_sd(mean: float, sd: float) -> str:
    """Return a mean ± its standard deviation, both with as many decimals."""
    text = shown(mean)
    if "–" in (text, shown(sd)):
        return text
    decimals = len(text.partition(".")[2])
    return f"{text} ± {sd:,.{decimals}f}"


def table(
    where: Console,
    columns: Sequence[str],
    rows: Sequence[Mapping[str, str]],
    *,
    keys: Sequence[str] = (),
    left: Sequence[str] = (),
    headings: Mapping[str, str] | None = None,
    fold: bool = False,
) -> None:
    """Print a table; one that is wider than the terminal in parts, each with the `keys` first.

    Args:
        where: to print it to.
        columns: in order.
        rows: texts by column.
        keys: columns that say which row it is.
        left: columns of words, which are aligned left; `keys` are.
        headings: of columns that are called otherwise than their name.
        fold: break long cells into lines instead of the table into parts.
    """
    heads = {name: _folded((headings or {}).get(name, name)) for name in columns}
    widths = {
        name: max(
            [*map(len, heads[name]), *(len(line) for row in rows for line in row[name].split("\n"))]
        )
        for name in columns
    }
    keys = [name for name in columns if name in keys]
    base = sum(widths[name] + 2 for name in keys)
    parts: list[list[str]] = [[]]
    for name in (name for name in columns if name not in keys):
        if (
            parts[-1]
            and not fold
            and base + sum(widths[one] + 2 for one in [*parts[-1], name]) - 2 > where.width
        ):
            parts.append([])
        parts[-1].append(name)
    for number, part in enumerate(parts):
        if number:
            where.print()
        where.print(grid([*keys, *part], rows, left=[*keys, *left], headings=headings))


def grid(
    columns: Sequence[str],
    rows: Sequence[Mapping[str, str]],
    *,
    left: Sequence[str] = (),
    headings: Mapping[str, str] | None = None,
) -> Table:
    """Return a table of texts to print; for its arguments see `table`."""
    view = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in columns:
        heading = "\n".join(_folded((headings or {}).get(name, name)))
        view.add_column(
            heading, justify="left" if name in left else "right", overflow="fold", vertical="top"
        )
    for row in rows:
        view.add_row(*(Text(_printable(row[name]), _STYLES.get(row[name], "")) for name in columns))
    return view


def _printable(cell: str) -> str:
    """Return a cell of one or more lines with other control characters escaped."""
    return "\n".join(map(escaped, cell.split("\n")))


def _folded(name: str) -> list[str]:
    """Return a column's name in lines of some ten letters, broken after _ and ."""
    lines = [""]
    for part in re.findall(r"[^_. ]*[_. ]?", name):
        if lines[-1] and len(lines[-1]) + len(part.rstrip()) > 12:
            lines.append("")
        lines[-1] += part
    return [line.rstrip() for line in lines]
