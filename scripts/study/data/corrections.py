"""Which verdicts change a study, where they lie, and what they are known by."""

import contextlib
import hashlib
import shutil
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from study.data.verdicts import verdict_rows
from study.errors import StudyError
from study.files import with_home

_LEAVE_OUT = "leave out"

# By file the row of each verdict that changes something; see `verdict_rows`.
Corrections = Mapping[str, Mapping[str, str]]


def corrections_file(
    dataset: Mapping[str, Any], applied: str | Path, spare: str | Path = ""
) -> str:
    """Return the path of the corrections of a study, "" for none.

    Args:
        dataset: that part of a checked configuration.
        applied: the table of those that the study was made with. It stands in for the user's file
            where that is gone, as in a study that was bundled elsewhere.
        spare: where a copy of that table is kept. It is made by the job that reads the corrections,
            and what a job is to make Snakemake removes before it. Default: nowhere.

    Raises:
        StudyError: there is no such file.
    """
    if not dataset.get("corrections"):
        return ""
    named = with_home(dataset["corrections"])
    if named.is_file():
        return str(named)
    if spare:
        with contextlib.suppress(OSError):  # as where results may only be read
            Path(spare).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(applied, spare)
    for path in map(Path, filter(None, (spare, applied))):
        if path.is_file():
            print(
                f"note: {named} is not here; going on with the corrections that the study was made "
                "with",
                file=sys.stderr,
            )
            return str(path)
    raise StudyError(
        f"config: dataset.corrections is {dataset['corrections']}, where there is no file; save "
        "the verdicts of the gallery there, or remove the line"
    )


def read_corrections(path: str | Path) -> Corrections:
    """Return the verdicts of a table that change something, "wrong label" and "leave out".

    Raises:
        StudyError: the table is not one of verdicts, or two lines change an image otherwise.
    """
    found: dict[str, dict[str, str]] = {}
    for row in verdict_rows(path):
        said = found.setdefault(row["file"], row)
        if _change(said) != _change(row):
            raise StudyError(
                f"{row['where']}: says {_words(row)} of {row['file']}, and "
                f"{said['where'].rpartition(', ')[2]} says {_words(said)}; keep the line that holds"
            )
    return {file: row for file, row in found.items() if _change(row)}


def _change(row: Mapping[str, str]) -> tuple[str, str] | None:
    """Return what a verdict changes: the label, or that the image takes part; None for nothing."""
    changes = {"wrong label": row["label"], _LEAVE_OUT: ""}
    return (row["verdict"], changes[row["verdict"]]) if row["verdict"] in changes else None


def _words(row: Mapping[str, str]) -> str:
    return " ".join(filter(None, (row["verdict"], row["label"])))


def corrections_digest(corrections: Corrections, files: Collection[str] | None = None) -> str:
    """Return a digest of what corrections change, in any order, "" for nothing.

    Args:
        corrections: of a study.
        files: those of the images that are concerned; default: all.
    """
    concerned = corrections if files is None else corrections.keys() & set(files)
    lines = sorted(repr((file, _change(corrections[file]))) for file in concerned)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16] if lines else ""
