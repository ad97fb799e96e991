"""Which verdicts change a study, where they lie, and what they are known by."""

import contextlib
import hashlib
import shutil
import sys
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from study.data.verdicts import verdict_rows
from study.errors import StudyError
from study.files import with_home

_LEAVE_OUT = "leave out"

# The rows on each file of which one changes something; see `verdict_rows`.
Corrections = Sequence[Mapping[str, str]]


def corrections_file(
    dataset: Mapping[str, Any],
    *applied: str | Path,
    spare: str | Path = "",
    made_with: Mapping[str, Any] | None = None,
) -> str:
    """Return the path of the corrections of a study, "" for none.

    Args:
        dataset: that part of a checked configuration.
        applied: tables of those that the study was made with, the one with the most lines first.
            The first that is there stands in for the user's file where that is gone, as in a study
            that was bundled elsewhere.
        spare: where a copy of that is kept. It is made by the job that reads the
            corrections, and what a job is to make Snakemake removes before it. Default: nowhere.
        made_with: that part of the configuration that the study was made with. Where it names
            another file, a missing one is a mistyped one. Default: unknown.

    Raises:
        StudyError: there is no such file, or it is a table that the study writes itself.
    """
    if not dataset.get("corrections"):
        return ""
    named = with_home(dataset["corrections"])
    if named.resolve() in {Path(path).resolve() for path in (*applied, spare) if path}:
        raise StudyError(
            f"config: dataset.corrections is {dataset['corrections']}, which the study writes "
            "itself; copy it to another place and name the copy"
        )
    if named.is_file():
        return str(named)
    if made_with and made_with.get("corrections") != dataset["corrections"]:
        applied, spare = (), ""
    there = next((path for path in applied if Path(path).is_file()), None)
    if spare and there:
        with contextlib.suppress(OSError):  # as where results may only be read
            Path(spare).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(there, spare)
    for path in map(Path, filter(None, (spare, *applied))):
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
    """Return the verdicts of a table on files of which one changes something.

    That is "wrong label" or "leave out".

    Raises:
        StudyError: the table is not one of verdicts, or two lines change an image otherwise.
    """
    rows = verdict_rows(path)
    changed = {file for file, _ in changing(((row["file"], row["image_id"]), row) for row in rows)}
    return [row for row in rows if row["file"] in changed]


def changing(
    rows: Iterable[tuple[Hashable, Mapping[str, str]]],
) -> dict[Any, Mapping[str, str]]:
    """Return by image the first row that changes it.

    Args:
        rows: with the image that each is about.

    Raises:
        StudyError: two rows change an image otherwise.
    """
    found: dict[Any, Mapping[str, str]] = {}
    for image, row in rows:
        said = found.setdefault(image, row)
        if _change(said) != _change(row):
            raise StudyError(
                f"{row['where']}: says {_words(row)} of {row['file']}, and "
                f"{said['where'].rpartition(', ')[2]} says {_words(said)}; keep the line that holds"
            )
    return {image: row for image, row in found.items() if _change(row)}


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
    concerned = None if files is None else set(files)
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for row in corrections:
        if (change := _change(row)) and (concerned is None or row["file"] in concerned):
            found.setdefault(row["file"], {})[row["image_id"]] = change
    # An image_id may change where images are added, so it counts only where it tells two apart.
    lines = sorted(
        repr((file, change) if len(changes) == 1 else (file, image_id, change))
        for file, changes in found.items()
        for image_id, change in changes.items()
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16] if lines else ""
