"""CIFAR-10 and CIFAR-100 in their "python version": pickled batches and their class names, verified file by file.

Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
"""

import hashlib
import os
import sys
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from study.data.datasets import Decoded, Source
from study.data.datasets.download import download
from study.data.pickles import load_arrays
from study.errors import StudyError


@dataclass(frozen=True)
class Cifar:
    """What sets the two data sets apart.

    Attributes:
        name: as its publisher writes it.
        archive: file name of the official archive.
        folder: in which it keeps its files.
        urls: where it can be had.
        train: names of the files with training images, in their order.
        test: name of the file with test images.
        meta: name of the file with the names of the classes.
        labels: the field of a batch that holds the labels.
        label_names: the field of `meta` that holds their names.
        md5: official digests by file.
        variable: environment variable that may name a local archive; "" for none.
    """

    name: str
    archive: str
    folder: str
    urls: tuple[str, ...]
    train: tuple[str, ...]
    test: str
    meta: str
    labels: str
    label_names: str
    md5: Mapping[str, str]
    variable: str = ""

    @property
    def members(self) -> tuple[str, ...]:
        """The files that are read."""
        return (*self.train, self.test, self.meta)

    @property
    def advice(self) -> str:
        """What a user can do for want of a good archive."""
        advice = f"get a good copy of {self.archive} and give its path by dataset.archive in the configuration"
        return (
            f"{advice} or by the environment variable {self.variable}" if self.variable else advice
        )


def fetch(cifar: Cifar, raw: Path, source: Source) -> None:
    """Put the verified member files into the new folder `raw`.

    They come from `source.archive`, else from the path in the environment variable, else from
    the first address that delivers an archive whose members all have the expected md5. The archive's own md5
    does not matter: a re-packed archive passes, a damaged one does not.

    Raises:
        StudyError: the archive is missing, damaged or unsafe, or no address delivered a good one.
    """
    checksums = _expected(cifar, source)
    local = source.archive or _path_from_environment(cifar)
    if local is not None:
        _store(raw, _read_local(cifar, local, checksums))
        _report(cifar, local)
        return

    problems = []
    for url in source.urls or cifar.urls:
        try:
            archive = download(
                url, source.scratch, what=f"{cifar.name}, about 170 MB", advice=cifar.advice
            )
        except StudyError as problem:
            problems.append(f"{url}: {problem}")
            continue
        try:
            members = _read_archive(cifar, archive, checksums)
        except StudyError as problem:
            problems.append(f"{url}: {problem}")
            archive.unlink()
            continue
        _store(raw, members)
        archive.unlink()
        _report(cifar, url)
        return
    raise StudyError(f"no source delivered {cifar.name} ({'; '.join(problems)}); {cifar.advice}")


def decode(cifar: Cifar, raw: Path, source: Source) -> Decoded:
    """Return the images in the official order: training batches, then the test batch.

    Each file is read once, its md5 is checked, and only then are those same bytes unpickled, by an unpickler
    that can build arrays and nothing else.

    Raises:
        StudyError: a file is missing, has another md5, or does not hold what a batch holds.
    """
    checksums = _expected(cifar, source)
    contents = {
        name: _verified(cifar, name, _read_member(cifar, raw / name), checksums)
        for name in cifar.members
    }
    classes = [
        _text(name)
        for name in _field(
            cifar, cifar.meta, _unpickle(cifar, cifar.meta, contents[cifar.meta]), cifar.label_names
        )
    ]
    batches = {name: _unpickle(cifar, name, contents[name]) for name in (*cifar.train, cifar.test)}

    counts = [len(_field(cifar, name, batch, cifar.labels)) for name, batch in batches.items()]
    images = np.empty((sum(counts), 32, 32, 3), np.uint8)
    labels = np.empty(sum(counts), np.int64)
    files: list[str] = []
    start = 0
    for (name, batch), count in zip(batches.items(), counts, strict=True):
        data, names = _field(cifar, name, batch, "data"), _field(cifar, name, batch, "filenames")
        found = (
            np.asarray(batch[cifar.labels]),
            np.shape(data),
            getattr(data, "dtype", None),
            len(names),
        )
        if (
            found[1:] != ((count, 3072), np.uint8, count)
            or not np.isin(found[0], range(len(classes))).all()
        ):
            raise StudyError(
                f"{raw / name}: expected uint8 data of {count}×3072, as many file names and labels "
                f"0–{len(classes) - 1}; {cifar.advice}"
            )
        # A row holds three colour planes one after the other; images want the colours of a pixel together.
        images[start : start + count] = data.reshape(count, 3, 32, 32).transpose(0, 2, 3, 1)
        labels[start : start + count] = found[0]
        files += [f"{name}/{_text(file)}" for file in names]
        start += count
    n_train = sum(counts[:-1])
    return Decoded(
        images=images,
        labels=labels,
        classes=classes,
        source_split=["train"] * n_train + ["test"] * counts[-1],
        files=files,
        sources={name: "md5:" + checksums[name] for name in cifar.members},
    )


