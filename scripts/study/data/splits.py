"""The train, validation and test part of each partition, and the test that all runs of a seed share."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from study.files import read_csv, write_csv


def common_test(splits: Iterable[Mapping[str, np.ndarray]]) -> np.ndarray:
    """Return the common test of a seed, int64, sorted: the union of all partitions' test images."""
    return np.sort(np.concatenate([split["test"] for split in splits]))


def write_common_test(path: str | Path, image_ids: np.ndarray) -> None:
    """Write the common test of a seed as CSV: image_id."""
    write_csv(path, ["image_id"], ([image_id] for image_id in image_ids))


def read_common_test(path: str | Path) -> np.ndarray:
    """Read what `write_common_test` wrote: int64, n."""
    return np.array([row["image_id"] for row in read_csv(path)], np.int64)
