"""Which images a folder or a table of a user's own names, and a digest of them: read at every start of the workflow, so without numpy.

A folder has a sub-folder for each class; a table is a CSV file with the columns path and label, whose paths start at its own folder.
"""

import contextlib
import csv
import hashlib
import json
import os
import sys
import time
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from study.errors import StudyError

# What a file of these kinds holds is looked at; all other files are left alone.
SUFFIXES = {
    ".png",
    ".jpg",
    ".jpeg",
    ".jpe",
    ".jfif",
    ".webp",
    ".bmp",
    ".dib",
    ".tif",
    ".tiff",
    ".gif",
    ".apng",
}
# A file system may not tell two changes apart that are closer than so many seconds.
_RACY = 2
_ANNOUNCED = 200_000_000  # bytes that take some seconds to read
_COLUMNS = ("path", "label")


class Listed(NamedTuple):
    """One image as it is listed.

    Attributes:
        split: "train", or "test" for the images of a test folder.
        label: name of its class.
        file: its path below the folder, or as in the table; with "/", in Unicode's composed form.
        path: where it is.
    """

    split: str
    label: str
    file: str
    path: Path


class Listing(NamedTuple):
    """All images of a data set, ordered by split, class and file: the same on every machine.

    Attributes:
        classes: names in label order, which is that of their characters.
        images: training images before test images.
        ignored: how many other files lie there, by suffix.
    """

    classes: list[str]
    images: list[Listed]
    ignored: Counter[str]


def list_images(path: str | Path, test_path: str | Path = "") -> Listing:
    """List the images of a folder or table, and those of another one for testing.

    Args:
        path: folder with a sub-folder for each class, or table with the columns path and label.
        test_path: the same with images that are for testing; empty for none.

    Raises:
        StudyError: there is nothing there, it has fewer than two classes, a class has no image or a name that cannot be used, a table has
            another form or leads out of its folder, or the test images have other classes.
    """
    ignored: Counter[str] = Counter()
    images = sorted(_listed("dataset.path", place(path), "train", ignored))
    classes = sorted({image.label for image in images})
    if len(classes) < 2:
        found = f"one class, {classes[0]!r}" if classes else "no images"
        raise StudyError(
            f"dataset.path: {path} holds {found}; expected at least two classes, each a sub-folder (or label) with images in it"
        )
    if str(test_path):
        tests = sorted(_listed("dataset.test_path", place(test_path), "test", ignored))
        there = {image.label for image in tests}
        for label in sorted(there.symmetric_difference(classes)):
            where, lacks = (test_path, path) if label in there else (path, test_path)
            raise StudyError(
                f"dataset.test_path: the class {label!r} is in {where} but not in {lacks}; expected the same classes in both"
            )
        images += tests
    return Listing(classes, images, ignored)


