"""The table of all images that `decode` writes: image_id, label, class, source_split, file."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from study.errors import StudyError
from study.files import csv_rows, read_csv, write_csv


class Index(NamedTuple):
    """All images of a data set; position i is image_id i.

    Attributes:
        labels: int64, N.
        classes: class names in label order.
        files: name of each image at its publisher.
        source_split: "train" or "test", N; where its publisher put each image.
        groups: int64, N; the smallest image_id of the images that an image belongs together with;
            None in a data set without groups.
        given: int64, N; the labels before people corrected them; None where nobody did.
        left_out: bool, N; the images that people left out; None where nobody did.
    """

    labels: np.ndarray
    classes: list[str]
    files: list[str]
    source_split: np.ndarray
    groups: np.ndarray | None = None
    given: np.ndarray | None = None
    left_out: np.ndarray | None = None

    @property
    def kept(self) -> np.ndarray:
        """The images that nobody left out, bool N."""
        return np.ones(len(self.labels), bool) if self.left_out is None else ~self.left_out

    @property
    def publishers_test(self) -> np.ndarray:
        """The sorted image_ids of the test images that are not left out, int64."""
        return np.flatnonzero((self.source_split == "test") & self.kept)

    def as_given(self) -> "Index":
        """Return the table as it was before people corrected it."""
        if self.given is None:
            return self
        return self._replace(labels=self.given, given=None, left_out=None)


def read_index(path: str | Path) -> Index:
    """Read the table of all images, as decoded or with the labels that people corrected.

    Raises:
        StudyError: image_ids are not 0, 1, 2, …, or a label below the largest has no image.
    """
    rows = read_csv(path)
    columns = rows[0] if rows else {}
    labels = np.array([row["label"] for row in rows], np.int64)
    names = {int(row["label"]): row["class"] for row in rows}
    in_order = [row["image_id"] for row in rows] == [str(i) for i in range(len(rows))]
    if not in_order or sorted(names) != list(range(len(names))):
        raise StudyError(
            f"{path}: expected image_ids 0, 1, 2, … and an image for every label; "
            "decode the data set again"
        )
    return Index(
        labels,
        [names[label] for label in range(len(names))],
        [row["file"] for row in rows],
        np.array([row["source_split"] for row in rows]),
        _first_of([row["group"] for row in rows]) if "group" in columns else None,
        np.array([row["given"] for row in rows], np.int64) if "given" in columns else None,
        np.array([row["left_out"] == "1" for row in rows]) if "left_out" in columns else None,
    )


def _first_of(names: list[str]) -> np.ndarray:
    """Return the position of the first of the names that are equal to each, int64, N."""
    _, first, inverse = np.unique(names, return_index=True, return_inverse=True)
    return first[inverse]


def write_image_ids(path: str | Path, image_ids: np.ndarray) -> None:
    """Write a list of images, such as a partition or a common test, as CSV: image_id."""
    write_csv(path, ["image_id"], ([image_id] for image_id in image_ids))


def read_image_ids(path: str | Path) -> np.ndarray:
    """Read what `write_image_ids` wrote: int64, n."""
    return np.fromiter((int(row["image_id"]) for row in csv_rows(path)), np.int64)


def images_digest(images: np.ndarray, labels: np.ndarray) -> str:
    """Return the sha256 of the content of images, uint8 N×H×W×C, and their labels, int64 N."""
    content = hashlib.sha256()
    for array in (images, labels):
        content.update(np.ascontiguousarray(array).data)
    return content.hexdigest()


def read_duplicates(path: str | Path) -> np.ndarray:
    """Return the pairs of a table of near-duplicates, int64, P×2: image_id < other_id.

    Raises:
        StudyError: the file is not such a table.
    """
    try:
        ids = (int(row[key]) for row in csv_rows(path) for key in ("image_id", "other_id"))
        pairs = np.fromiter(ids, np.int64).reshape(-1, 2)
    except (KeyError, TypeError, ValueError) as error:
        raise StudyError(
            f"{path}: expected whole numbers in columns image_id and other_id; "
            "find the near-duplicates again"
        ) from error
    if not ((pairs[:, 0] >= 0) & (pairs[:, 0] < pairs[:, 1])).all():
        raise StudyError(
            f"{path}: expected 0 ≤ image_id < other_id in every row; find the near-duplicates again"
        )
    return pairs


def groups_of_duplicates(pairs: np.ndarray, n: int) -> np.ndarray:
    """Return the group of each image, int64, N: the smallest image_id of those it is linked to.

    Args:
        pairs: int64, P×2; near-duplicates, image_id < other_id. A chain of them is one group.
        n: images of the data set.
    """
    first = np.arange(n)
    while True:
        before = first.copy()
        np.minimum.at(first, pairs.ravel(), first[pairs[:, ::-1]].ravel())
        first = first[first]
        if np.array_equal(first, before):
            return first
