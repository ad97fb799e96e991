"""A finished study as one file: results, Snakemake's records of them, and the configuration."""

import contextlib
import errno
import hashlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from study.audit.bundle_places import RECORDS, check_content, may_hold, recorded_file
from study.audit.bundle_reading import MANIFEST, Manifest, unpack
from study.config.recipes import CONFIG, RECIPES
from study.errors import StudyError
from study.files import atomic_path, file_digest, is_running, remove_leftovers, unix_text

BUNDLE = "study.tar.gz"


def files_of_study(project: Path, configfiles: Iterable[str]) -> list[str]:
    """Return what a bundle holds, as sorted paths relative to the project.

    These are the results, their records, and the configuration files that lie in the project.
    """
    named = names_in_project(project, configfiles)
    given = {name for name in named if (project / name).resolve().is_relative_to(project.resolve())}
    inside = [path for path in _below(project, "results", RECORDS) if may_hold(path)]
    if refused := sorted(name for name in given if not may_hold(name, given)):
        raise StudyError(
            f"{refused[0]}: a bundle takes no configuration from there; expected a .yaml file "
            "outside the folders of the project's code, such as config/mine.yaml"
        )
    return sorted({*inside, *given})


def own_configuration(folder: Path) -> list[str]:
    """Return the configuration and the recipes of a study in a folder of its own, if it is one."""
    if not (folder / CONFIG).is_file():
        return []
    recipes = sorted((folder / RECIPES).glob("*.yaml"))
    return [CONFIG, *(f"{RECIPES}/{path.name}" for path in recipes)]


def names_in_project(project: Path, configfiles: Iterable[str]) -> list[str]:
    """Return the paths of configuration files relative to the project, as a bundle has them."""
    return [os.path.relpath(project / name, project) for name in configfiles]


def files_left_out(project: Path) -> list[str]:
    """Return what lies among the results and goes into no bundle, because no rule makes it."""
    project_owns = ("README.md", "reference", "scratch", "images", "data/raw", "logs")
    own = tuple(f"results/{name}" for name in project_owns)
    return [
        name
        for name in _below(project, "results")
        if not may_hold(name) and not name.startswith(own) and ".partial" not in name
    ]


def _below(project: Path, *folders: str) -> list[str]:
    return sorted(
        os.path.relpath(path, project)
        for folder in folders
        for path in (project / folder).rglob("*")
        if path.is_file()
    )


