"""Predictions that were made elsewhere: a table or an archive, checked and put in order."""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pandas.errors import ParserWarning

from study.errors import StudyError
from study.files import (
    DamagedFile,
    csv_rows,
    delimiter_of,
    read_arrays,
    read_table,
    reading,
    table_rows,
)
from study.runs.predictions import ROLE_CODES, log_softmax

KEYS = ("image_id", "file")
_ROLE, _CLASSES, _VALUES = "role", "classes", ("probabilities", "logits")
_ROUNDING = 0.01
_LONGEST_HEADER = 1 << 20


class ForeignAnswers(NamedTuple):
    """What a file says of n images, in the order in which these were asked for.

    Attributes:
        log_probabilities: float64, n×K.
        roles: what the model did with each image, str n, names of
            `study.runs.predictions.ROLE_CODES`; None where the file says nothing of it.
    """

    log_probabilities: np.ndarray
    roles: np.ndarray | None


class _File(NamedTuple):
    """What a file holds: arrays by name, a name for each column of numbers, and these, n×k."""

    columns: Mapping[str, Any]
    classes: list[str]
    values: np.ndarray
    are_logits: bool = False


def read_answers(
    path: str | Path, images: Mapping[str, pd.Index], classes: Sequence[str], asked: str
) -> ForeignAnswers:
    """Return what a file of predictions says of exactly these images and classes.

    Args:
        path: a table (.csv) with `image_id` or `file`, a column for each class with its
            probability, and maybe `role`. Or an archive of numpy.savez (.npz) with `image_id` or
            `files`, `classes` (K names), `probabilities` or `logits` (float n×K), maybe `role`.
            Rows and classes may be in any order.
        images: by column that may name them (`image_id`, `file`), the n names in the order of the
            answer.
        classes: K names in the order of the answer.
        asked: what the images and classes are those of, such as "the labels".

    Raises:
        StudyError: in one line, what does not fit.
    """
    is_archive = Path(path).suffix.lower() == ".npz"
    if not is_archive and (both := sorted({*KEYS, _ROLE} & set(classes))):
        raise StudyError(
            f"{path}: the class {both[0]} has the name of a column that tables have for something "
            "else; save an archive of numpy.savez (.npz), in which classes stand apart"
        )
    found = (_archive if is_archive else _table)(path)
    key = next((name for name in images if name in found.columns), None)
    if key is None:
        shown = ", ".join([*found.columns, *found.classes][:10])
        raise StudyError(f"{path}: expected {' or '.join(images)} as in {asked}; found {shown}")
    if sorted(found.classes) != sorted(classes):
        raise StudyError(
            f"{path}: expected the classes of {asked}, {', '.join(classes[:10])}; found "
            f"{', '.join(found.classes[:10])}{_odd_class(found.classes, classes, asked)}"
        )
    rows = unique_index(path, key, found.columns[key]).get_indexer(images[key])
    if len(found.values) != len(rows) or (rows < 0).any():
        missing = images[key][rows < 0]
        first = f", first {key} {missing[0]}" if len(missing) else ""
        raise StudyError(
            f"{path}: has {len(found.values):,} images and {asked} {len(rows):,}, of which "
            f"{len(missing):,} are missing{first}; predict exactly these images"
        )
    for other in images.keys() & found.columns.keys() - {key}:
        if (wrong := np.asarray(found.columns[other])[rows] != images[other]).any():
            raise StudyError(
                f"{path}: {key} {images[key][wrong.argmax()]} has another {other} than in {asked}; "
                f"correct it, or leave out {key} or {other}"
            )
    values = found.values[np.ix_(rows, [found.classes.index(name) for name in classes])]
    roles = found.columns.get(_ROLE)
    if roles is not None:
        roles = np.asarray(roles, str)[rows]
        if unknown := sorted(set(roles.tolist()) - set(ROLE_CODES)):
            raise StudyError(
                f"{path}: the role {unknown[0]!r} is none of {', '.join(ROLE_CODES)}, which say "
                "what the model did with an image"
            )
    _check_values(path, values, found.are_logits, key, images[key])
    return ForeignAnswers(log_softmax(values) if found.are_logits else _log(values), roles)


def _odd_class(found: Sequence[str], classes: Sequence[str], asked: str) -> str:
    """Return what to do about a class that only the predictions have, or only the labels."""
    for name in classes:
        if name not in found:
            return f"; there is no column {name}"
    odd = next((name for name in found if name not in classes), found[0])
    return (
        f"; no image of {asked} is of the class {odd}: label some, or take its column out and "
        "divide the others by their sum"
    )


