"""Get CIFAR-10 and CIFAR-100 from an archive, a folder or the network: verified member files."""

import os
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path, PurePosixPath

from study.data.datasets import Source
from study.data.datasets.cifar import Cifar
from study.errors import StudyError
from study.files import with_home


def fetch(cifar: Cifar, raw: Path, source: Source) -> None:
    """Put the verified member files into the new folder `raw`.

    They come from `source.archive`, else from the path in the environment variable, else from
    the first address that delivers an archive whose members all have the expected md5. The
    archive's own md5 does not matter: a re-packed archive passes, a damaged one does not.

    Raises:
        StudyError: the archive is missing or damaged, or no address delivered a good one.
    """
    checksums = cifar.files.expected_md5s(source)
    local = source.archive or _path_from_environment(cifar)
    if local is not None:
        cifar.files.store(raw, _read_local(cifar, local, checksums), local)
        return
    from study.data.datasets.download import download

    good = []

    def get(url: str) -> dict[str, bytes]:
        what = f"{cifar.title}, about 170 MB"
        archive = download(url, source.scratch, what=what, advice=cifar.advice)
        try:
            contents = _read_archive(cifar, archive, checksums)
        except StudyError:
            archive.unlink()
            raise
        good.append(archive)
        return contents

    cifar.files.store_first_good(raw, source.urls or cifar.urls, get)
    good[0].unlink()  # not before: on a full disk the next try need not download it again


def _path_from_environment(cifar: Cifar) -> Path | None:
    value = os.environ.get(cifar.variable)
    return with_home(value) if value else None


def _read_local(cifar: Cifar, path: Path, checksums: Mapping[str, str]) -> dict[str, bytes]:
    if path.is_dir():
        nested = path / cifar.folder
        folder = nested if nested.is_dir() else path
        return {name: cifar.files.read(folder / name, checksums) for name in cifar.md5}
    if not path.is_file():
        raise StudyError(f"{path}: no such archive or folder; {cifar.advice}")
    return _read_archive(cifar, path, checksums)


def _read_archive(cifar: Cifar, path: Path, checksums: Mapping[str, str]) -> dict[str, bytes]:
    """Return the verified content of the member files; nothing is extracted to disk."""
    contents: dict[str, bytes] = {}
    try:
        members = _members_of_zip if zipfile.is_zipfile(path) else _members_of_tar
        for member, read in members(path):
            name = PurePosixPath(member).name
            if name in cifar.md5 and name not in contents:
                contents[name] = cifar.files.verified(name, read(), checksums)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise StudyError(
            f"{path}: truncated or damaged archive ({error}); {cifar.advice}"
        ) from error
    missing = [name for name in cifar.md5 if name not in contents]
    if missing:
        raise StudyError(f"{path}: the archive has no member {', '.join(missing)}; {cifar.advice}")
    return contents


def _members_of_tar(path: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Yield the name of each file and what reads it."""
    with tarfile.open(path) as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.isfile() else None
            yield member.name, stream.read if stream else bytes


def _members_of_zip(path: Path) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """Yield the same of a .zip, as which copies of the data set go round."""
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            yield member.filename, partial(archive.read, member)
