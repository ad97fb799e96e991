"""List what in results/ is of runs that the configuration no longer has; --delete deletes it.

Such are the runs of combos, models and seeds that were taken out, what was made of them and their
logs, searches and checkpoints. Other files stay. The next `snakemake` makes tables and figures of
all runs again. Of runs that stay, what you asked for by name (certify, images, a model's page, …)
is never removed. A file that no job makes is listed apart and never deleted.
"""

import argparse
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study.audit.bundles import abandoned_bundles
from study.audit.replaced import locked
from study.audit.same_study import given_configfiles, what_other_study
from study.cli.belonging import note_on_other_runs
from study.cli.project import Project, configuration_options, find_project, outputs
from study.cli.terminal import console, say, table
from study.config.imports import model_names
from study.errors import StudyError
from study.wording import size

if TYPE_CHECKING:
    from rich.console import Console

# In git, and never anybody's to delete here.
_KEPT = ("README.md", "reference")
# Nothing but jobs writes there, one folder or file a combo × model × seed.
_OF_JOBS = ("logs", "scratch", "certify", "lr_find", "tune")


def options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    configuration_options(parser)
    parser.add_argument(
        "--delete",
        action="store_true",
        help="delete what is listed as no longer part of the study; in a terminal it asks first",
    )
    parser.add_argument("--yes", action="store_true", help="delete it without asking")
    parser.add_argument(
        "--keep",
        nargs="+",
        default=[],
        metavar="TARGET",
        help="keep what these targets take, too, such as reproduce",
    )


def answer(arguments: argparse.Namespace) -> None:
    """List, and delete if asked to."""
    project, where = find_project(arguments.configfile), console()
    if locked():
        raise StudyError(
            "Snakemake runs here, or was killed: wait until it has ended, "
            "or type `snakemake --unlock` if it does not run"
        )
    delete = arguments.delete or arguments.yes
    if note := _why_not(project):
        if delete:
            raise StudyError(f"nothing was deleted: {note}")
        print(f"note: {note}", file=sys.stderr)
    outdated, unknown = _of_runs_taken_out(project, arguments.keep)
    _list(where, "No longer part of the study", outdated)
    _list(where, "Of no job, and kept", unknown)
    total = size(sum(map(_bytes, outdated)))
    if not outdated:
        say(where, "Nothing in results/ is to be deleted: there is no run that was taken out.")
    elif delete and (arguments.yes or not sys.stdin.isatty() or _agreed(total)):
        _delete(outdated, project.results)
        say(where, f"Deleted: {total}.")
    else:
        say(where, f"Nothing was deleted. To delete {total}, type the command again with --delete.")


def _why_not(project: Project) -> str:
    """Return why results/ are not this configuration's to clean; "" if they are."""
    given = given_configfiles(project.configfiles)
    if other := what_other_study(project.config, given, "study clean"):
        return f"{other}; to go on with this one, first run it with `--config overwrite=true`"
    others = note_on_other_runs(project, all_of_them=True)
    return f"{others}; if you mean it, delete results/ by hand" if others else ""


def _agreed(total: str) -> bool:
    """Ask in the terminal."""
    return input(f"Delete these {total}? [y/N] ").strip().casefold() in ("y", "yes")


def _of_runs_taken_out(project: Project, keep: list[str]) -> tuple[list[Path], list[Path]]:
    """Return what belongs to runs that were taken out: what jobs made, and other files."""
    needed = {Path(one.path) for one in outputs(project, ["all", *keep])}
    names = {
        *project.config["combos"],
        *model_names(project.config),
        *(f"seed{seed}" for seed in project.config["seeds"]),
        *(name for path in needed for name in _run_of(path)),
    }
    gone = {name for path in _files(project.results) for name in _run_of(path)} - names
    # Jobs make of a run that was taken out what they make of one that is needed.
    made = {_form(path, names) for path in needed}
    is_left = _left_by_killed_processes(project.results)
    outdated, unknown, rest = [], [], []
    for path in _files(project.results):
        top = path.relative_to(project.results).parts[0]
        of_jobs = top in _OF_JOBS or _form(path, gone | names) in made
        taken_out = gone & set(_words(path)[_places(path)])
        if path in needed or top in _KEPT:
            rest.append(path)
        elif is_left(path) or (of_jobs and taken_out):
            outdated.append(path)
        elif not taken_out:
            rest.append(path)
        else:
            unknown.append(path)
    return _gathered(outdated, [*unknown, *rest]), _gathered(unknown, [*outdated, *rest])


