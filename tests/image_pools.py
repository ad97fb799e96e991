"""Labels of pools of images, for tests of what divides them."""

import numpy as np
from hypothesis import strategies as st

from study.data.stratify import apportion

RATIOS = {"train": 0.7, "val": 0.15, "test": 0.15}


seeds = st.integers(0, 2**32 - 1)


@st.composite
def pools(draw):
    """Labels of an unbalanced pool, and sizes of partitions that fit into it."""
    counts = draw(st.lists(st.integers(1, 60), min_size=1, max_size=12))
    labels = np.repeat(np.arange(len(counts)), counts)
    labels = np.random.default_rng(draw(seeds)).permutation(labels)
    weights = draw(st.lists(st.integers(1, 10), min_size=1, max_size=6))
    total = draw(st.integers(len(weights), max(len(weights), len(labels))))
    sizes = apportion(min(total, len(labels)), weights)
    return labels, {f"v{i}": size for i, size in enumerate(sizes, 1)}


def assert_stratified(image_ids, pool, labels):
    """Every class's count is its exact share, rounded up or down."""
    for k in np.unique(labels[pool]):
        exact = len(image_ids) * (labels[pool] == k).sum() / len(pool)
        assert abs((labels[image_ids] == k).sum() - exact) < 1
