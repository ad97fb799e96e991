"""Reads a bundle without believing it: names, kinds, sizes and digests are checked as it is read.

The sizes that it claims are compared with limits before anything of that size is read or written.
"""

import contextlib
import gzip
import hashlib
import json
import math
import os
import posixpath
import re
import tarfile
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from study.audit.bundle_places import may_hold
from study.errors import StudyError

MANIFEST = "bundle.json"
_ADVICE = "ask for the file once more"
_CHUNK = 1 << 20
_HEADERS = 1 << 16  # bytes of one member's headers, and after the last member
# More than ten thousand runs take, of whose manifest each line is a file.
_MANIFEST_BYTES, _MANIFEST_BRACKETS = 1 << 27, 10_000
# Results are mostly compressed already. A study of the demo's size may be blown up this far.
_ALWAYS_ALLOWED, _TIMES_LARGER = 1 << 30, 100
_LATEST = 1 << 33  # seconds; file systems know no later time

Manifest = dict[str, Any]


class _Bounded:
    """A stream of which only the allowed number of bytes is read: `left`."""

    def __init__(self, stream: IO[bytes]):
        self._stream, self.left = stream, 0

    def read(self, size: int) -> bytes:
        if not 0 <= size <= self.left:
            raise StudyError(f"refused, a header takes {size:,} bytes more than any may")
        self.left -= size
        return self._stream.read(size)

    def tell(self) -> int:
        return self._stream.tell()

    def seek(self, position: int) -> int:
        return self._stream.seek(position)


def unpack(
    path: str | Path,
    name: str = "",
    place: Callable[[str], Path] | None = None,
    agree: Callable[[Manifest], None] = lambda manifest: None,
) -> Manifest:
    """Check a bundle to its last byte, write its files, and return its manifest.

    Args:
        path: of the archive.
        name: what messages call it. Default: its path.
        place: where to write a file, by its name; nothing is written unless given.
        agree: is asked with the manifest before anything is written, and raises if it is not to be.

    Raises:
        StudyError: it is damaged or no bundle, or holds what no bundle may hold.
    """
    name = name or str(path)
    if not Path(path).is_file():  # a named pipe is waited for without end
        kind = "is no regular file" if Path(path).exists() else "no such file"
        raise StudyError(f"{name}: {kind}; expected what `snakemake bundle` wrote")
    most = max(_ALWAYS_ALLOWED, _TIMES_LARGER * Path(path).stat().st_size)
    with _told_in_one_line(name), _unzipped(Path(path), name) as unbounded:
        stream = _Bounded(unbounded)
        manifest, members = _opened(stream)
        _agreed(name, agree, manifest)
        expected = dict(manifest["files"])
        for member in members:
            digest = expected.pop(member.name, None)
            _check_member(member, digest)
            most -= member.size
            if most < 0:
                raise StudyError("refused, it unpacks to far more than a study has")
            _copy(stream, member, digest, place and place(member.name))
        # The archive ends before the file does: its own checksum comes last.
        stream.left = _HEADERS
        while stream.read(512):
            pass
        if expected:
            raise StudyError(f"{next(iter(expected))} is missing in it")
    return manifest


def _unzipped(path: Path, name: str) -> IO[bytes]:
    """Open a bundle, which a browser may have unzipped on its way.

    Raises:
        _Disagreed: it is whole, but something else.
    """
    with path.open("rb") as stream:
        beginning = stream.read(tarfile.BLOCKSIZE)
    if beginning[257:262] == b"ustar":
        return path.open("rb")
    others = {b"PK": "zip", b"7z": "7z", b"Rar!": "rar", b"\xfd7zXZ": "xz", b"BZh": "bz2"}
    for start, kind in others.items():
        if beginning.startswith(start):
            raise _Disagreed(
                f"{name}: is a .{kind} archive; unpack it and give the study.tar.gz in it"
            )
    if beginning.lstrip().startswith(b"<"):
        raise _Disagreed(f"{name}: is a web page; download the file itself, study.tar.gz")
    return cast(IO[bytes], gzip.open(path))


class _Disagreed(Exception):
    """Carries what is no damage past the advice on damaged files."""


def _agreed(name: str, agree: Callable[[Manifest], None], manifest: Manifest) -> None:
    try:
        agree(manifest)
    except StudyError as error:
        raise _Disagreed(f"{name}: {error}") from error


@contextlib.contextmanager
def _told_in_one_line(name: str) -> Iterator[None]:
    try:
        yield
    except _Disagreed as error:
        raise StudyError(error) from error
    except StudyError as error:
        raise StudyError(f"{name}: {error}; {_ADVICE}") from error
    except Exception as error:  # a file that somebody made may break its readers in any way
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise StudyError(
            f"{name}: truncated or damaged ({type(error).__name__}); {_ADVICE}"
        ) from error


