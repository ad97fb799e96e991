"""The nearest training images of a class, by what a network makes of them."""

import numpy as np

from study.data.embedding import smallest

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
        n_near = min(k + 1, len(candidates))  # one more: the nearest one may be the image itself
        for start in range(0, len(asked), _BLOCK):
            rows = asked[start : start + _BLOCK]
            apart = _squared_distances(points[image_ids[rows]], points[candidates])
            near = candidates[smallest(apart, n_near)]
            # Others first, itself last; the sort is stable, so the order by distance stays.
            order = np.argsort(near == image_ids[rows, None], axis=1, kind="stable")
            near = np.take_along_axis(near, order, axis=1)[:, :k]
            near[near == image_ids[rows, None]] = -1
            nearest[rows, : near.shape[1]] = near
    return nearest


def _squared_distances(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the squared distances of all pairs, float64 a×b."""
    some, others = some.astype(np.float64), others.astype(np.float64)
    squares = [(points**2).sum(axis=1) for points in (some, others)]
    return np.maximum(squares[0][:, None] + squares[1] - 2 * some @ others.T, 0)
