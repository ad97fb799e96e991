"""Disjoint partitions of a data set, each with its share of every class.

Partitions are drawn one after the other. A partition depends on its own size and on those before
it, never on those after it: they may go, come and change without touching it.
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from study.data.index import Index, read_image_ids
from study.data.stratify import stratified_groups
from study.errors import StudyError
from study.files import file_digest


def image_counts(sizes: Mapping[str, float], n: int) -> dict[str, int]:
    """Return how many of `n` images each partition gets.

    Shares are rounded so that the first partitions together have their share, rounded down:
    no later share changes an earlier number, and partitions of all images leave none.

    Args:
        sizes: of partitions in the order of drawing: numbers of images as int, or all shares of the
            images as float.
        n: the number of all images.

    Raises:
        StudyError: the sizes add up to more than `n`, or a share is of no image.
    """
    counts: dict[str, int] = {}
    shares = Fraction(0)
    for name, size in sizes.items():
        if isinstance(size, float):
            shares += Fraction(str(size))
            counts[name] = int(n * shares) - sum(counts.values())
        else:
            counts[name] = size
        if counts[name] == 0 and size:
            raise StudyError(
                f"partition {name} asks for {size} of {n} images, which is none; "
                "make its size larger"
            )
    total = sum(counts.values())
    if total > n:
        raise StudyError(
            f"partitions ask for {total} images ({_listed(counts)}) but the data set has {n}; "
            "make the sizes smaller"
        )
    return counts


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name}: {count}" for name, count in counts.items())


def draw_partition(labels: np.ndarray, taken: np.ndarray, size: int, seed: int | str) -> np.ndarray:
    """Draw a partition from the images that earlier ones have left, stratified by class.

    Args:
        labels: int, N; the label of image_id i at position i.
        taken: int; the images of all earlier partitions, and those that are set apart.
        size: number of images, at most as many as are left.
        seed: a number or a name; another seed draws another partition.

    Returns:
        The sorted image_ids, int64. The number of each class is its share of the images that are
        left, rounded up or down.
    """
    left = np.setdiff1d(np.arange(len(labels)), taken)
    counts = np.bincount(labels)
    n_taken = np.bincount(labels[taken], minlength=len(counts))
    # Rounded up first where earlier partitions have taken too few, so that errors do not add up.
    surplus = np.rint(n_taken - len(taken) * counts / len(labels))
    rank = np.empty(len(counts), np.int64)
    rank[np.argsort(surplus, kind="stable")] = np.arange(len(counts))
    # As if all that is left became partitions of this size, which would be alike: of these the
    # first. More of them than classes would change nothing but the time that it takes.
    n_alike = max(1, min(len(left) // max(size, 1), len(counts)))
    return stratified_groups(left, rank[labels], [size] * n_alike, f"partition/{seed}")[0]


def draw_partitions(
    labels: np.ndarray,
    sizes: Mapping[str, float],
    seed: int | str,
    external_test: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Draw all partitions of a study, one after the other; see `image_counts`, `draw_partition`.

    Args:
        labels: int, N; the label of image_id i at position i.
        sizes: see `image_counts`; shares are of the images that are not set apart.
        seed: see `draw_partition`.
        external_test: int64; images that no partition gets. Default: none.

    Returns:
        The sorted image_ids of each partition, int64.
    """
    apart = joined([] if external_test is None else [external_test])
    drawn: dict[str, np.ndarray] = {}
    for name, size in image_counts(sizes, len(labels) - len(apart)).items():
        drawn[name] = draw_partition(labels, joined([apart, *drawn.values()]), size, seed)
    return drawn


def joined(partitions: Iterable[np.ndarray]) -> np.ndarray:
    """Return the image_ids of several partitions, int64, one partition after the other."""
    return np.concatenate([np.empty(0, np.int64), *partitions])


def partition_record(path: str | Path, index: Index, seed: int | str) -> dict[str, Any]:
    """Return what is recorded of a written partition: seed, size, class counts and sha256."""
    image_ids = read_image_ids(path)
    counts = np.bincount(index.labels[image_ids], minlength=len(index.classes)).tolist()
    return {
        "seed": seed,
        "size": len(image_ids),
        "class_counts": dict(zip(index.classes, counts, strict=True)),
        "sha256": file_digest(path),
    }
