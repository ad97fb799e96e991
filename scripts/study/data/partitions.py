"""Disjoint stratified partitions of a data set, and the train/val/test split of each.

The order in which images are drawn is the order of a hash of their number, not of a random generator: the same on
every machine, operating system and library version, for ever.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np

from study.data.names import OFFICIAL
from study.errors import StudyError
from study.files import read_csv, write_csv

ROLES = ("train", "val", "test")


def draw_partitions(
    labels: np.ndarray, sizes: Mapping[str, float], seed: int | str
) -> dict[str, np.ndarray]:
    """Draw disjoint partitions of the given sizes from the whole data set, stratified by class.

    Args:
        labels: int, N; the label of image_id i at position i.
        sizes: of each partition, in the order of drawing: the number of images as an int, or the share of all images as a float.
        seed: a number or a name; another seed draws other partitions.

    Returns:
        The sorted image_ids of each partition, int64. Each class's share of a partition is its share of the data
        set, rounded up or down to a whole image.

    Raises:
        StudyError: the sizes add up to more than N, or a share is of no image.
    """
    pool = np.arange(len(labels))
    sizes = _counts(sizes, len(pool))
    total = sum(sizes.values())
    if total > len(pool):
        raise StudyError(
            f"partitions ask for {total} images ({', '.join(f'{k}: {n}' for k, n in sizes.items())}) but the data set "
            f"has {len(pool)}; make the sizes smaller"
        )
    groups = stratified_groups(pool, labels, list(sizes.values()), f"partition/{seed}")
    return dict(zip(sizes, groups, strict=True))


def _counts(sizes: Mapping[str, float], n: int) -> dict[str, int]:
    """Return how many of `n` images each partition gets; shares are rounded so that partitions of all images leave none."""
    shares = {name: Fraction(str(size)) for name, size in sizes.items() if isinstance(size, float)}
    rest = max(1 - sum(shares.values()), 0)
    counts = (
        dict(zip(shares, apportion(n, [*shares.values(), rest]), strict=False)) if shares else {}
    )
    for name, count in counts.items():
        if count == 0:
            raise StudyError(
                f"partition {name} asks for {sizes[name]} of {n} images, which is none; make its size larger"
            )
    return {name: counts.get(name, size) for name, size in sizes.items()}


def split_partition(
    image_ids: np.ndarray, labels: np.ndarray, ratios: Mapping[str, float], seed: int
) -> dict[str, np.ndarray]:
    """Split one partition into train, val and test, stratified by class and exhaustive.

    Args:
        image_ids: int, n; the images of the partition, in any order.
        labels: int, N; the label of image_id i at position i.
        ratios: share of "train", "val" and "test"; they sum to 1.
        seed: the run's seed; another seed splits otherwise.

    Returns:
        The sorted image_ids of each role, int64.
    """
    sizes = apportion(len(image_ids), [ratios[role] for role in ROLES])
    groups = stratified_groups(np.sort(image_ids), labels, sizes, f"split/{seed}")
    return dict(zip(ROLES, groups, strict=True))


def insist_on_every_class(
    split: Mapping[str, np.ndarray], labels: np.ndarray, classes: Sequence[str], where: str
) -> None:
    """Check that a split has images of every class to train on and to test with.

    Args:
        split: image_ids by role.
        labels: int, N; the label of image_id i at position i.
        classes: names in label order.
        where: what was split, for the message.

    Raises:
        StudyError: it has none of some class.
    """
    for role in ("train", "test"):
        counts = np.bincount(labels[split[role]], minlength=len(classes))
        if (counts == 0).any():
            label = int(np.argmin(counts))
            here = sum(int((labels[ids] == label).sum()) for ids in split.values())
            raise StudyError(
                f"{where}: of the {here} images of the class {classes[label]!r} none is in {role}, and the whole data set has {(labels == label).sum()}; "
                "make the partitions fewer or larger, give the class more images, or take it out"
            )


def split_official(
    source_split: np.ndarray, labels: np.ndarray, val: float, seed: int
) -> dict[str, np.ndarray]:
    """Split a data set as its publisher did, with a share of the training images for validation, stratified by class.

    Args:
        source_split: "train" or "test", N.
        labels: int, N.
        val: share of the publisher's training images, 0 for none.
        seed: the run's seed; another seed takes other images for validation.

    Returns:
        The sorted image_ids of each role, int64; test is the publisher's.

    Raises:
        StudyError: the publisher has no test images.
    """
    train, test = (np.flatnonzero(source_split == name) for name in ("train", "test"))
    if len(test) == 0:
        raise StudyError(
            f"the data set has no test images of its own; take {OFFICIAL!r} out of 'combos'"
        )
    sizes = apportion(len(train), [1 - val, val])
    kept, held_out = stratified_groups(train, labels, sizes, f"official/{seed}")
    return {"train": kept, "val": held_out, "test": test}


def split_afresh(
    image_ids: np.ndarray, ratios: Mapping[str, float], seed: int
) -> dict[str, np.ndarray]:
    """Split the images of a combo without regard to the splits of its partitions, as the two DVC studies did: leaky.

    A test image of one combo may be a training image of another at the same seed. For measuring what that does, nothing else.

    Args:
        image_ids: int, n; the images of the combo.
        ratios: share of "train", "val" and "test"; they sum to 1.
        seed: of scikit-learn's `train_test_split`, twice, not stratified.

    Returns:
        The sorted image_ids of each role, int64.
    """
    from sklearn.model_selection import train_test_split

    train, rest = train_test_split(
        np.sort(image_ids), train_size=ratios["train"], random_state=seed
    )
    val, test = train_test_split(
        rest, train_size=ratios["val"] / (ratios["val"] + ratios["test"]), random_state=seed
    )
    return {"train": np.sort(train), "val": np.sort(val), "test": np.sort(test)}


def union(splits: Iterable[Mapping[str, np.ndarray]], role: str) -> np.ndarray:
    """Return the sorted image_ids that have `role` in any of the splits: a combo's part, or the common test."""
    return np.sort(np.concatenate([split[role] for split in splits]))


