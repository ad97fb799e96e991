"""The nearest training images of a class, by what a run makes of them."""

import numpy as np
from scipy.spatial import KDTree


def nearest_of_class(
    logits: np.ndarray,
    labels: np.ndarray,
    pool: np.ndarray,
    image_ids: np.ndarray,
    wanted: np.ndarray,
    k: int,
) -> np.ndarray:
    """Return the k nearest images of a class for each of some images, by the distance of logits.

    The search is exact and by Euclidean distance. An image is not its own neighbour. The classes
    are searched one by one, so memory is bounded by the largest.

    Args:
        logits: float32, N×K; of one run.
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
        # One more than asked for: the nearest one is often the image itself.
        wanted_ranks = np.arange(1, min(k + 1, len(candidates)) + 1)
        _, near = KDTree(logits[candidates]).query(logits[image_ids[asked]], wanted_ranks)
        near = candidates[near]
        # Others first, itself last; the sort is stable, so the order by distance stays.
        order = np.argsort(near == image_ids[asked, None], axis=1, kind="stable")
        near = np.take_along_axis(near, order, axis=1)[:, :k]
        near[near == image_ids[asked, None]] = -1
        nearest[asked, : near.shape[1]] = near
    return nearest
