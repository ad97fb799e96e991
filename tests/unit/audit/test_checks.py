"""Single checks of `verify`."""

import numpy as np
import pytest

from study.audit.checks import official_split_holds

SOURCE = np.array(["train", "train", "test", "train", "test"])


@pytest.mark.parametrize(
    ("train", "val", "test", "problem"),
    [
        ([0, 1], [3], [2, 4], ""),
        ([0, 1, 3], [3], [2, 4], "two roles"),
        ([0, 1, 2], [3], [4], "publisher's test images"),
        ([0, 1], [], [2, 4], "does not divide all images"),
    ],
)
def test_the_split_of_official_tests_on_the_publishers_test_images(train, val, test, problem):
    split = {
        role: np.array(ids, int)
        for role, ids in zip(("train", "val", "test"), (train, val, test), strict=True)
    }
    found = official_split_holds(split, SOURCE)
    assert problem in found and bool(found) == bool(problem)
