"""A finished study as one file: results, Snakemake's records of them, and the configuration."""

import contextlib
import gzip
import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from study.errors import StudyError
from study.files import atomic_path, file_digest

BUNDLE = "study.tar.gz"
MANIFEST = "bundle.json"
# What can be fetched or made again without training, or is part of the project; below results/.
_LEFT_OUT = (
    "README.md",
    "reference",
    "scratch",
    "data/raw",
    "images",
    "logs/bundle.log",
    "logs/push.log",
    "logs/pull.log",
)
_RECORDS = Path(".snakemake/metadata")


def files_of_study(project: Path, configfiles: Iterable[str]) -> list[str]:
    """Return what a bundle holds, as sorted paths relative to the project.

    These are the results, their records, and the configuration files that lie in the project.
    """
    results = project / "results"
    left_out = [results / name for name in _LEFT_OUT]
    inside = [
        path
        for folder in (results, project / _RECORDS)
        for path in folder.rglob("*")
        if path.is_file()
        and ".partial" not in path.name
        and not any(path.is_relative_to(one) for one in left_out)
    ]
    given = [project / name for name in configfiles]
    inside += [path for path in given if path.resolve().is_relative_to(project.resolve())]
    return sorted(os.path.relpath(path, project) for path in inside)


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
        for _ in _checked(temporary):
            pass
    return manifest


@contextlib.contextmanager
def passing_bundle(project: Path) -> Iterator[Path]:
    """Yield a place in the project for a bundle on its way; it is removed afterwards."""
    scratch = project / "results" / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bundle_", dir=scratch) as folder:
        yield Path(folder) / BUNDLE


def read_bundle(path: str | Path, project: Path, name: str = "") -> dict[str, Any]:
    """Put the files of a bundle into a project, all of them or none, and return its manifest.

    Modification times are kept, by which Snakemake sees that nothing is to be done.

    Args:
        path: of the archive.
        project: folder.
        name: what messages call the archive, its path unless said.

    Raises:
        StudyError: the archive is damaged or no bundle, or a file would replace a different one.
    """
    waiting = project / ".unbundle.partial"
    shutil.rmtree(waiting, ignore_errors=True)
    try:
        checked = _checked(path, name)
        manifest = next(checked)
        for file, digest in manifest["files"].items():
            there = project / file
            if not there.exists() or file.startswith(f"{_RECORDS}/"):
                continue
            if not there.is_file() or file_digest(there) != digest:
                raise StudyError(
                    f"{name or path}: {file} is here already and differs; move results/ away, or "
                    "unpack in a fresh clone of the project"
                )
        for member, content in checked:
            target = waiting / member.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            os.utime(target, (member.mtime, member.mtime))
        for file in manifest["files"]:
            (project / file).parent.mkdir(parents=True, exist_ok=True)
            (waiting / file).replace(project / file)
    finally:
        shutil.rmtree(waiting, ignore_errors=True)
    return manifest


def _checked(path: str | Path, name: str = "") -> Iterator[Any]:
    """Yield the manifest, then each member with its content, checked against the manifest."""
    name, advice = name or str(path), "ask for the file once more"
    try:
        with gzip.open(path) as stream, tarfile.open(fileobj=stream, mode="r:") as archive:
            first = archive.next()
            described = (
                archive.extractfile(first) if first is not None and first.name == MANIFEST else None
            )
            if described is None:
                raise StudyError(
                    f"{name}: is no bundle of a study, its first member is not {MANIFEST}; {advice}"
                )
            manifest = json.loads(described.read())
            yield manifest
            expected = dict(manifest["files"])
            for member in archive:
                if member.name == MANIFEST:
                    continue
                parts = PurePosixPath(member.name).parts
                digest = expected.pop(member.name, None)
                if (
                    not member.isfile()
                    or digest is None
                    or ".." in parts
                    or member.name.startswith("/")
                ):
                    raise StudyError(
                        f"{name}: refused, it holds {member.name!r}, which no bundle has; {advice}"
                    )
                content = archive.extractfile(member).read()
                if hashlib.sha256(content).hexdigest() != digest:
                    raise StudyError(
                        f"{name}: {member.name} is not the file that was bundled (its sha256 "
                        f"differs); {advice}"
                    )
                yield member, content
            # The archive ends before the file does: its own checksum comes last.
            while stream.read(1 << 20):
                pass
    except (
        tarfile.TarError,
        EOFError,
        zlib.error,
        json.JSONDecodeError,
        KeyError,
        OSError,
    ) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise StudyError(
            f"{name}: truncated or damaged ({type(error).__name__}); {advice}"
        ) from error
    if expected:
        raise StudyError(f"{name}: {next(iter(expected))} is missing in it; {advice}")