def _report(cifar: Cifar, origin: object) -> None:
    print(
        f"took {cifar.name} from {origin}; all {len(cifar.members)} files have the expected md5",
        file=sys.stderr,
    )


def _expected(cifar: Cifar, source: Source) -> dict[str, str]:
    checksums = dict(cifar.md5) if source.checksums is None else source.checksums
    missing = [name for name in cifar.members if name not in checksums]
    if missing:
        raise StudyError(
            f"dataset.checksums has no md5 for {', '.join(missing)}; write one line '<md5> <file name>' for each "
            f"of {', '.join(cifar.members)}, as md5sum prints them"
        )
    return checksums


def _path_from_environment(cifar: Cifar) -> Path | None:
    value = os.environ.get(cifar.variable)
    return Path(value).expanduser() if value else None


def _read_local(cifar: Cifar, path: Path, checksums: dict[str, str]) -> dict[str, bytes]:
    if path.is_dir():
        nested = path / cifar.folder
        folder = nested if nested.is_dir() else path
        return {
            name: _verified(cifar, name, _read_member(cifar, folder / name), checksums)
            for name in cifar.members
        }
    if not path.is_file():
        raise StudyError(f"{path}: no such archive or folder; {cifar.advice}")
    return _read_archive(cifar, path, checksums)


def _read_member(cifar: Cifar, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise StudyError(
            f"{path}: missing; expected the files {', '.join(cifar.members)}; {cifar.advice}"
        ) from None


def _read_archive(cifar: Cifar, path: Path, checksums: dict[str, str]) -> dict[str, bytes]:
    """Return the verified content of the member files. Nothing is extracted to disk under a name from the tar."""
    contents: dict[str, bytes] = {}
    try:
        with tarfile.open(path) as archive:
            for member in _safe_members(cifar, path, archive):
                name = PurePosixPath(member.name).name
                if name in cifar.members and member.isfile() and name not in contents:
                    stream = archive.extractfile(member)
                    contents[name] = _verified(
                        cifar, name, stream.read() if stream else b"", checksums
                    )
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise StudyError(
            f"{path}: truncated or damaged archive ({error}); {cifar.advice}"
        ) from error
    missing = [name for name in cifar.members if name not in contents]
    if missing:
        raise StudyError(f"{path}: the archive has no member {', '.join(missing)}; {cifar.advice}")
    return contents


def _safe_members(cifar: Cifar, path: Path, archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for member in archive:
        name = PurePosixPath(member.name)
        if name.is_absolute() or ".." in name.parts:
            raise StudyError(
                f"{path}: refused, the archive has a member outside its own folder ({member.name!r}), which the "
                f"official one has not; {cifar.advice}"
            )
        yield member


def _verified(cifar: Cifar, name: str, content: bytes, checksums: dict[str, str]) -> bytes:
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != checksums[name]:
        raise StudyError(
            f"{name}: md5 is {found}, expected {checksums[name]}: the file is damaged; {cifar.advice}"
        )
    return content


def _store(raw: Path, members: dict[str, bytes]) -> None:
    raw.mkdir(parents=True)
    for name, content in members.items():
        (raw / name).write_bytes(content)


def _unpickle(cifar: Cifar, name: str, content: bytes) -> dict[Any, Any]:
    try:
        value = load_arrays(content)
    except Exception as error:  # a pickle can fail in any way; all mean the same here
        raise StudyError(f"{name}: not a {cifar.name} batch ({error}); {cifar.advice}") from error
    if not isinstance(value, dict):
        raise StudyError(
            f"{name}: not a {cifar.name} batch (holds a {type(value).__name__}, not a dict); {cifar.advice}"
        )
    return {_text(key): item for key, item in value.items()}


def _field(cifar: Cifar, name: str, batch: dict[str, Any], key: str) -> Any:
    if key not in batch:
        raise StudyError(f"{name}: not a {cifar.name} batch (no {key!r}); {cifar.advice}")
    return batch[key]


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
