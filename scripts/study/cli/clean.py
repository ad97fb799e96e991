"""List what in results/ is no longer part of the configured study, with sizes, and delete it with --delete.

What is no longer asked for is what Snakemake has a record of making but would not make for this configuration: runs of combos, models and
seeds that were taken out, and what was made of them. Tables and figures of a smaller study have other content but the same names and are
made anew by the next `snakemake`. What you asked for by name (certify, images, a model's page, a search, …) stays while it can be made for the configuration. Files that
Snakemake did not make are listed apart and never deleted.
"""

import argparse
import base64
import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from study.cli.belonging import note_on_other_runs
from study.cli.project import Project, configuration_options, files_made, find_project, locked
from study.cli.terminal import console, say, table
from study.errors import StudyError
from study.wording import counted, size

if TYPE_CHECKING:
    from rich.console import Console

_RECORDS = Path(".snakemake/metadata")
# In git, and never anybody's to delete here.
_KEPT = ("results/README.md", "results/reference")
# Made by jobs beside their outputs, so there is no record of them; they are small, and the next such job replaces them.
_WITHOUT_RECORD = {"results/verification.csv", "results/verification_near_duplicates.csv"}
# Part of a study that has all the runs it takes; that it is there does not mean that anybody asked for those runs.
_BY_ITSELF = {"compare_published"}
_SHOWN = 20
_OF_RUN = re.compile(r"([^/]+/[^/]+)/seed(\d+)(?:[./]|$)")


class _Record(NamedTuple):
    """What Snakemake remembers of a file: where it does, the rule that made it and the logs of that job."""

    path: Path
    rule: str
    logs: list[str]


class _Found(NamedTuple):
    """What there is in results/, as paths from the project's folder: outdated files and folders, and unknown files."""

    outdated: list[Path]
    unknown: list[Path]


def options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    configuration_options(parser)
    parser.add_argument(
        "--delete",
        "--yes",
        action="store_true",
        help="delete what is listed as no longer part of the study",
    )
    parser.add_argument(
        "--all", action="store_true", help="list every place, not the largest ones alone"
    )
    parser.add_argument(
        "--keep",
        nargs="+",
        default=[],
        metavar="TARGET",
        help="keep what these targets take, too, such as reproduce",
    )


def answer(arguments: argparse.Namespace) -> None:
    """List, and delete if asked to."""
    project = find_project(arguments.configfile)
    _insist_on_no_lock()
    if note := note_on_other_runs(project, all_of_them=True):
        print(f"note: {note}", file=sys.stderr)
    records = _read_records()
    found = _look(project, records, arguments.keep)
    where = console()
    _list(where, "No longer part of the study", found.outdated, arguments.all)
    _list(where, "Not made by Snakemake, and kept", found.unknown, arguments.all)
    total = sum(map(_bytes, found.outdated))
    if not found.outdated:
        say(
            where,
            "Nothing in results/ is to be deleted: all that Snakemake made there is part of the study.",
        )
    elif not arguments.delete:
        say(
            where,
            f"Nothing was deleted. To delete the {size(total)} that are no longer part of the study, type the command again with --delete.",
        )
    else:
        _insist_on_no_lock()
        _delete(found.outdated, records)
        say(where, f"Deleted: {size(total)}.")


def _insist_on_no_lock() -> None:
    if locked():
        raise StudyError(
            "Snakemake runs here, or was killed: wait until it has ended, or type `snakemake --unlock` if it does not run"
        )


def _read_records() -> dict[str, _Record]:
    """Return what Snakemake remembers, by path from the project's folder. Its file names are the paths in base64, in pieces where long."""
    records = {}
    for path in _RECORDS.rglob("*"):
        if path.is_dir():
            continue
        name = "".join(part.removeprefix("@") for part in path.relative_to(_RECORDS).parts)
        try:
            output = base64.urlsafe_b64decode(name).decode()
            record = json.loads(path.read_text())
        except ValueError:
            continue
        records[os.path.normpath(output)] = _Record(
            path, record.get("rule") or "", record.get("log") or []
        )
    return records


def _look(project: Project, records: Mapping[str, _Record], keep: list[str]) -> _Found:
    needed = _needed(project, records, keep)
    runs = {found.groups() for path in needed for found in _OF_RUN.finditer(path)}
    logs = {True: set(), False: set()}
    for path, record in records.items():
        logs[path in needed].update(map(os.path.normpath, record.logs))
    outdated, unknown, rest = [], [], []
    entire = {*needed, *records, *_KEPT}
    for folder, folders, names in os.walk(project.results):
        whole = [name for name in folders if f"{folder}/{name}" in entire]
        folders[:] = [name for name in folders if name not in whole]
        for path in (f"{folder}/{name}" for name in [*whole, *names]):
            of_runs = {found.groups() for found in _OF_RUN.finditer(path)}
            if path in needed or path in _KEPT or path in _WITHOUT_RECORD or path in logs[True]:
                kind = rest
            elif path in records or path in logs[False] or ".partial" in Path(path).suffixes:
                kind = outdated
            elif path.startswith(("results/logs/", "results/scratch/")):
                # These folders are the jobs' own; what failed or was stopped there has no record.
                kind = outdated if of_runs and not of_runs & runs else rest
            else:
                kind = unknown
            kind.append(Path(path))
    return _Found(_gathered(outdated, [*unknown, *rest]), _gathered(unknown, [*outdated, *rest]))