def write_bundle(
    path: str | Path, project: Path, names: Iterable[str], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Write files of a project into a .tar.gz, check it against their digests, return its manifest.

    Links, such as Snakemake's cache makes, are written as the files that they lead to. The first
    member, bundle.json, has the sha256 of each file.

    Args:
        path: of the archive.
        project: folder.
        names: relative to the project.
        facts: what else the manifest says.

    Raises:
        StudyError: a file changed while it was read.
    """
    manifest = {**facts, "files": {name: file_digest(project / name) for name in names}}
    with atomic_path(path) as temporary:
        # Most bytes are compressed already; more effort would cost minutes and save little.
        with tarfile.open(temporary, "w:gz", compresslevel=1, dereference=True) as archive:
            content = json.dumps(manifest, indent=1).encode()
            member = tarfile.TarInfo(MANIFEST)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
            for name in manifest["files"]:
                archive.add(project / name, name)
        unpack(temporary, str(path))
    return manifest


@contextlib.contextmanager
def passing_bundle(project: Path) -> Iterator[Path]:
    """Yield a place in the project for a bundle on its way; it is removed afterwards.

    What processes left that were killed meanwhile is removed first.
    """
    for left in abandoned_bundles(project / "results"):
        shutil.rmtree(left, ignore_errors=True)
    folder = project / "results/scratch" / f"bundle_{os.getpid()}"
    folder.mkdir(parents=True)
    try:
        yield folder / BUNDLE
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def abandoned_bundles(results: Path) -> list[Path]:
    """Return the folders of bundles on their way whose processes have ended."""
    folders = {path: path.name.removeprefix("bundle_") for path in results.glob("scratch/bundle_*")}
    return [
        path
        for path, number in folders.items()
        if number == str(os.getpid()) or not (number.isdecimal() and is_running(int(number)))
    ]


def read_bundle(path: str | Path, project: Path, name: str = "") -> Manifest:
    """Put the files of a bundle into a project, all of them or none, and return its manifest.

    Modification times are kept, by which Snakemake sees that nothing is to be done.

    Args:
        path: of the archive.
        project: folder.
        name: what messages call the archive. Default: its path.

    Raises:
        StudyError: the archive is damaged or no bundle, holds what no bundle may hold, or a file
            would replace a different one.
    """
    name = name or str(path)
    staging = _Staging(project)
    try:
        manifest = unpack(
            path, name, staging.place, lambda manifest: _check_unlike(manifest, project)
        )
        for file in manifest["files"]:
            try:
                check_content(file, staging.place(file))
            except StudyError as error:
                raise StudyError(f"{name}: refused, {error}") from error
        staging.install([file for file in manifest["files"] if _is_wanted(file, manifest, project)])
    finally:
        staging.remove()
    return manifest


def _check_unlike(manifest: Manifest, project: Path) -> None:
    for file, digest in manifest["files"].items():
        there = project / file
        if not os.path.lexists(there) or file.startswith(f"{RECORDS}/"):
            continue
        if not there.is_file() or not _is_same(file, there, digest):
            what = "unpack it elsewhere with --project NEW_FOLDER"
            if file != CONFIG:
                what = "move results/ away, or unpack in a fresh clone of the project"
            raise StudyError(f"{file} is here already and differs; {what}")


def _is_same(file: str, there: Path, digest: str) -> bool:
    """Tell whether a file here is the bundled one; line ends of a configuration do not count."""
    if file.startswith("results/"):
        return file_digest(there) == digest
    text = unix_text(there)
    windows = text.replace(b"\n", b"\r\n")
    return digest in {hashlib.sha256(content).hexdigest() for content in (text, windows)}


def _is_wanted(file: str, manifest: Manifest, project: Path) -> bool:
    """Tell whether a file is to be put in place.

    A configuration that is here is not. The record of a file that is only here is not either.
    """
    if not file.startswith(f"{RECORDS}/"):
        return file.startswith("results/") or not (project / file).exists()
    output = recorded_file(file)
    return output in manifest["files"] or not output or not (project / output).exists()


class _Staging:
    """Where files wait until all are there, each on the disk that it goes to."""

    def __init__(self, project: Path):
        self._project = project
        results = project / "results"
        tops = [project, results if results.is_dir() else project]
        project.mkdir(parents=True, exist_ok=True)
        for top in tops:
            remove_leftovers(top / "unbundle")
        self._of_project, self._of_results = (
            top / f".unbundle.{os.getpid()}.partial" for top in tops
        )

    def place(self, file: str, kind: str = "new") -> Path:
        """Return where a file waits."""
        top = self._of_results if file.startswith("results/") else self._of_project
        return top / kind / file

    def install(self, files: Iterable[str]) -> None:
        """Put files in place; if one fails, everything is as it was before."""
        with contextlib.ExitStack() as undo:
            for file in files:
                target, before = self._project / file, self.place(file, "before")
                for folder in reversed(target.parents):
                    if not folder.exists():
                        folder.mkdir()
                        undo.callback(_remove_empty, folder)
                if os.path.lexists(target):
                    before.parent.mkdir(parents=True, exist_ok=True)
                    _move(target, before)
                    undo.callback(_move, before, target)
                else:
                    undo.callback(target.unlink, missing_ok=True)
                _move(self.place(file), target)
            undo.pop_all()

    def remove(self) -> None:
        """Remove what waited."""
        for folder in (self._of_project, self._of_results):
            shutil.rmtree(folder, ignore_errors=True)


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()


def _move(source: Path, target: Path) -> None:
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with atomic_path(target) as temporary:  # a folder below results/ is on another disk
            shutil.copy2(source, temporary)
