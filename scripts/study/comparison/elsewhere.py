"""Predictions that were made elsewhere, as a study that can be compared."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.comparison.answers import Answers, Study, image_steps, image_values, is_uneven
from study.data.names import OFFICIAL
from study.errors import StudyError
from study.runs.prediction_files import KEYS, read_answers, read_saved_table, unique_index
from study.runs.run import Run

_SEED = re.compile(r"(.+?)(?:[-_.]+(?:seed)?|seed)[-_.]?(\d+)$")
_ENDING = re.compile(r"\.(csv|npz)\b")


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
        files: see `study.runs.prediction_files.read_answers`. Those whose names differ in a number
            at the end, such as clip_seed1.csv (not resnet18.csv), are seeds of one model. In the
            order of these numbers the first seeds of two models are paired, and so on: any pairing
            would do. Seeds beyond those of the other model are in no pair.
        labels: a table of the same key and `label`, the name of the class; maybe also `group`, of
            images that belong together.

    Raises:
        StudyError: a file lacks a class or an image, has others, or no probabilities; its model was
            trained on a labelled image; or two files have one name.
    """
    key, true, together = _read_labels(labels)
    classes = sorted(set(true))
    of_image = pd.Categorical(true, classes).codes.astype(np.int64)
    runs, answered, test = [], [], np.arange(len(true))
    names = [_ENDING.split(Path(file).name)[0] for file in files]
    if twice := [file for file, name in zip(files, names, strict=True) if names.count(name) > 1]:
        raise StudyError(
            f"{twice[0]}: another file has its name; name each file once, and files after their "
            "models"
        )
    # By their numbers, so that the order in which files are named chooses nothing.
    named = [(*_seed_of(name), file) for name, file in zip(names, files, strict=True)]
    models = [model for model, _, _ in named]
    for model, _, file in sorted(named, key=lambda one: (models.index(one[0]), one[1])):
        seed = sum(run.model == model for run in runs) + 1
        run = _RunElsewhere(OFFICIAL, model, seed, Path(file))
        log_p, roles = read_answers(file, {key: true.index}, classes, "the labels")
        if roles is not None and (seen := np.isin(roles, ["train", "val"])).any():
            raise StudyError(
                f"{file}: {seen.sum():,} labelled images, first {key} {true.index[seen.argmax()]}, "
                "have the role train or val; label images alone that no model was trained on"
            )
        right = log_p.argmax(axis=1) == of_image
        values = image_values(log_p, of_image, right, is_uneven(of_image))
        runs.append(run)
        steps, empty = image_steps(of_image), np.zeros((2, 0), np.uint8)
        answered.append(Answers(run, test, values, len(test), empty, {}, steps=steps))
    return Study(runs, answered, [], together)


def _seed_of(stem: str) -> tuple[str, int]:
    """Return the model that a file's name says, and the number of its seed, 0 for none."""
    numbered = _SEED.fullmatch(stem)
    return (numbered[1], int(numbered[2])) if numbered else (stem, 0)


def _read_labels(path: str) -> tuple[str, pd.Series, np.ndarray | None]:
    """Return the name of the labels' key, the class of each image by it, and their groups."""
    table = read_saved_table(path)
    key = next((name for name in KEYS if name in table), None)
    if key is None or "label" not in table or table["label"].isna().any() or table.empty:
        raise StudyError(
            f"{path}: expected the columns image_id or file, and label with a class for each "
            f"image; found {', '.join(map(str, table.columns[:10]))}"
        )
    table = table.set_index(unique_index(path, key, table[key]))
    if "group" not in table:
        return key, table["label"].astype(str), None
    if table["group"].isna().any():
        first = table.index[table["group"].isna()][0]
        raise StudyError(
            f"{path}: the group of {key} {first} is empty; expected "
            "the name of its patient, burst or video, or one of its own where it is alone"
        )
    return key, table["label"].astype(str), pd.factorize(table["group"])[0]
