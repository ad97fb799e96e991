"""The train, validation and test part of a partition, and the test that all runs share."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from study.data.folds import ROLES, Fold
from study.data.groups import divide
from study.data.index import Index, read_index
from study.data.names import OFFICIAL
from study.data.stratify import apportion, stratified_groups
from study.errors import StudyError
from study.files import csv_rows, write_csv
from study.seeds import stream_seed
from study.wording import counted


def split_partition(
    image_ids: np.ndarray,
    labels: np.ndarray,
    ratios: Mapping[str, float],
    seed: int,
    groups: np.ndarray | None = None,
    whole: bool = False,
    fold: Fold | None = None,
) -> dict[str, np.ndarray]:
    """Split one partition into train, val and test, stratified by class and exhaustive.

    Images of one group have one role. Where groups may reach into other partitions, it depends on
    the seed and the group alone, and so is the same in all of them. Whole groups are stratified.
    Then images that are alone fill up what is left of each role.

    Args:
        image_ids: int, n; the images of the partition, in any order.
        labels: int, N; the label of image_id i at position i.
        ratios: share of "train", "val" and "test"; they sum to 1.
        seed: the run's seed; another seed splits otherwise.
        groups: int, N; the group of image_id i at position i, of which images are not to be parted.
            Default: each image is alone.
        whole: no group reaches into another partition.
        fold: what to test on; the ratio of train and val divides the rest. Default: what the seed
            draws.

    Returns:
        The sorted image_ids of each role, int64.
    """

    def divided(ids: np.ndarray, parts: Sequence[float], draw: tuple[str, int]) -> list[np.ndarray]:
        return _divided(ids, labels, parts, draw, groups, whole)

    if fold is None:
        parts = divided(image_ids, [ratios[role] for role in ROLES], ("split", seed))
        return dict(zip(ROLES, parts, strict=True))
    folds = divided(image_ids, [1] * fold.of, ("folds", fold.round))
    rest = np.concatenate([ids for number, ids in enumerate(folds) if number != fold.number])
    train, val = divided(rest, [ratios["train"], ratios["val"]], ("split", seed))
    return {"train": train, "val": val, "test": folds[fold.number]}


def _divided(
    image_ids: np.ndarray,
    labels: np.ndarray,
    ratios: Sequence[float],
    draw: tuple[str, int],
    groups: np.ndarray | None,
    whole: bool,
) -> list[np.ndarray]:
    """Return the sorted image_ids of each part, int64; see `split_partition`.

    Args:
        image_ids: int, n; to divide.
        labels: int, N.
        ratios: of the parts.
        draw: name and seed of the draw.
        groups: int, N, or None.
        whole: whether groups are stratified.
    """
    purpose = "{}/{}".format(*draw)
    sizes = apportion(len(image_ids), ratios)
    rest, bound = np.sort(image_ids), [np.empty(0, np.int64)] * len(ratios)
    if groups is not None:
        together = np.bincount(groups)[groups[rest]] > 1
        ids, rest = rest[together], rest[~together]
        if whole:
            shares = [ratio / sum(ratios) for ratio in ratios]
            parts = divide(groups[ids], labels[ids], shares, 1, purpose)
        else:
            parts = _part_of_groups(groups[ids], ratios, draw)
        bound = [ids[parts == number] for number in range(len(ratios))]
        sizes = _left(sizes, [len(ids) for ids in bound], len(rest))
    filled = stratified_groups(rest, labels, sizes, purpose)
    return [np.sort(np.concatenate(both)) for both in zip(bound, filled, strict=True)]


def _part_of_groups(
    groups: np.ndarray, ratios: Sequence[float], draw: tuple[str, int]
) -> np.ndarray:
    """Return the number of the part of each group, drawn by the ratios."""
    ends = np.cumsum(ratios[:-1]) / sum(ratios)
    name, seed = draw
    drawn = [stream_seed(seed, f"{name}/group{group}") / 2**63 for group in groups.tolist()]
    return np.searchsorted(ends, drawn, side="right")


def _left(sizes: Sequence[int], taken: Sequence[int], n: int) -> list[int]:
    """Return how many images each role still needs, `n` in all.

    Where a role has more than its size already, the others make up for it.
    """
    left = [max(size - used, 0) for size, used in zip(sizes, taken, strict=True)]
    return left if sum(left) == n else apportion(n, left)


def require_every_class(
    split: Mapping[str, np.ndarray],
    labels: np.ndarray,
    classes: Sequence[str],
    where: str,
    groups: np.ndarray | None = None,
    folds: int = 0,
) -> None:
    """Check that a split has images of every class to train on and to test with.

    Args:
        split: image_ids by role.
        labels: int, N; the label of image_id i at position i.
        classes: names in label order.
        where: what was split, for the message.
        groups: int64, N; whole groups that were split. Default: each image was alone.
        folds: into how many folds the images were divided, 0 for none.

    Raises:
        StudyError: it has none of some class.
    """
    for role in ("train", "test"):
        counts = np.bincount(labels[split[role]], minlength=len(classes))
        if (counts == 0).any():
            label = int(np.argmin(counts))
            of_class = np.concatenate([ids[labels[ids] == label] for ids in split.values()])
            if groups is not None:
                n_groups = len(np.unique(groups[of_class]))
                raise StudyError(
                    f"{where}: the {len(of_class)} images of the class {classes[label]!r} belong "
                    f"together in {counted(n_groups, 'group')}, and none is left for {role}; make "
                    "the partitions fewer or larger, add groups, or, if near-duplicates link what "
                    "is apart, write near_duplicates: {keep_together: false}"
                )
            n_split = len(of_class)
            if folds:
                raise StudyError(
                    f"{where}: split.folds is {folds} and the class {classes[label]!r} has "
                    f"{counted(n_split, 'image')}, of which none is in {role}; write fewer folds, "
                    "give the class more images, or remove it"
                )
            raise StudyError(
                f"{where}: of the {n_split} images of the class {classes[label]!r} none is in "
                f"{role}, and the whole data set has {(labels == label).sum()}; make the "
                "partitions fewer or larger, give the class more images, or remove it"
            )


def split_official(
    source_split: np.ndarray,
    labels: np.ndarray,
    val: float,
    seed: int,
    groups: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Split a data set as its publisher did; a share of the training images is for validation.

    Args:
        source_split: "train" or "test", N.
        labels: int, N.
        val: share of the publisher's training images, stratified by class; 0 for none.
        seed: the run's seed; another seed takes other images for validation.
        groups: int64, N; groups of images that are not to be parted. Default: each image is alone.

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
    purpose = f"official/{seed}"
    if groups is None:
        kept, held_out = stratified_groups(
            train, labels, apportion(len(train), [1 - val, val]), purpose
        )
    else:
        parts = divide(groups[train], labels[train], [1 - val, val], 1, purpose)
        kept, held_out = train[parts == 0], train[parts == 1]
    return {"train": kept, "val": held_out, "test": test}


def split_afresh(
    image_ids: np.ndarray, ratios: Mapping[str, float], seed: int
) -> dict[str, np.ndarray]:
    """Split the images of a combo without regard to the splits of its partitions: this leaks.

    The two DVC studies did so. A test image of one combo may be a training image of another at the
    same seed. It serves to measure what that does, and nothing else.

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
    """Return the sorted image_ids that have `role` in any of the splits of a combo, int64."""
    return np.sort(np.concatenate([split[role] for split in splits]))


