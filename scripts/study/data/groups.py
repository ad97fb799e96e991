"""Which images belong together, and how whole groups are divided into parts.

Photographs of one patient, burst or video are a group: a model that trains on some of them has seen
the others. So a group is in one partition and has one role there.
"""

from collections.abc import Sequence

import numpy as np

from study.data.index import Index, groups_of_duplicates
from study.data.stratify import hash_order
from study.seeds import stream_seed

_DRAWS = 20  # of which the one nearest to the shares counts


def together(index: Index, pairs: np.ndarray | None = None) -> np.ndarray | None:
    """Return the group of each image, int64, N, or None where each image is alone.

    Groups that near-duplicates link are one.

    Args:
        index: of all images, with their groups if there are any.
        pairs: int64, P×2; near-duplicates that belong together. Default: none.
    """
    links = [] if pairs is None else [pairs]
    n = len(index.labels)
    if index.groups is not None:
        links.append(np.stack([index.groups, np.arange(n)], axis=1))
    return groups_of_duplicates(np.concatenate(links), n) if links else None


def divide(
    groups: np.ndarray, labels: np.ndarray, shares: Sequence[float], least: int, purpose: str
) -> np.ndarray:
    """Divide whole groups into parts, each with its share of every class as far as sizes allow.

    Groups come in the order of a hash, each to the part that lacks most of its classes, for its
    share. The size of a group has no say, so large ones are as often in each part as small ones.
    Of several such draws, the one nearest to the shares counts. Last, parts with too few groups of
    a class get them from others.

    Args:
        groups: int, n; of each image.
        labels: int, n; of each image.
        shares: of the parts; they sum to 1.
        least: groups of each class that each part is to have, if there are as many.
        purpose: names the draw; another text draws otherwise.

    Returns:
        The number of the part of each image, int64, n.
    """
    names, of_image = np.unique(groups, return_inverse=True)
    classes, of_class = np.unique(labels, return_inverse=True)
    counts = np.zeros((len(names), len(classes) + 1))  # the last column counts all images
    np.add.at(counts, (of_image, of_class), 1)
    counts[:, -1] = counts.sum(axis=1)
    filled = np.flatnonzero(np.asarray(shares) > 0)
    wanted = np.asarray(shares, float)[filled, None] * counts.sum(axis=0)
    if not len(names):
        return of_image
    draws = [_drawn(names, counts, wanted, f"{purpose}/{draw}") for draw in range(_DRAWS)]
    for parts in draws:
        _complete(parts, counts, wanted, least)
    best = min(draws, key=lambda parts: _distance(parts, counts, wanted))
    return filled[best][of_image]


def _drawn(names: np.ndarray, counts: np.ndarray, wanted: np.ndarray, purpose: str) -> np.ndarray:
    """Return the part of each group, int64, G.

    Args:
        names: int, G, sorted.
        counts: G×(K+1); images of each class, and all, in each group.
        wanted: P×(K+1); the same of the parts.
        purpose: names the draw.
    """
    # No part is always the first to get a group.
    starts = [stream_seed(0, f"{purpose}/start{part}") / 2**63 for part in range(len(wanted))]
    fill = np.outer(starts, counts.mean(axis=0)) / wanted
    parts = np.zeros(len(names), np.int64)
    for group in np.searchsorted(names, hash_order(names, purpose)):
        part = np.argmin(fill @ counts[group])
        fill[part] += counts[group] / wanted[part]
        parts[group] = part
    return parts


def _held(parts: np.ndarray, counts: np.ndarray, n_parts: int) -> np.ndarray:
    """Return the sums of `counts` by part, P×(K+1)."""
    return np.stack([counts[parts == part].sum(axis=0) for part in range(n_parts)])


def _distance(parts: np.ndarray, counts: np.ndarray, wanted: np.ndarray) -> float:
    """Return the sum of (images - wanted)² / wanted over parts and classes."""
    return float(((_held(parts, counts, len(wanted)) - wanted) ** 2 / wanted).sum())


def _complete(parts: np.ndarray, counts: np.ndarray, wanted: np.ndarray, least: int) -> None:
    """Move groups to parts that have fewer of a class than `least`, from those with more."""
    has = counts[:, :-1] > 0
    for label in np.argsort(has.sum(axis=0), kind="stable"):
        for part in range(len(wanted)):
            for _ in range(least - int(has[parts == part, label].sum())):
                spare = _held(parts, has, len(wanted)) > least
                given = np.flatnonzero(has[:, label] & (spare[parts] | ~has).all(axis=1))
                if not len(given):
                    break
                over = 2 * (counts[parts == part].sum(axis=0) - wanted[part]) + counts[given]
                parts[given[np.argmin((counts[given] * over / wanted[part]).sum(axis=1))]] = part
