"""Which of your own images a folder or a table names.

A folder has a sub-folder for each class. A table is a CSV file with the columns path and label,
whose paths start at its own folder. The workflow asks at every start, so numpy is not imported.
"""

import csv
import os
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from study.errors import StudyError, escaped
from study.files import is_formula

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
_COLUMNS = ("path", "label")
# Bytes of a class's name, which is a folder's.
_LONGEST = 255


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
        StudyError: there is nothing there, it has fewer than two classes, a class has no image or a
            name that cannot be used, a table has another form or leads out of its folder, or the
            test images have other classes.
    """
    ignored: Counter[str] = Counter()
    images = sorted(_listed("dataset.path", place(path), "train", ignored))
    classes = sorted({image.label for image in images})
    if len(classes) < 2:
        content = f"one class, {classes[0]!r}" if classes else "no images"
        raise StudyError(
            f"dataset.path: {path} holds {content}; expected at least two classes, "
            "each a sub-folder (or label) with images in it"
        )
    if str(test_path):
        tests = sorted(_listed("dataset.test_path", place(test_path), "test", ignored))
        tested = {image.label for image in tests}
        for label in sorted(tested.symmetric_difference(classes)):
            where, lacks = (test_path, path) if label in tested else (path, test_path)
            raise StudyError(
                f"dataset.test_path: the class {label!r} is in {where} but not in {lacks}; "
                "expected the same classes in both"
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
        f"{key}: {path} does not exist; expected a folder with a sub-folder of images for each "
        "class, or a CSV file with the columns path,label"
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
                f"{key}: {root} has two folders that read {label!r}, in different Unicode forms; "
                "rename one"
            )
        names[label] = entry.name
        n_images = 0
        for path in _files(Path(entry.path), key, ()):
            if path.suffix.lower() not in SUFFIXES:
                ignored[path.suffix.lower() or "without suffix"] += 1
                continue
            n_images += 1
            yield Listed(split, label, _composed(path.relative_to(root).as_posix()), path)
        if not n_images:
            raise StudyError(
                f"{key}: {entry.path} holds no image; put images of this class in, "
                "or take the folder out"
            )


def _entries(folder: Path, key: str) -> list[os.DirEntry[str]]:
    """Return what lies in a folder, hidden things left out, sorted by name."""
    try:
        with os.scandir(folder) as entries:
            return sorted(
                (entry for entry in entries if not entry.name.startswith(".")),
                key=lambda entry: entry.name,
            )
    except OSError as error:
        raise StudyError(
            f"{key}: {folder} cannot be read ({error.strerror}); make it readable, or take it out"
        ) from error


def _files(folder: Path, key: str, above: tuple[tuple[int, int], ...]) -> Iterator[Path]:
    status = folder.stat()
    identity = (status.st_dev, status.st_ino)
    if identity in above:  # a link to a folder that it lies in
        return
    for entry in _entries(folder, key):
        if entry.is_dir():
            yield from _files(Path(entry.path), key, (*above, identity))
        else:
            yield Path(entry.path)


def _in_table(key: str, table: Path, split: str) -> Iterator[Listed]:
    lines: dict[str, int] = {}
    try:
        # A byte-order mark is what spreadsheets begin UTF-8 with.
        with table.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            _check_columns(key, table, reader.fieldnames or [])
            for row in reader:
                where = f"{key}: {table}:{reader.line_num}"
                file, label = ((row[name] or "").strip() for name in _COLUMNS)
                file, label = _checked_row(where, table, file, label)
                if file in lines:
                    raise StudyError(
                        f"{where}: {file} is in line {lines[file]} already; "
                        "expected each image once, with one label"
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


def _check_columns(key: str, table: Path, columns: Sequence[str]) -> None:
    missing = [name for name in _COLUMNS if name not in columns]
    if missing:
        raise StudyError(
            f"{key}: {table} has no column {' and no column '.join(missing)}; expected the columns "
            f"path,label separated by commas, found {', '.join(columns) or 'none'}"
        )


def _checked_row(where: str, table: Path, file: str, label: str) -> tuple[str, str]:
    """Return the path and label of a row in their usual form."""
    if not file or not label:
        raise StudyError(
            f"{where}: the {'label' if file else 'path'} is empty; expected path,label"
        )
    path = PurePosixPath(file)
    if path.is_absolute() or ".." in path.parts:
        raise StudyError(
            f"{where}: {file} leads out of the table's folder; "
            f"expected paths below {table.parent}, where the table lies"
        )
    label = _composed(label)
    _check_label(label, where)
    return str(path), label


def _composed(text: str) -> str:
    # macOS stores names decomposed: é as e and an accent.
    return unicodedata.normalize("NFC", text)


def _check_label(label: str, where: str) -> None:
    # Names of classes become names of folders and of columns, and cells of spreadsheets.
    hidden = next((c for c in label if escaped(label) != label and not c.isprintable()), "")
    if hidden:
        name = unicodedata.name(hidden, "a control character, or no UTF-8")
        raise StudyError(
            f"{where}: the class {label[:40]!a} has the character U+{ord(hidden):04X} in its name "
            f"({name.lower()}), which nobody sees; take it out, or put a plain space there"
        )
    if (
        "/" in label
        or label in (".", "..")
        or label != label.strip()
        or len(label.encode()) > _LONGEST
        or is_formula(label)
    ):
        raise StudyError(
            f"{where}: {label[:40]!a} cannot be the name of a class; expected readable text of at "
            f"most {_LONGEST} bytes without / and without spaces at its ends, that begins with "
            "none of = + - @ (but a number and a word may, as -cat)"
        )
