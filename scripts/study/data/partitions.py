"""Disjoint partitions of a data set, each with its share of every class.

Partitions are drawn one after the other. A partition depends on its own size and on those before
it, never on those after it: they may go, come and change without touching it.
"""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from study.data.groups import divide
from study.data.index import Index, read_image_ids
from study.data.splits import ROLES
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


def draw_partition(
    labels: np.ndarray,
    taken: np.ndarray,
    size: int,
    seed: int | str,
    groups: np.ndarray | None = None,
) -> np.ndarray:
    """Draw a partition from the images that earlier ones have left, stratified by class.

    Args:
        labels: int, N; the label of image_id i at position i.
        taken: int; the images of all earlier partitions, and those that are set apart.
        size: number of images, at most as many as are left.
        seed: a number or a name; another seed draws another partition.
        groups: int64, N; groups of images that are taken whole. Default: each image is alone.

    Returns:
        The sorted image_ids, int64. The number of each class is its share of the images that are
        left, rounded up or down. Of whole groups, both numbers are as close as these allow.
    """
    left = np.setdiff1d(np.arange(len(labels)), taken)
    if groups is not None:
        return _whole_groups(left, labels, size, f"partition/{seed}", groups)
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


def _whole_groups(
    left: np.ndarray, labels: np.ndarray, size: int, purpose: str, groups: np.ndarray
) -> np.ndarray:
    """Return images, as whole groups: first those of several images, then single ones."""
    several = np.bincount(groups[left])[groups[left]] > 1
    bound, single = left[several], left[~several]
    share = min(max(size, 0) / max(len(left), 1), 1)
    parts = divide(groups[bound], labels[bound], [share, 1 - share], len(ROLES), purpose)
    taken = bound[parts == 0]
    n_single = min(max(size - len(taken), 0), len(single))
    return np.sort(np.append(taken, stratified_groups(single, labels, [n_single], purpose)[0]))


def draw_next(
    labels: np.ndarray,
    sizes: Mapping[str, float],
    before: Sequence[np.ndarray],
    seed: int | str,
    external_test: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> np.ndarray:
    """Draw the last of some partitions; see `draw_partition`.

    Of whole groups a partition rarely has its exact size. The next one makes up for it, so that all
    together have as many images as they ask for.

    Args:
        labels: int, N; the label of image_id i at position i.
        sizes: of this partition and those before it, see `image_counts`; shares are of the images
            that are not set apart.
        before: the image_ids of those before it.
        seed: see `draw_partition`.
        external_test: int64; images that no partition gets. Default: none.
        groups: see `draw_partition`.

    Returns:
        The sorted image_ids, int64.
    """
    apart = joined([] if external_test is None else [external_test])
    counts = list(image_counts(sizes, len(labels) - len(apart)).values())
    size = counts[-1] if groups is None else sum(counts) - len(joined(before))
    return draw_partition(labels, joined([apart, *before]), size, seed, groups)


def draw_partitions(
    labels: np.ndarray,
    sizes: Mapping[str, float],
    seed: int | str,
    external_test: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Return the sorted image_ids of all partitions of a study, int64; see `draw_next`."""
    apart = 0 if external_test is None else len(external_test)
    image_counts(sizes, len(labels) - apart)  # all fit
    drawn: dict[str, np.ndarray] = {}
    for name in sizes:
        until = {key: sizes[key] for key in [*drawn, name]}
        drawn[name] = draw_next(labels, until, [*drawn.values()], seed, external_test, groups)
    return drawn


def joined(partitions: Iterable[np.ndarray]) -> np.ndarray:
    """Return the image_ids of several partitions, int64, one partition after the other."""
    return np.concatenate([np.empty(0, np.int64), *partitions])


def partition_record(path: str | Path, index: Index, seed: int | str) -> dict[str, Any]:
    """Return what is recorded of a written partition: seed, size, class counts and sha256.

    Also how many groups its images are of, where images are grouped.
    """
    image_ids = read_image_ids(path)
    counts = np.bincount(index.labels[image_ids], minlength=len(index.classes)).tolist()
    grouped = index.groups is not None
    return {
        "seed": seed,
        "size": len(image_ids),
        **({"groups": len(np.unique(index.groups[image_ids]))} if grouped else {}),
        "class_counts": dict(zip(index.classes, counts, strict=True)),
        "sha256": file_digest(path),
    }
