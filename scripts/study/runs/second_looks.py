"""What a run says of images on a second look: over other views, and by their neighbours.

Its neighbours are the training images that its network sees alike: their labels, and which of them
stand behind a mistake.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from study.data.embedding import smallest
from study.files import read_arrays, reading
from study.runs.predictions import Predictions

# The most neighbours that are counted. In small studies fewer, because a fifth of a class's
# training images must do: beyond it even the neighbours of a clear image are of other classes.
NEAREST = 200
_SHARE_OF_CLASS = 5
# Of each class that are kept for a mistake.
BEHIND = 5
_AT_ONCE = 2**24  # pairs of images

# Takes candidates, float16 m×D of length 1; returns what takes images, n×D, and k, and gives the
# positions of the k candidates of the largest cosine, int n×k, nearest first.
Search = Callable[[np.ndarray], Callable[[np.ndarray, int], np.ndarray]]


class SecondLook(NamedTuple):
    """What a run says of N images beside its logits; None of what it does not say.

    Attributes:
        view_logits: float32, N×K; mean logits over the views that its training showed, of images
            that the run did not train or validate on; the stored logits of those. None where the
            views are those of the stored logits.
        near_labels: uint8, N×K; how many of the nearest training images have each label. No
            neighbours are counted of images that the run trained or validated on.
        mistaken: int32, M; image_ids of those others that the run gets wrong.
        behind: int32, M×2×`BEHIND`; the nearest training images of the class that it predicts, and
            of the label's class, nearest first; -1 where there are fewer.
    """

    view_logits: np.ndarray | None = None
    near_labels: np.ndarray | None = None
    mistaken: np.ndarray | None = None
    behind: np.ndarray | None = None

    def disagreement(self, labels: np.ndarray) -> np.ndarray | None:
        """Return the share of the neighbours that have another label, float64 N, NaN without any.

        Args:
            labels: int, N.
        """
        if self.near_labels is None:
            return None
        alike = self.near_labels[np.arange(len(labels)), labels]
        with np.errstate(invalid="ignore"):
            return 1 - alike / self.near_labels.sum(axis=1)


def search_by_numpy(candidates: np.ndarray) -> Callable[[np.ndarray, int], np.ndarray]:
    """Return a `Search`'s function, without torch."""
    known = candidates.astype(np.float32).T
    return lambda images, k: smallest(-(images.astype(np.float32) @ known), k)


def with_neighbours(
    look: SecondLook,
    directions: np.ndarray,
    labels: np.ndarray,
    predictions: Predictions,
    search: Search = search_by_numpy,
) -> SecondLook:
    """Return a second look with what the neighbours say, in the memory of 16 million pairs.

    Args:
        look: so far.
        directions: float16, N×D; see `study.data.embedding.directions`.
        labels: int, N.
        predictions: of a run that did not diverge.
        search: how to find the nearest.
    """
    n, n_classes = predictions.logits.shape
    train = np.flatnonzero(predictions.has_role("train"))
    others = np.flatnonzero(~predictions.has_role("train", "val"))
    k = min(NEAREST, max(1, len(train) // (_SHARE_OF_CLASS * n_classes)))
    nearest, near_labels = search(directions[train]), np.zeros((n, n_classes), np.uint8)
    size = max(1, _AT_ONCE // len(train))
    for block in (others[start : start + size] for start in range(0, len(others), size)):
        found = labels[train[nearest(directions[block], k)]]
        rows = np.arange(len(block))[:, None] * n_classes
        counts = np.bincount((rows + found).ravel(), minlength=len(block) * n_classes)
        near_labels[block] = counts.reshape(len(block), n_classes)
    predicted = predictions.logits.argmax(axis=1)
    mistaken = others[predicted[others] != labels[others]]
    asked = np.stack([predicted[mistaken], labels[mistaken]], axis=1)
    behind = np.full((*asked.shape, BEHIND), -1, np.int32)
    for label in np.unique(asked):
        own = train[labels[train] == label]
        if not len(own):
            continue
        nearest, of_class = search(directions[own]), np.argwhere(asked == label)
        size, k = max(1, _AT_ONCE // len(own)), min(BEHIND, len(own))
        for start in range(0, len(of_class), size):
            row, place = of_class[start : start + size].T
            behind[row, place, :k] = own[nearest(directions[mistaken[row]], k)]
    return look._replace(near_labels=near_labels, mistaken=mistaken.astype(np.int32), behind=behind)


def load_second_look(path: str | Path) -> SecondLook:
    """Read what `study.runs.predictions.save_predictions` wrote of a second look.

    Raises:
        StudyError: the file is damaged, or its arrays do not fit each other.
    """
    arrays = read_arrays(path)
    with reading(path):
        look = SecondLook(**{name: arrays.get(name) for name in SecondLook._fields})
        if problem := _malformed(look, arrays["logits"]):
            raise ValueError(problem)
    return look


def _malformed(look: SecondLook, logits: np.ndarray) -> str:
    """Return what no second look is like, or ""."""
    n, views = len(logits), look.view_logits
    if views is not None and not (
        views.dtype == np.float32 and views.shape == logits.shape and np.isfinite(views).all()
    ):
        return "view_logits are not finite float32 like the logits"
    if look.near_labels is None:
        return ""
    if look.near_labels.dtype != np.uint8 or look.near_labels.shape != logits.shape:
        return "near_labels are no uint8 like the logits"
    mistaken, behind = look.mistaken, look.behind
    fitting = mistaken is not None and behind is not None
    if not fitting or mistaken.shape != behind.shape[:1] or behind.shape[1:] != (2, BEHIND):
        return f"expected mistaken, M, and behind, M×2×{BEHIND}"
    if any(ids.dtype != np.int32 for ids in (mistaken, behind)):
        return "mistaken and behind are no int32"
    if len(mistaken) and not (mistaken.min() >= 0 and behind.min() >= -1):
        return "an image_id is negative"
    if max(mistaken.max(initial=0), behind.max(initial=0)) >= n:
        return f"an image_id is no number below {n}"
    return ""
