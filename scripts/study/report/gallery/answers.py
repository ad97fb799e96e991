"""What each run says of each image, in small integers, and which images it gets wrong."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from study.runs.predictions import ROLE_CODES, Predictions

PROBABILITY_STEPS = 200  # probabilities are rounded to 0.5 %
MAY_JUDGE = 8  # added to the code of the role


class Answers(NamedTuple):
    """Answers of R runs on N images.

    Attributes:
        predicted: uint8 (uint16 with more than 255 classes), R×N; class numbers, the largest number
            of the type if the run diverged.
        confidence: uint8, R×N; probability of that class in steps of 1/`PROBABILITY_STEPS`.
        p_label: uint8, R×N; probability of the label, likewise.
        roles: uint8, R×N; codes of `study.runs.predictions.ROLE_CODES`, with `MAY_JUDGE` added
            where the run may judge the image.
        diverged: bool, R.
    """

    predicted: np.ndarray
    confidence: np.ndarray
    p_label: np.ndarray
    roles: np.ndarray
    diverged: np.ndarray

    @property
    def judges(self) -> np.ndarray:
        """Return a mask, bool R×N: which run may judge which image."""
        return self.roles >= MAY_JUDGE

    def judge_nothing(self) -> bool:
        """Whether no run may judge any image."""
        return not any((roles >= MAY_JUDGE).any() for roles in self.roles)


def read_answers(
    runs: Iterable[Predictions],
    labels: np.ndarray,
    n_classes: int,
    duplicates: np.ndarray | None = None,
) -> Answers:
    """Return what the runs say; they are read one by one.

    Args:
        runs: all runs of a study.
        labels: int, N.
        n_classes: K.
        duplicates: int64, P×2; pairs of images that are nearly the same. A run may not judge an
            image whose pair it has seen.
    """
    everything = np.arange(len(labels))
    code = np.min_scalar_type(n_classes)
    rows: dict[str, list] = {name: [] for name in Answers._fields}
    for run in runs:
        may = run.may_judge(duplicates)
        if run.diverged:
            predicted = np.full(len(labels), np.iinfo(code).max, code)
            confidence = p_label = np.zeros(len(labels))
        else:
            p = np.exp(run.log_probabilities())
            predicted = p.argmax(axis=1).astype(code)
            confidence, p_label = p[everything, predicted], p[everything, labels]
        rows["predicted"].append(predicted)
        rows["confidence"].append(np.rint(confidence * PROBABILITY_STEPS).astype(np.uint8))
        rows["p_label"].append(np.rint(p_label * PROBABILITY_STEPS).astype(np.uint8))
        roles = ROLE_CODES["unknown"] if run.trained_on_unknown else run.roles
        rows["roles"].append((roles + MAY_JUDGE * may).astype(np.uint8))
        rows["diverged"].append(run.diverged)
    # One by one, so that no more than one of them is there twice.
    return Answers(**{name: np.array(rows.pop(name)) for name in Answers._fields})


def misclassified(answers: Answers, labels: np.ndarray) -> np.ndarray:
    """Return a mask, bool N, of the images that a run that may judge them gets wrong."""
    listed = np.zeros(len(labels), bool)
    for wrong in _mistakes(answers, labels):
        listed |= wrong
    return listed


def _mistakes(answers: Answers, labels: np.ndarray) -> Iterator[np.ndarray]:
    """Yield a mask, bool N, for each run: the images that it may judge and gets wrong."""
    for predicted, roles in zip(answers.predicted, answers.roles, strict=True):
        yield (predicted != labels) & (roles >= MAY_JUDGE)


def most_confused_with(
    answers: Answers, labels: np.ndarray, n_classes: int, second: np.ndarray
) -> np.ndarray:
    """Return the class, int64 N, that most runs take an image for, of those that judge it wrongly.

    Of equally frequent ones it is the first in the order of classes.

    Args:
        answers: of R runs on N images.
        labels: int, N.
        n_classes: K.
        second: int, N; what is returned where no run is wrong.
    """
    votes = np.zeros((len(labels), n_classes), np.int32)
    for predicted, wrong in zip(answers.predicted, _mistakes(answers, labels), strict=True):
        votes[wrong.nonzero()[0], predicted[wrong]] += 1
    return np.where(votes.any(axis=1), votes.argmax(axis=1), second)
