"""Which images a table of yours names: a CSV file with the columns path, label and maybe group.

Its paths start at its own folder.
"""

import csv
import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

from study.data.datasets.image_names import Listed, check_label, composed
from study.errors import StudyError
from study.files import table_rows

_COLUMNS = ("path", "label")
_GROUP = "group"
# Which images are for what; the project draws that itself, or takes it from two tables.
_ROLES = {"split", "source_split", "role", "fold"}


def images_in_table(key: str, table: Path, split: str) -> list[Listed]:
    """Return the images of a table in its order.

    Raises:
        StudyError: it has another form, names a file outside its folder, or none of its files is
            there.
    """
    images = list(_rows(key, table, split))
    if images and not any(os.path.lexists(image.path) for image in images):
        raise StudyError(
            f"{key}: none of the {len(images):,} files of {table} is there; the first would be "
            f"{images[0].path}; paths begin in the table's folder"
        )
    return images


def _rows(key: str, table: Path, split: str) -> Iterator[Listed]:
    lines: dict[str, int] = {}
    try:
        with table.open(newline="", encoding="utf-8-sig") as stream:
            reader = table_rows(stream)
            columns = reader.fieldnames or []
            _check_columns(key, table, columns)
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
                group = composed((row.get(_GROUP) or "").strip())
                if _GROUP in columns and not group:
                    raise StudyError(
                        f"{where}: the group of {file} is empty; expected the name of its patient, "
                        "burst or video, or one of its own where the image is alone"
                    )
                yield Listed(split, label, composed(file), table.parent / file, group)
    except UnicodeDecodeError as error:
        raise StudyError(
            f"{key}: {table} is no text in UTF-8 ({error.reason}); expected a table saved as CSV "
            "in UTF-8, or the folder that an archive is unpacked to"
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
            f"path,label, found {', '.join(columns) or 'none'}"
        )
    if roles := [name for name in columns if name.lower() in _ROLES]:
        raise StudyError(
            f"{key}: {table} has the column {roles[0]}, by which no image is chosen: all its rows "
            "would be taken alike; write images that are for testing alone to another table, name "
            "that by test_path, and remove the column"
        )


def _checked_row(where: str, table: Path, file: str, label: str) -> tuple[str, str]:
    """Return the path and label of a row in their usual form."""
    if not file or not label:
        raise StudyError(
            f"{where}: the {'label' if file else 'path'} is empty; expected path,label"
        )
    if "\0" in file:
        raise StudyError(
            f"{where}: {file!r} has the character NUL, which no path has; save the table as CSV in "
            "UTF-8"
        )
    if "\\" in file and not os.path.lexists(table.parent / file):  # a path as Windows has it
        file = file.replace("\\", "/")
    path = PurePosixPath(file)
    if path.is_absolute() and path.is_relative_to(table.parent.absolute()):
        path = path.relative_to(table.parent.absolute())
    if path.is_absolute() or ".." in path.parts or PureWindowsPath(file).drive:
        raise StudyError(
            f"{where}: {file} is not in the folder of the table, {table.parent}; put the table "
            "where all its images are, and write paths from there, such as cats/1.png"
        )
    label = composed(label)
    check_label(label, where)
    return str(path), label
