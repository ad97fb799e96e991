"""Predictions that were made elsewhere, as a study that can be compared."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.comparison.answers import Answers, Study, image_values, is_uneven
from study.data.names import OFFICIAL
from study.errors import StudyError
from study.files import delimiter_of, read_table, reading
from study.runs.run import Run

_KEYS = ("image_id", "file")
_SEED = re.compile(r"(.+?)[-_.]?(?:seed)?[-_]?(\d+)$")
_ROUNDING = 0.01
_LONGEST_HEADER = 1 << 20


@dataclass(frozen=True)
class _RunElsewhere(Run):
    """A run of which nothing is known but what it predicted."""

    @property
    def record(self) -> dict[str, Any]:
        """Return what the comparison asks for: nothing is known of the training images."""
        return {"n_train": 0}


def study_of_predictions(files: Sequence[str], labels: str) -> Study:
    """Return a study in which each model is tested on the same images with each of its seeds.

    Args:
        files: tables with `image_id` or `file` and one column per class with its probability.
            Files whose names differ in a number at the end, such as clip_seed1.csv, are seeds of
            one model. The first seeds of two models are paired, and so on: any pairing would do.
        labels: a table of the same key and `label`, the name of the class; maybe also `group`, of
            images that belong together.

    Raises:
        StudyError: a table lacks a class or an image, has others, or no probabilities; or a file is
            named twice.
    """
    key, true, together = _read_labels(labels)
    classes = sorted(set(true))
    of_image = pd.Categorical(true, classes).codes.astype(np.int64)
    runs, answered, test = [], [], np.arange(len(true))
    if twice := [file for file in files if list(files).count(file) > 1]:
        raise StudyError(f"{twice[0]} is named twice; name each file once")
    for file in files:
        stem = Path(file).name.split(".csv")[0]
        numbered = _SEED.fullmatch(stem)
        model = numbered[1] if numbered else stem
        seed = sum(run.model == model for run in runs) + 1
        run = _RunElsewhere(OFFICIAL, model, seed, Path(file))
        p = _read_probabilities(file, key, true.index, classes)
        log_p = np.log(np.maximum(p, np.finfo(float).tiny))
        right = p.argmax(axis=1) == of_image
        values = image_values(log_p, of_image, right, is_uneven(of_image))
        runs.append(run)
        answered.append(Answers(run, test, values, len(test), np.zeros((2, 0), np.uint8), {}))
    return Study(runs, answered, [], together)


def _as_saved(path: str) -> dict[str, str]:
    """Return how pandas reads a table: also as spreadsheets save it where 0,5 is a half."""
    with reading(path), Path(path).open(encoding="utf-8-sig") as stream:
        mark = delimiter_of(stream.readline(_LONGEST_HEADER))
    return {"sep": mark, "decimal": ","} if mark == ";" else {}


def _read_keyed(path: str) -> tuple[str, pd.DataFrame]:
    """Return the name of a table's key, and the table by it."""
    table = read_table(path, **_as_saved(path))
    key = next((name for name in _KEYS if name in table), None)
    if key is None:
        raise StudyError(f"{path}: expected a column image_id or file; found {_some(table)}")
    if table[key].duplicated().any():
        raise StudyError(
            f"{path}: {key} {table[key][table[key].duplicated()].iloc[0]} is there twice"
        )
    return key, table.set_index(key)


def _read_labels(path: str) -> tuple[str, pd.Series, np.ndarray | None]:
    key, table = _read_keyed(path)
    if "label" not in table or table["label"].isna().any():
        raise StudyError(f"{path}: expected a column label with a class for each image")
    if "group" not in table:
        return key, table["label"].astype(str), None
    if table["group"].isna().any():
        first = table.index[table["group"].isna()][0]
        raise StudyError(
            f"{path}: the group of {key} {first} is empty; expected "
            "the name of its patient, burst or video, or one of its own where it is alone"
        )
    return key, table["label"].astype(str), pd.factorize(table["group"])[0]


def _read_probabilities(
    path: str, key: str, images: pd.Index, classes: Sequence[str]
) -> np.ndarray:
    """Return the probabilities of the images in this order, float64, n×K."""
    found_key, table = _read_keyed(path)
    if found_key != key:
        raise StudyError(f"{path}: is by {found_key} and the labels by {key}; take one of them")
    others = [name for name in _KEYS if name in table]
    table = table.drop(columns=others)
    if sorted(table) != list(classes):
        raise StudyError(
            f"{path}: expected a column for each class of the labels, {', '.join(classes[:10])}; "
            f"found {_some(table)}"
        )
    if len(table) != len(images) or not images.isin(table.index).all():
        n_missing = int((~images.isin(table.index)).sum())
        raise StudyError(
            f"{path}: has {len(table)} images and the labels {len(images)}, of which {n_missing} "
            "are missing; all must predict the same images"
        )
    try:
        p = table.loc[images, list(classes)].to_numpy(float)
    except ValueError as error:
        raise StudyError(f"{path}: expected numbers between 0 and 1") from error
    wrong = ~(np.isfinite(p).all(axis=1) & (p >= 0).all(axis=1))
    wrong |= ~(np.abs(p.clip(-2, 2).sum(axis=1) - 1) <= _ROUNDING)
    if wrong.any():
        image = images[int(np.argmax(wrong))]
        raise StudyError(
            f"{path}: the numbers of {int(wrong.sum())} images, first {key} {image}, are not "
            "probabilities that sum to 1; take the softmax of logits"
        )
    return p / p.sum(axis=1, keepdims=True)


def _some(table: pd.DataFrame) -> str:
    return ", ".join(map(str, table.columns[:10]))