def _opened(stream: _Bounded) -> tuple[Manifest, Iterator[tarfile.TarInfo]]:
    """Return the manifest and the members after it."""
    stream.left = _HEADERS
    archive = tarfile.open(fileobj=stream, mode="r:")  # noqa: SIM115
    first = archive.next()
    if first is None or first.name != MANIFEST or not _is_plain(first):
        raise StudyError(f"is no bundle of a study, its first member is not {MANIFEST}")
    if first.size > _MANIFEST_BYTES:
        raise StudyError(f"refused, its {MANIFEST} claims {first.size:,} bytes")
    return _manifest(b"".join(_chunks(stream, first))), _members(archive, stream)


def _members(archive: tarfile.TarFile, stream: _Bounded) -> Iterator[tarfile.TarInfo]:
    while True:
        stream.left = _HEADERS
        archive.members.clear()  # else all are kept
        member = archive.next()
        if member is None:
            return
        yield member


def _manifest(content: bytes) -> Manifest:
    """Return the checked content of the manifest.

    Raises:
        StudyError: it is not of the form that `snakemake bundle` writes, or names what no bundle
            may hold.
    """
    # Millions of empty lists are small in a file and large in memory.
    if content.count(b"{") + content.count(b"[") > _MANIFEST_BRACKETS:
        raise StudyError(f"is no bundle of a study, its {MANIFEST} is nested or has too many lists")
    manifest = json.loads(content)
    form = {"files": dict, "configfiles": list, "repository": dict}
    if not isinstance(manifest, dict) or "files" not in manifest:
        raise StudyError(f"is no bundle of a study, its {MANIFEST} lists no files")
    manifest = {"configfiles": [], "repository": {}} | manifest
    texts = [*manifest["configfiles"], *dict(manifest["files"]).values()]
    # A name that starts with "-" is an option in the commands that are printed.
    if any(not isinstance(manifest[key], kind) for key, kind in form.items()) or any(
        not isinstance(text, str) or text.startswith("-") for text in texts
    ):
        raise StudyError(f"is no bundle of a study, its {MANIFEST} is of another form")
    _check_names(manifest)
    return manifest


def _check_names(manifest: Manifest) -> None:
    given = {posixpath.normpath(name) for name in manifest["configfiles"]}
    seen, folders = {}, set()
    for name, digest in manifest["files"].items():
        if not may_hold(name, given):
            raise _refused(name)
        if not re.fullmatch("[0-9a-f]{64}", digest):
            raise StudyError(f"is no bundle of a study, {name} has no sha256 in its {MANIFEST}")
        # On some disks these are one file.
        twin = seen.setdefault(_folded(name), name)
        if twin != name:
            raise StudyError(f"refused, {twin!r} and {name!r} are one file on some disks")
        folders.update(_folded(str(folder)) for folder in PurePosixPath(name).parents)
    if both := folders & seen.keys():
        raise StudyError(f"refused, {seen[both.pop()]!r} is a file and a folder in it")


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _refused(name: str) -> StudyError:
    return StudyError(f"refused, it holds {name!r}, which no bundle has")


def _is_plain(member: tarfile.TarInfo) -> bool:
    """Tell whether a member is a regular file: no link, device, pipe or file with holes."""
    with_holes = any(key.startswith("GNU.sparse") for key in member.pax_headers)
    return member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not with_holes


def _check_member(member: tarfile.TarInfo, digest: str | None) -> None:
    if digest is None or not _is_plain(member):
        raise _refused(member.name)
    if not (math.isfinite(member.mtime) and 0 <= member.mtime < _LATEST):
        raise StudyError(f"refused, {member.name} has an impossible time")


def _chunks(stream: _Bounded, member: tarfile.TarInfo) -> Iterator[bytes]:
    stream.seek(member.offset_data)
    left = stream.left = member.size
    while left:
        chunk = stream.read(min(left, _CHUNK))
        if not chunk:
            raise EOFError
        left -= len(chunk)
        yield chunk


def _copy(stream: _Bounded, member: tarfile.TarInfo, digest: str, target: Path | None) -> None:
    """Write a member, with its time, to a file if there is a target, and check its digest."""
    sha256 = hashlib.sha256()
    with contextlib.ExitStack() as stack:
        written = None
        if target:
            target.parent.mkdir(parents=True, exist_ok=True)
            written = stack.enter_context(target.open("xb"))
        for chunk in _chunks(stream, member):
            sha256.update(chunk)
            if written:
                written.write(chunk)
    if sha256.hexdigest() != digest:
        raise StudyError(f"{member.name} is not the file that was bundled (its sha256 differs)")
    if target:
        os.utime(target, (member.mtime, member.mtime))
