"""With which configuration results were made."""

from pathlib import Path
from typing import Any

from study.files import recorded
from study.runs.tree import ResultsTree


def started(tree: ResultsTree) -> Path:
    """Return the record of the last command that made something, finished or not."""
    return tree / "scratch" / "started.json"


def made_with(tree: ResultsTree) -> dict[str, Any]:
    """Return the `config` and the `configfiles` of the last command that made something.

    Those of the finished study where no command left its record, and {} where nothing can be read.
    """
    return recorded(started(tree)) or recorded(tree.study)
