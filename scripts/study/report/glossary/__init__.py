"""What the columns of the study's tables mean."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from study.files import read_yaml


@cache
def columns() -> Mapping[str, Mapping[str, str]]:
    """Return the meanings by table and columns, in the order of the table.

    A key of a table names the columns that share a meaning, such as "low, high".
    """
    return read_yaml(Path(__file__).parent / "columns.yaml")


@cache
def _meanings(table: str) -> tuple[dict[str, str], dict[re.Pattern[str], str]]:
    """Return what the columns of a table mean as plain text, by name and by pattern of names."""
    each = {
        name: text.replace("`", "")
        for names, text in columns()[table].items()
        for name in names.split(", ")
    }
    patterns = {name: re.compile(re.sub("<[a-z]+>", ".+", name)) for name in each if "<" in name}
    return each, {pattern: each[name] for name, pattern in patterns.items()}


def meaning(column: str, table: str) -> str:
    """Return what a column of a table means as plain text, "" for one that is not in the glossary.

    Args:
        column: its heading.
        table: a key of `columns()`, such as "summary.csv".
    """
    each, patterns = _meanings(table)
    by_pattern = (text for pattern, text in patterns.items() if pattern.fullmatch(column))
    return each.get(column) or next(by_pattern, "")
