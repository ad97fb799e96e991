"""Who is near."""

import numpy as np
import pytest

from study.report.gallery.neighbours import nearest_of_class


@pytest.mark.parametrize("n_classes", [2, 20])  # searched by a tree, and by all pairs
def test_neighbours_are_those_of_a_search_over_all_pairs(n_classes):
    random = np.random.default_rng(1)
    logits = random.normal(size=(300, n_classes)).astype(np.float32)
    labels, pool = random.integers(0, 3, 300), random.random(300) < 0.7
    pool &= labels != 2
    pool[np.flatnonzero(labels == 2)[:2]] = True
    ids, wanted = np.arange(0, 300, 2), random.integers(-1, 3, 150)
    found = nearest_of_class(logits, labels, pool, ids, wanted, 4)
    for image, label, near in zip(ids, wanted, found, strict=True):
        others = np.flatnonzero(pool & (labels == label) & (np.arange(300) != image))
        distance = np.linalg.norm(logits[others].astype(float) - logits[image], axis=1)
        expected = others[np.argsort(distance)][:4].tolist()
        assert near.tolist() == expected + [-1] * (4 - len(expected))


def test_an_image_of_equal_logits_is_a_neighbour_and_the_image_itself_is_not():
    near = nearest_of_class(
        np.zeros((5, 2)), np.zeros(5, int), np.ones(5, bool), np.arange(5), np.zeros(5, int), 3
    )
    assert all(image not in row and -1 not in row for image, row in enumerate(near))