def _left_by_killed_processes(results: Path) -> Callable[[Path], bool]:
    bundles = abandoned_bundles(results)

    def is_left(path: Path) -> bool:
        partial = any(".partial" in Path(part).suffixes for part in path.parts)
        return partial or any(map(path.is_relative_to, bundles))

    return is_left


def _run_of(path: Path) -> tuple[str, ...]:
    """Return combo, model and seed, as in paths, of what a training writes; () for other files."""
    _, place, *words = [*_words(path), ""]
    if place in ("logs", "scratch"):
        words = words[1:] if words[0] == "train" else []
    is_run = place in ("runs", "logs", "scratch") and len(words) > 3
    return tuple(words[:3]) if is_run and words[2].removeprefix("seed").isdecimal() else ()


def _words(path: Path) -> list[str]:
    """Return the parts of a path without suffixes: v1/cnn2/seed42.log has v1, cnn2, seed42."""
    return [part.partition(".")[0] for part in path.parts]


def _places(path: Path) -> slice:
    """Return which parts of a path may be a combo, a model or a seed, whatever these are called.

    Those before are the project's: results/logs/train, and the folder of another kind of results.
    """
    first = 3 if {"logs", "scratch"} & {*path.parts[1:2]} else 2
    return slice(first, first + 3)


def _form(path: Path, names: set[str]) -> tuple[str, ...]:
    """Return a path without the names of combos, models and seeds."""
    places, parts = _places(path), list(path.parts)
    words = zip(parts[places], _words(path)[places], strict=True)
    parts[places] = [part.replace(word, "*", 1) if word in names else part for part, word in words]
    return tuple(parts)


def _gathered(paths: Iterable[Path], others: Iterable[Path]) -> list[Path]:
    """Return paths, with a folder in place of all that it holds where it holds no others."""
    mixed = {parent for path in others for parent in path.parents} | {Path("results"), Path()}
    return sorted(
        {
            next((parent for parent in reversed(path.parents) if parent not in mixed), path)
            for path in paths
        }
    )


def _files(path: Path) -> list[Path]:
    """Return the files below a folder, or the file that it is; links are files but results/."""
    is_folder = path.is_dir() and (not path.is_symlink() or len(path.parts) == 1)
    below = path.rglob("*") if is_folder else [path]
    return [one for one in below if not one.is_dir() or one.is_symlink()]


def _bytes(path: Path) -> int:
    return sum(one.lstat().st_size for one in _files(path))


def _list(where: "Console", title: str, paths: list[Path]) -> None:
    if not paths:
        return
    rows: dict[str, Any] = {}
    for path in paths:
        # Logs are many and small.
        name = "results/logs/…" if "logs" in path.parts[1:2] else f"{path}{'/' * path.is_dir()}"
        files, n_bytes = rows.get(name, (0, 0))
        rows[name] = files + len(_files(path)), n_bytes + _bytes(path)
    cells = [
        {"": name, "files": f"{files:,}", "size": size(n_bytes)}
        for name, (files, n_bytes) in sorted(rows.items(), key=lambda item: -item[1][1])
    ]
    say(where, title, "bold")
    table(where, ["", "files", "size"], cells, keys=[""], fold=True)
    where.print()


def _delete(paths: Iterable[Path], results: Path) -> None:
    """Delete files and folders, and folders that are then empty."""
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
        parent = path.parent
        while parent != results and not any(parent.iterdir()):
            parent.rmdir()
            parent = parent.parent
