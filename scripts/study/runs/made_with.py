"""With which configuration results were made."""

from pathlib import Path
from typing import Any

from study.errors import StudyError
from study.files import read_json
from study.runs.tree import ResultsTree


def started(tree: ResultsTree) -> Path:
    """Return the record of the last command that made something, finished or not."""
    return tree / "scratch" / "started.json"


def made_with(tree: ResultsTree) -> dict[str, Any]:
    """Return the `config` and the `configfiles` of the last command that made something.

    Those of the finished study where no command left its record, and {} where nothing can be read.
    """
    return recorded(started(tree)) or recorded(tree.study)


def recorded(path: Path) -> dict[str, Any]:
    """Return a record; {} where it is not there or cannot be read."""
    try:
        record = read_json(path)
    except (OSError, StudyError):
        return {}
    return record if isinstance(record, dict) else {}