def unique_index(path: str | Path, key: str, names: Any) -> pd.Index:
    """Return the images that a file has rows of.

    Raises:
        StudyError: one is there twice, or has no name.
    """
    index = pd.Index(names)
    if index.hasnans:
        raise StudyError(f"{path}: {key} is empty in row {int(index.isna().argmax()) + 1}")
    if index.has_duplicates:
        raise StudyError(f"{path}: {key} {index[index.duplicated()][0]} is there twice")
    return index


def read_saved_table(path: str | Path) -> pd.DataFrame:
    """Return a table, also one as spreadsheets save it where 0,5 is a half.

    Raises:
        StudyError: a column is there twice, or a row has more cells than the header.
    """
    with reading(path), Path(path).open(newline="", encoding="utf-8-sig") as stream:
        mark = delimiter_of(stream.readline(_LONGEST_HEADER))
        stream.seek(0)
        table_rows(stream)  # pandas would rename a column that is there twice
    how = {"sep": mark, "decimal": ","} if mark != "," else {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", ParserWarning)
            return read_table(path, index_col=False, **how)
    except (ParserWarning, DamagedFile):
        for _ in csv_rows(path):  # says which row has cells that nobody would read
            pass
    return read_table(path, index_col=False, **how)


def _table(path: str | Path) -> _File:
    table = read_saved_table(path)
    columns = {name: table.pop(name).to_numpy() for name in (*KEYS, _ROLE) if name in table}
    try:
        return _File(columns, list(map(str, table.columns)), table.to_numpy(float))
    except ValueError as error:
        raise StudyError(f"{path}: expected numbers between 0 and 1") from error


def _archive(path: str | Path) -> _File:
    try:
        arrays = read_arrays(path)
    except DamagedFile as error:
        raise StudyError(
            f"{path}: expected an archive of numpy.savez with numbers and text alone, no pickled "
            f"objects, so names by numpy.asarray(names, str) ({error.__cause__})"
        ) from error
    kind = next((name for name in _VALUES if name in arrays), None)
    if kind is None or _CLASSES not in arrays:
        raise StudyError(
            f"{path}: expected the arrays {' or '.join(_VALUES)}, {_CLASSES} and "
            f"image_id or files; found {', '.join(list(arrays)[:10])}"
        )
    if "files" in arrays:  # numpy.savez has a parameter of the name that tables take
        arrays["file"] = arrays.pop("files")
    values, classes = arrays[kind], arrays[_CLASSES].astype(str).ravel().tolist()
    columns = {name: arrays[name] for name in (*KEYS, _ROLE) if name in arrays}
    columns |= {name: columns[name].astype(str) for name in columns.keys() - {"image_id"}}
    if values.dtype.kind != "f" or values.ndim != 2 or values.shape[1] != len(classes):
        raise StudyError(
            f"{path}: {kind} are {values.dtype} of shape {values.shape}, expected floats, a row "
            f"for each image and {len(classes)} columns, as there are {_CLASSES}"
        )
    for name, column in columns.items():
        if column.shape != values.shape[:1]:
            raise StudyError(
                f"{path}: {name} has the shape {column.shape}, expected {values.shape[:1]}, one "
                f"for each row of {kind}"
            )
    return _File(columns, classes, values.astype(float), kind == "logits")


def _log(p: np.ndarray) -> np.ndarray:
    """Return the logarithm of probabilities, which are divided by their sums: they are rounded.

    One of 0 is smaller than the file could say: it counts as the smallest that single precision
    holds, 87 nats.
    """
    return np.log(np.maximum(p / p.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny))


def _check_values(
    path: str | Path, values: np.ndarray, are_logits: bool, key: str, images: pd.Index
) -> None:
    wrong = ~np.isfinite(values).all(axis=1)
    if not are_logits:
        wrong |= (values < 0).any(axis=1)
        wrong |= ~(np.abs(values.clip(-2, 2).sum(axis=1) - 1) <= _ROUNDING)
    if wrong.any():
        what = "finite" if are_logits else "probabilities that sum to 1; take the softmax of logits"
        raise StudyError(
            f"{path}: the numbers of {int(wrong.sum()):,} images, first {key} "
            f"{images[int(np.argmax(wrong))]}, are not {what}"
        )
