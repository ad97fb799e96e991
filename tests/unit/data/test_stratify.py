"""Groups of exact sizes in which every class has its share."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from image_pools import seeds

from study.data.stratify import apportion, stratified_groups


@given(st.integers(0, 10_000), st.lists(st.integers(1, 99), min_size=1, max_size=8))
def test_apportioned_parts_add_up_and_stay_within_one_of_their_share(total, ratios):
    counts = apportion(total, ratios)
    assert sum(counts) == total
    assert all(
        abs(count - total * ratio / sum(ratios)) < 1
        for count, ratio in zip(counts, ratios, strict=True)
    )


@settings(max_examples=25)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=5), seeds)
def test_groups_may_leave_images_over_or_be_empty(sizes, seed):
    labels = np.arange(sum(sizes) + 7) % 3
    groups = stratified_groups(np.arange(len(labels)), labels, sizes, f"x/{seed}")
    assert [len(group) for group in groups] == sizes
