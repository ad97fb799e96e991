"""Divide images into groups of exact sizes in which every class has its share.

Images are taken in the order of a hash of their number, not of a random generator. So the order is
the same on every machine, operating system and library version.
"""

import hashlib
from collections.abc import Sequence
from fractions import Fraction

import numpy as np


def apportion(total: int, ratios: Sequence[float]) -> list[int]:
    """Divide `total` whole things by `ratios`; the largest remainders get the rest, earlier first.

    Returns:
        Numbers that sum to `total`.
    """
    # A ratio is as it is written: 0.3 and not the float next to it.
    exact = [Fraction(str(ratio)) for ratio in ratios]
    quotas = [total * ratio / sum(exact) for ratio in exact]
    counts = [int(quota) for quota in quotas]
    by_remainder = sorted(range(len(quotas)), key=lambda i: (counts[i] - quotas[i], i))
    for i in by_remainder[: total - sum(counts)]:
        counts[i] += 1
    return counts


def stratified_groups(
    image_ids: np.ndarray, labels: np.ndarray, sizes: Sequence[int], purpose: str
) -> list[np.ndarray]:
    """Divide images into groups, each with every class within one image of its exact share.

    Args:
        image_ids: int, n; the images to divide, without repeats.
        labels: int, N; the label of image_id i at position i.
        sizes: size of each group; they sum to at most n, what is over belongs to no group.
        purpose: names the draw; another text draws otherwise.

    Returns:
        The sorted image_ids of each group, int64.
    """
    image_ids = np.asarray(image_ids, np.int64)
    classes, class_index = np.unique(labels[image_ids], return_inverse=True)
    members = [hash_order(image_ids[class_index == k], purpose) for k in range(len(classes))]
    rest = len(image_ids) - sum(sizes)
    counts = _round_table([*sizes, rest], [len(ids) for ids in members])
    groups = []
    taken = np.zeros(len(classes), np.int64)
    for row in counts[: len(sizes)]:
        parts = [members[k][taken[k] : taken[k] + row[k]] for k in range(len(classes))]
        groups.append(np.sort(np.concatenate(parts)) if parts else np.empty(0, np.int64))
        taken += row
    return groups


def hash_order(image_ids: np.ndarray, purpose: str) -> np.ndarray:
    """Return image_ids in the order that a draw takes them; another purpose is another order."""
    keys = [
        hashlib.blake2b(f"{purpose}/{image_id}".encode(), digest_size=16).digest()
        for image_id in image_ids
    ]
    return image_ids[sorted(range(len(keys)), key=keys.__getitem__)]


def _round_table(rows: Sequence[int], columns: Sequence[int]) -> np.ndarray:
    """Return whole numbers with these row and column sums, each within one of row·column/total.

    Such a table always exists. Start from the floors: each row still needs some cells rounded up,
    each column has room for some. An augmenting path places them one by one.

    Source: L. H. Cox, "A constructive procedure for unbiased controlled rounding", JASA 82, 1987.
    """
    total = sum(rows)
    table = np.zeros((len(rows), len(columns)), np.int64)
    if total == 0:
        return table
    fractional = np.zeros(table.shape, bool)
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            table[i, j], remainder = divmod(row * column, total)
            fractional[i, j] = remainder > 0
    room = np.asarray(columns) - table.sum(axis=0)
    raised = np.zeros(table.shape, bool)

    def place(i: int, visited: set[int]) -> bool:
        # Start each row at another column, or the first classes would be rounded up in every group.
        for j in np.roll(np.arange(len(columns)), -i):
            if not fractional[i, j] or raised[i, j] or j in visited:
                continue
            visited.add(j)
            if room[j] > 0:
                room[j] -= 1
                raised[i, j] = True
                return True
            for other in np.flatnonzero(raised[:, j]):
                raised[other, j] = False
                if place(other, visited):
                    raised[i, j] = True
                    return True
                raised[other, j] = True
        return False

    for i, row in enumerate(rows):
        for _ in range(row - int(table[i].sum())):
            if not place(i, set()):
                raise AssertionError(f"no rounding of {rows} × {columns}: this cannot happen")
    return table + raised
