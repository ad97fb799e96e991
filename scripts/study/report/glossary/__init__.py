"""What the columns of the study's tables mean."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from study.files import read_yaml


@cache
def columns() -> Mapping[str, Mapping[str, str]]:
    """Return the meaning of each column of each table, in the order of the table."""
    return read_yaml(Path(__file__).parent / "columns.yaml")


def meaning(column: str) -> str:
    """Return what a column means as plain text, "" for one that is not in the glossary."""
    for table in columns().values():
        for name, text in table.items():
            if re.fullmatch(re.sub("<[a-z]+>", ".+", name), column):
                return text.replace("`", "")
    return ""
