"""Whether the files that somebody handed in can be read without harm, before any of them is.

All are regular files in the folder that was handed in, and none is larger, or unpacks to more, than
a study of the teacher's images has.
"""

import os
import stat
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from study.config.imports import model_names
from study.errors import StudyError
from study.runs.run import read_runs, run_of
from study.wording import size

_MIB = 1 << 20
_TEXT = (".json", ".csv", ".yaml", ".txt")
_MOST_RUNS, _MOST_MODELS, _LONGEST_ROW = 10_000, 1000, 300  # bytes of a row of runs.csv
_ALWAYS_ALLOWED = {"text": 8 * _MIB, "arrays": 64 * _MIB, "other": 2048 * _MIB}


def check_files(handed_in: Path, results: Path, manifest: Mapping[str, Any]) -> None:
    """Insist on regular files of bounded sizes.

    Args:
        handed_in: folder that was handed in.
        results: its folder of results.
        manifest: of the teacher's own data set.

    Raises:
        StudyError: a file is a link that leads out of the folder, a named pipe, a device or too
            large.
    """
    root = handed_in.resolve()
    if not results.resolve().is_relative_to(root):
        raise StudyError(f"{results}: is a link that leads out of what was handed in")
    bounds = _bounds(manifest)
    for path in _below(results):
        _check_kind(path, root)
        kind = {".npz": "arrays"}.get(path.suffix, "text" if path.suffix in _TEXT else "other")
        found = path.stat().st_size if path.is_file() else 0
        if kind == "arrays":
            found = max(found, _unpacked(path))
        if found > bounds[kind]:
            raise StudyError(
                f"{path}: claims {size(found)}, more than a study of these images has "
                f"({size(bounds[kind])})"
            )


def check_runs(results: Path, record: Mapping[str, Any]) -> None:
    """Insist on runs whose folders lie in the results, by the record, its models and runs.csv.

    Raises:
        StudyError: one has a name that leads elsewhere, or there are more than any study has.
    """
    models, listed = record.get("config", {}).get("models", []), results / "runs.csv"
    if max(len(record["runs"]) / _MOST_RUNS, len(models) / _MOST_MODELS) > 1 or (
        listed.is_file() and listed.stat().st_size > _MOST_RUNS * _LONGEST_ROW
    ):
        raise StudyError(f"{results}: lists over {_MOST_RUNS:,} runs or {_MOST_MODELS:,} models")
    named = [run_of(results, run["combo"], run["model"], run["seed"]) for run in record["runs"]]
    named += [run_of(results, "v1", model, 0) for model in model_names({"models": models})]
    for run in [*named, *(read_runs(listed) if listed.is_file() else ())]:
        inside = run.folder.is_relative_to(results)
        parts = run.folder.relative_to(results).parts if inside else ()
        if len(parts) != 4 or parts[0] != "runs" or ".." in parts:
            raise StudyError(f"{run.name} names a run outside the study's results")


def _bounds(manifest: Mapping[str, Any]) -> dict[str, int]:
    n, *shape = manifest["images"]
    pixels = n
    for length in shape:
        pixels *= length
    for_each_image = {
        "text": 1024 * n,
        "arrays": (8 * len(manifest["classes"]) + 4096) * n,
        "other": 2 * pixels,
    }
    return {kind: least + for_each_image[kind] for kind, least in _ALWAYS_ALLOWED.items()}


def _below(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        yield from (Path(parent, name) for name in (*folders, *files))


def _check_kind(path: Path, root: Path) -> None:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        try:
            target = path.resolve(strict=True)
        except (OSError, RuntimeError) as error:
            raise StudyError(f"{path}: is a link that leads nowhere") from error
        if not target.is_relative_to(root):
            raise StudyError(f"{path}: is a link that leads out of what was handed in")
        mode = target.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise StudyError(f"{path}: is no regular file but a named pipe, a socket or a device")


def _unpacked(path: Path) -> int:
    """Return how many bytes an archive of arrays claims to hold."""
    try:
        with zipfile.ZipFile(path) as archive:
            return sum(member.file_size for member in archive.infolist())
    except (OSError, ValueError, zipfile.BadZipFile):  # the checks say so
        return 0