def place(path: str | Path) -> Path:
    """Return a path with ~ replaced by the home folder, where there is one of that name."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def _listed(key: str, path: Path, split: str, ignored: Counter[str]) -> Iterator[Listed]:
    if path.is_dir():
        return _in_folder(key, path, split, ignored)
    if path.is_file():
        return _in_table(key, path, split)
    raise StudyError(
        f"{key}: {path} does not exist; expected a folder with a sub-folder of images for each class, or a CSV file with the columns path,label"
    )


def _in_folder(key: str, root: Path, split: str, ignored: Counter[str]) -> Iterator[Listed]:
    names: dict[str, str] = {}
    for entry in _entries(root, key):
        if not entry.is_dir():
            ignored["beside the folders of classes"] += 1
            continue
        label = _composed(entry.name)
        _check_label(label, f"{key}: {root}")
        if label in names:
            raise StudyError(
                f"{key}: {root} has two folders that read {label!r}, in different Unicode forms; rename one"
            )
        names[label] = entry.name
        found = 0
        for path in _files(Path(entry.path), key, ()):
            if path.suffix.lower() not in SUFFIXES:
                ignored[path.suffix.lower() or "without suffix"] += 1
                continue
            found += 1
            yield Listed(split, label, _composed(path.relative_to(root).as_posix()), path)
        if not found:
            raise StudyError(
                f"{key}: {entry.path} holds no image; put images of this class in, or take the folder out"
            )


def _entries(folder: Path, key: str) -> list[os.DirEntry[str]]:
    """Return what lies in a folder, hidden things left out, sorted by name."""
    try:
        with os.scandir(folder) as found:
            return sorted(
                (entry for entry in found if not entry.name.startswith(".")),
                key=lambda entry: entry.name,
            )
    except OSError as error:
        raise StudyError(
            f"{key}: {folder} cannot be read ({error.strerror}); make it readable, or take it out"
        ) from error


def _files(folder: Path, key: str, above: tuple[tuple[int, int], ...]) -> Iterator[Path]:
    status = folder.stat()
    here = (status.st_dev, status.st_ino)
    if here in above:  # a link to a folder that it lies in
        return
    for entry in _entries(folder, key):
        if entry.is_dir():
            yield from _files(Path(entry.path), key, (*above, here))
        else:
            yield Path(entry.path)


def _in_table(key: str, table: Path, split: str) -> Iterator[Listed]:
    lines: dict[str, int] = {}
    try:
        # A byte-order mark is what spreadsheets begin UTF-8 with.
        with table.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            columns = reader.fieldnames or []
            missing = [name for name in _COLUMNS if name not in columns]
            if missing:
                raise StudyError(
                    f"{key}: {table} has no column {' and no column '.join(missing)}; expected the columns path,label separated by commas, "
                    f"found {', '.join(columns) or 'none'}"
                )
            for row in reader:
                where = f"{key}: {table}:{reader.line_num}"
                file, label = ((row[name] or "").strip() for name in _COLUMNS)
                if not file or not label:
                    raise StudyError(
                        f"{where}: the {'label' if file else 'path'} is empty; expected path,label"
                    )
                pure = PurePosixPath(file)
                if pure.is_absolute() or ".." in pure.parts:
                    raise StudyError(
                        f"{where}: {file} leads out of the table's folder; expected paths below {table.parent}, where the table lies"
                    )
                label, file = _composed(label), str(pure)
                _check_label(label, where)
                if file in lines:
                    raise StudyError(
                        f"{where}: {file} is in line {lines[file]} already; expected each image once, with one label"
                    )
                lines[file] = reader.line_num
                yield Listed(split, label, _composed(file), table.parent / file)
    except UnicodeDecodeError as error:
        raise StudyError(
            f"{key}: {table} is no text in UTF-8 ({error.reason}); save it as CSV in UTF-8"
        ) from error
    except csv.Error as error:
        raise StudyError(
            f"{key}: {table} is no CSV file ({error}); expected the columns path,label"
        ) from error


def _composed(text: str) -> str:
    # macOS stores names decomposed: é as e and an accent.
    return unicodedata.normalize("NFC", text)


def _check_label(label: str, where: str) -> None:
    # Names of classes become names of folders and of columns.
    if not label.isprintable() or "/" in label or label in (".", "..") or label != label.strip():
        raise StudyError(
            f"{where}: {label!a} cannot be the name of a class; expected readable text without / and without spaces at its ends"
        )


def digest_of_images(listing: Listing, remembered: str | Path | None = None) -> str:
    """Return a digest of which images there are and what they contain; times and the place of the folder do not count.

    Args:
        listing: of the images.
        remembered: file that keeps the digests of files with their sizes and times, as git's index does, so that files are read once; may
            be missing.

    Returns:
        Sixty-four hexadecimal digits, sha256.
    """
    known = _remembered(remembered)
    status = {str(image.path): _status(image.path) for image in listing.images}
    new = {
        path for path, seen in status.items() if seen and known.get(path, [None])[:-1] != list(seen)
    }
    size = sum(status[path][0] for path in new)
    if size > _ANNOUNCED:
        print(
            f"reading {len(new):,} new or changed images, {size / 1e9:.1f} GB",
            file=sys.stderr,
            flush=True,
        )
    digests = {
        path: _content_digest(path) if path in new else known[path][-1] if seen else None
        for path, seen in status.items()
    }
    # What was changed just now may change once more without another time.
    limit = time.time_ns() - _RACY * 10**9
    kept = {
        path: [*seen, digests[path]]
        for path, seen in status.items()
        if seen and max(seen[1:]) < limit
    }
    if remembered is not None and new:
        from study.files import (
            write_text,  # brings numpy, which a start that finds nothing new does without
        )

        with contextlib.suppress(OSError):  # else the files are read again next time
            write_text(remembered, json.dumps(kept))
    return combined_digest((image, digests[str(image.path)]) for image in listing.images)


def combined_digest(contents: Iterator[tuple[Listed, str | None]]) -> str:
    """Return the digest of images with the sha256 of their contents, None for those that cannot be read."""
    whole = hashlib.sha256()
    for image, content in contents:
        whole.update(json.dumps([*image[:3], content]).encode() + b"\n")
    return whole.hexdigest()


def _remembered(path: str | Path | None) -> Mapping[str, list]:
    try:
        return json.loads(Path(path).read_text(encoding="utf-8")) if path else {}
    except (OSError, ValueError):
        return {}


def _status(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _content_digest(path: str) -> str | None:
    try:
        with Path(path).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return None
