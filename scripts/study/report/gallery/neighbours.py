"""The nearest training images of a class, by what a network makes of them."""

from collections.abc import Sequence

import numpy as np

from study.data.embedding import smallest
from study.report.gallery.answers import Answers
from study.runs.run import Run, validation_score
from study.runs.second_looks import BEHIND

_BLOCK = 1024


def nearest_of_class(
    points: np.ndarray,
    labels: np.ndarray,
    pool: np.ndarray,
    image_ids: np.ndarray,
    wanted: np.ndarray,
    k: int,
) -> np.ndarray:
    """Return the k nearest images of a class for each of some images.

    The search is exact and by Euclidean distance. An image is not its own neighbour. The classes
    are searched one by one, so memory is bounded by the largest.

    Args:
        points: float32, N×K; a run's logits, or features.
        labels: int, N.
        pool: bool, N; which images may be neighbours.
        image_ids: int, n; whose neighbours.
        wanted: int, n; the class they are searched in, -1 for none.
        k: how many.

    Returns:
        int64, n×k: image_ids, nearest first, -1 where the class has too few.
    """
    nearest = np.full((len(image_ids), k), -1, np.int64)
    for label in np.unique(wanted[wanted >= 0]):
        candidates = np.flatnonzero(pool & (labels == label))
        asked = np.flatnonzero(wanted == label)
        if not len(candidates):
            continue
        n_near = min(k, len(candidates))
        for start in range(0, len(asked), _BLOCK):
            rows = asked[start : start + _BLOCK]
            apart = _squared_distances(points[image_ids[rows]], points[candidates])
            apart[candidates == image_ids[rows, None]] = np.inf
            near = smallest(apart, n_near)
            none = np.isinf(np.take_along_axis(apart, near, axis=1))
            nearest[rows, :n_near] = np.where(none, -1, candidates[near])
    return nearest


def what_misled(
    runs: Sequence[Run],
    answers: Answers,
    labels: np.ndarray,
    image_ids: np.ndarray,
    confused: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return for each image the best run that takes it for what most do, and what is nearest there.

    The best is the one that `study.runs.run.best_run` names of those that may judge the image.

    Args:
        runs: R runs of the study; they are read one by one.
        answers: of these runs.
        labels: int, N; those that count now.
        image_ids: int, n.
        confused: int, n; the class that each image is taken for.

    Returns:
        int64, n: position of the run, -1 where none says what is nearest. And int64, n×2×k:
        training images of the run, see `study.runs.second_looks.SecondLook.behind`. The second row
        is -1 for an image whose label was corrected after the run looked at it.
    """
    by = np.full(len(image_ids), -1)
    near = np.full((len(image_ids), 2, BEHIND), -1)
    row_of = np.full(answers.predicted.shape[1], -1)
    row_of[image_ids] = np.arange(len(image_ids))
    usable = [i for i in range(len(runs)) if not answers.diverged[i]]
    for i in sorted(usable, key=lambda i: validation_score(runs[i]), reverse=True):
        look = runs[i].second_look()
        if look.behind is None:
            continue
        rows, asked = row_of[look.mistaken], look.mistaken
        wanted = (rows >= 0) & (by[rows] < 0) & answers.judges[i][asked]
        wanted &= answers.predicted[i][asked] == confused[rows]
        by[rows[wanted]], near[rows[wanted]] = i, look.behind[wanted]
    # A run that did not have the image itself does not train again when its label is corrected.
    near[:, 1][labels[near[:, 1]] != labels[image_ids][:, None]] = -1
    return by, near


def _squared_distances(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the squared distances of all pairs, float64 a×b."""
    some, others = some.astype(np.float64), others.astype(np.float64)
    squares = [(points**2).sum(axis=1) for points in (some, others)]
    return np.maximum(squares[0][:, None] + squares[1] - 2 * some @ others.T, 0)
