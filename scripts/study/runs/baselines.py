"""What needs no network: the label of the nearest training image, and always the largest class.

Images are compared at 8×8 pixels in whole grey levels. The sums are exact in float32, so every
machine finds the same neighbours.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from study.data.names import OFFICIAL

SIDE = 8  # pixels along each axis of a small copy
_GREY = 128
_BYTES_AT_ONCE = 1 << 24  # of images
_TRAIN_AT_ONCE, _SCORES_AT_ONCE = 1 << 16, 1 << 23


class Nearest(NamedTuple):
    """The nearest training image of each of m test images.

    Attributes:
        score: float32, m; larger is nearer: half the difference of squares |test|² - distance².
        image_id: int64, m; of equally near ones the smallest.
    """

    score: np.ndarray
    image_id: np.ndarray


def small_copies(images: np.ndarray) -> np.ndarray:
    """Return all images at 8×8 pixels or fewer, int8, N×D: means of blocks, minus 128.

    Args:
        images: uint8, N×H×W×C.
    """
    down, across = (np.linspace(0, n, min(n, SIDE) + 1).astype(int) for n in images.shape[1:3])
    area = np.diff(down)[:, None, None] * np.diff(across)[:, None]
    step = max(1, _BYTES_AT_ONCE // max(images[0].size, 1))
    copies = []
    for start in range(0, len(images), step):
        sums = np.add.reduceat(images[start : start + step], down[:-1], axis=1, dtype=np.uint32)
        sums = np.add.reduceat(sums, across[:-1], axis=2)
        copies.append(((2 * sums + area) // (2 * area) - _GREY).astype(np.int8))
    return np.concatenate(copies).reshape(len(images), -1)


def nearest_images(copies: np.ndarray, train: np.ndarray, test: np.ndarray) -> Nearest:
    """Return the nearest training image of each test image.

    Args:
        copies: int8, N×D; see `small_copies`.
        train: int64, n; image_ids in ascending order.
        test: int64, m; image_ids.
    """
    if len(train) > _TRAIN_AT_ONCE:
        blocks = np.split(train, range(_TRAIN_AT_ONCE, len(train), _TRAIN_AT_ONCE))
        return nearest_of_all([nearest_images(copies, block, test) for block in blocks])
    known = copies[train].astype(np.float32)
    # |test|² - distance² is twice the product less |train|²; a column more does that in one step.
    known = np.column_stack([known, -(known**2).sum(axis=1) / 2]).T
    score, position = np.empty(len(test), np.float32), np.empty(len(test), np.int64)
    step = max(1, _SCORES_AT_ONCE // len(train))
    for start in range(0, len(test), step):
        part = slice(start, start + step)
        asked = copies[test[part]].astype(np.float32)
        scores = np.column_stack([asked, np.ones(len(asked), np.float32)]) @ known
        position[part] = scores.argmax(axis=1)
        score[part] = scores[np.arange(len(asked)), position[part]]
    return Nearest(score, train[position])


def nearest_of_all(found: Sequence[Nearest]) -> Nearest:
    """Return the nearest of what was found in several sets of training images."""
    best = found[0]
    for other in found[1:]:
        nearer = other.score > best.score
        nearer |= (other.score == best.score) & (other.image_id < best.image_id)
        best = Nearest(*(np.where(nearer, b, a) for a, b in zip(best, other, strict=True)))
    return best


def baselines_of_seed(
    combos: Sequence[str],
    splits: Mapping[str, Mapping[str, np.ndarray]],
    common_test: np.ndarray,
    copies: np.ndarray,
    labels: np.ndarray,
) -> list[dict[str, Any]]:
    """Return one row per combo: the baselines on the images that its runs are tested on.

    Args:
        combos: of the study.
        splits: of the seed; by partition, or `official`, the sorted image_ids of each role.
        common_test: int64; image_ids that combos of partitions are tested on.
        copies: int8, N×D; see `small_copies`.
        labels: int64, N.

    Returns:
        `combo`, `measured_on` ("test" for `official`, else "common_test"), `n_test`, and the
        accuracies `nearest_neighbour` and `largest_class`: the share of the class that most of the
        test images have.
    """
    train = {part: splits[part]["train"] for combo in combos for part in combo.split("+")}
    tests = {part: splits[part]["test"] if part == OFFICIAL else common_test for part in train}
    found = {part: nearest_images(copies, train[part], tests[part]) for part in train}
    rows = []
    for combo in combos:
        parts = combo.split("+")
        test = labels[tests[parts[0]]]
        neighbour = labels[nearest_of_all([found[part] for part in parts]).image_id]
        rows.append(
            {
                "combo": combo,
                "measured_on": "test" if combo == OFFICIAL else "common_test",
                "n_test": len(test),
                "nearest_neighbour": round(float((neighbour == test).mean()), 6),
                "largest_class": round(float(np.bincount(test).max() / len(test)), 6),
            }
        )
    return rows