def _needed(project: Project, records: Mapping[str, _Record], keep: list[str]) -> set[str]:
    """Return the outputs that the configured study takes, with what was asked for beside it and still belongs to it."""
    needed = files_made(project, ["all", *keep])
    gone = _taken_out(project, records)
    asked: dict[str, list[str]] = {}
    for path, record in sorted(records.items()):
        here = path.startswith("results/") and Path(path).exists()
        if (
            here
            and path not in needed
            and record.rule not in _BY_ITSELF
            and not gone & _names(path)
        ):
            asked.setdefault(record.rule, []).append(path)
    for paths in asked.values():
        needed |= _makeable(project, paths)
    return needed


def _taken_out(project: Project, records: Mapping[str, _Record]) -> set[str]:
    """Return the names of combos, models and seeds, as in paths, that have trained runs here but are not in the configuration."""
    trained = {
        name
        for path, record in records.items()
        if record.rule == "train"
        for name in Path(path).parts[2:5]
    }
    config = project.config
    return trained - {
        *config["combos"],
        *config["models"],
        *(f"seed{seed}" for seed in config["seeds"]),
    }


def _names(path: str) -> set[str]:
    parts = Path(path).parts
    return {*parts, parts[-1].partition(".")[0]}


def _makeable(project: Project, paths: list[str]) -> set[str]:
    """Return what it takes to make those of the paths that a rule can make for the configuration."""
    try:
        return files_made(project, paths)
    except StudyError:  # one of them is of what the configuration no longer has
        half = len(paths) // 2
        return (
            _makeable(project, paths[:half]) | _makeable(project, paths[half:]) if half else set()
        )


def _gathered(paths: Iterable[Path], others: Iterable[Path]) -> list[Path]:
    """Return paths, with a folder in place of all that it holds where it holds no others."""
    mixed = {parent for path in others for parent in path.parents} | {Path("results"), Path()}
    found = {
        next((parent for parent in reversed(path.parents) if parent not in mixed), path)
        for path in paths
    }
    return sorted(found)


def _bytes(path: Path) -> int:
    return sum(one.lstat().st_size for one in _files(path))


def _files(path: Path) -> list[Path]:
    return (
        [one for one in path.rglob("*") if not one.is_dir() or one.is_symlink()]
        if path.is_dir() and not path.is_symlink()
        else [path]
    )


def _list(where: "Console", title: str, paths: list[Path], everything: bool) -> None:
    if not paths:
        return
    places: dict[str, list[Path]] = {}
    for path in paths:
        # Logs are many and small.
        name = (
            "results/logs/…"
            if path.is_relative_to("results/logs") and not everything
            else f"{path}{'/' if path.is_dir() else ''}"
        )
        places.setdefault(name, []).append(path)
    sizes = {
        name: (sum(len(_files(path)) for path in own), sum(map(_bytes, own)))
        for name, own in places.items()
    }
    shown = sorted(sizes, key=lambda name: -sizes[name][1])[: None if everything else _SHOWN]
    rows = [(name, *sizes[name]) for name in shown]
    if len(shown) < len(sizes):
        others = [sizes[name] for name in sizes if name not in shown]
        rows.append(
            (
                f"{counted(len(others), 'other place')} (--all lists them)",
                *map(sum, zip(*others, strict=True)),
            )
        )
    if len(rows) > 1:
        rows.append(("together", *map(sum, zip(*sizes.values(), strict=True))))
    say(where, title, "bold")
    cells = [
        {"": name, "files": f"{files:,}", "size": size(n_bytes)} for name, files, n_bytes in rows
    ]
    table(where, ["", "files", "size"], cells, keys=[""], fold=True)
    where.print()


def _delete(paths: Iterable[Path], records: Mapping[str, _Record]) -> None:
    """Delete files and folders, folders that are then empty, and what Snakemake remembers of them."""
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
        parent = path.parent
        while parent != Path("results") and not any(parent.iterdir()):
            parent.rmdir()
            parent = parent.parent
    for path, record in records.items():
        if path.startswith("results/") and not os.path.lexists(path):
            record.path.unlink(missing_ok=True)