def write_partition(path: str | Path, image_ids: np.ndarray) -> None:
    """Write a list of image_ids as CSV."""
    write_csv(path, ["image_id"], ([image_id] for image_id in image_ids))


def read_partition(path: str | Path) -> np.ndarray:
    """Read what `write_partition` wrote: int64, n."""
    return np.array([row["image_id"] for row in read_csv(path)], np.int64)


def write_split(path: str | Path, split: Mapping[str, np.ndarray]) -> None:
    """Write the role of each image of a partition as CSV, ordered by image_id."""
    write_csv(
        path,
        ["image_id", "role"],
        sorted((int(i), role) for role, ids in split.items() for i in ids),
    )


def write_development(path: str | Path, split: Mapping[str, np.ndarray]) -> None:
    """Write a split without its test images, for whatever may choose something: `read_split` reads it with an empty test."""
    write_split(path, {role: ids for role, ids in split.items() if role != "test"})


def read_split(path: str | Path) -> dict[str, np.ndarray]:
    """Read what `write_split` wrote: the sorted image_ids of each role, int64."""
    rows = read_csv(path)
    image_ids = np.array([row["image_id"] for row in rows], np.int64)
    roles = np.array([row["role"] for row in rows], dtype=str)
    return {role: image_ids[roles == role] for role in ROLES}


def apportion(total: int, ratios: Sequence[float]) -> list[int]:
    """Divide `total` whole things by `ratios` (largest remainder, earlier first on ties); sums to `total`."""
    exact = [
        Fraction(str(ratio)) for ratio in ratios
    ]  # as it is written: 0.3 and not the float next to it
    quotas = [total * ratio / sum(exact) for ratio in exact]
    counts = [int(quota) for quota in quotas]
    by_remainder = sorted(range(len(quotas)), key=lambda i: (counts[i] - quotas[i], i))
    for i in by_remainder[: total - sum(counts)]:
        counts[i] += 1
    return counts


def stratified_groups(
    image_ids: np.ndarray, labels: np.ndarray, sizes: Sequence[int], purpose: str
) -> list[np.ndarray]:
    """Divide images into groups of exact sizes, each with every class within one image of its exact share.

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
    members = [_hash_order(image_ids[class_index == k], purpose) for k in range(len(classes))]
    rest = len(image_ids) - sum(sizes)
    counts = _round_table([*sizes, rest], [len(ids) for ids in members])
    groups = []
    taken = np.zeros(len(classes), np.int64)
    for row in counts[: len(sizes)]:
        parts = [members[k][taken[k] : taken[k] + row[k]] for k in range(len(classes))]
        groups.append(np.sort(np.concatenate(parts)) if parts else np.empty(0, np.int64))
        taken += row
    return groups


def _hash_order(image_ids: np.ndarray, purpose: str) -> np.ndarray:
    keys = [
        hashlib.blake2b(f"{purpose}/{image_id}".encode(), digest_size=16).digest()
        for image_id in image_ids
    ]
    return image_ids[sorted(range(len(keys)), key=keys.__getitem__)]


def _round_table(rows: Sequence[int], columns: Sequence[int]) -> np.ndarray:
    """Return whole numbers with these row and column sums, each within one of row·column/total.

    Controlled rounding (L. H. Cox, "A constructive procedure for unbiased controlled rounding", JASA 82, 1987): such
    a table always exists. Start from the floors; each row still needs some cells rounded up, each column has room
    for some; an augmenting path places them one by one.
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