def write_split(
    path: str | Path, split: Mapping[str, np.ndarray], corrected: Mapping[int, int] | None = None
) -> None:
    """Write the role of each image of a partition as CSV, ordered by image_id.

    Args:
        path: of the table.
        split: image_ids by role.
        corrected: labels by image_id that people corrected. Where one is of this split, the table
            has a column of them.
    """
    rows = sorted((int(i), role) for role, ids in split.items() for i in ids)
    labels = corrected or {}
    if labels.keys() & {image_id for image_id, _ in rows}:
        with_labels = [(image_id, role, labels.get(image_id, "")) for image_id, role in rows]
        write_csv(path, ["image_id", "role", "label"], with_labels)
    else:
        write_csv(path, ["image_id", "role"], rows)


def write_development(
    path: str | Path, split: Mapping[str, np.ndarray], corrected: Mapping[int, int] | None = None
) -> None:
    """Write a split without its test images, for whatever may choose something.

    `read_split` reads it with an empty test.
    """
    without_test = {role: ids for role, ids in split.items() if role != "test"}
    write_split(path, without_test, corrected)


def index_of_splits(index: str | Path, splits: Iterable[str | Path]) -> Index:
    """Return the table of all images with the labels that people corrected in a run's splits.

    Corrections of other images do not concern the run.
    """
    table = read_index(index)
    for path in splits:
        table = table._replace(labels=labels_of_split(table.labels, path))
    return table


def labels_of_split(labels: np.ndarray, path: str | Path) -> np.ndarray:
    """Return labels, int64 N, with those in their places that people corrected in a split."""
    changed = labels.copy()
    for row in csv_rows(path):
        if row.get("label"):
            changed[int(row["image_id"])] = int(row["label"])
    return changed


def read_split(path: str | Path) -> dict[str, np.ndarray]:
    """Read what `write_split` wrote: the sorted image_ids of each role, int64."""
    kind = np.dtype([("image_id", np.int64), ("role", "U16")])
    rows = np.fromiter(((int(row["image_id"]), row["role"]) for row in csv_rows(path)), kind)
    return {role: rows["image_id"][rows["role"] == role] for role in ROLES}


def roles_of(paths: Iterable[str | Path]) -> dict[str, np.ndarray]:
    """Return the sorted image_ids of each role in a run on several splits, int64.

    Args:
        paths: of the splits of its combo.
    """
    splits = [read_split(path) for path in paths]
    return {role: union(splits, role) for role in ROLES}


def common_test(splits: Iterable[Mapping[str, np.ndarray]]) -> np.ndarray:
    """Return a seed's common test, int64, sorted: the union of all partitions' test images."""
    return union(splits, "test")
