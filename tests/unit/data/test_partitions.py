"""Partitions and splits: disjoint, exhaustive, stratified, the same everywhere, and free of leaks."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.data.partitions import (
    ROLES,
    apportion,
    draw_partitions,
    read_partition,
    read_split,
    split_official,
    split_partition,
    stratified_groups,
    union,
    write_partition,
    write_split,
)
from study.errors import StudyError

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


@given(pools(), seeds)
def test_partitions_are_disjoint_of_the_asked_sizes_and_stratified(pool, seed):
    labels, sizes = pool
    partitions = draw_partitions(labels, sizes, seed)
    assert {name: len(ids) for name, ids in partitions.items()} == sizes
    everything = np.concatenate(list(partitions.values()))
    assert len(np.unique(everything)) == len(everything)
    for image_ids in partitions.values():
        assert (np.diff(image_ids) > 0).all()
        assert_stratified(image_ids, np.arange(len(labels)), labels)


@given(pools(), seeds)
def test_a_split_is_exhaustive_disjoint_and_stratified(pool, seed):
    labels, sizes = pool
    for image_ids in draw_partitions(labels, sizes, 0).values():
        split = split_partition(image_ids, labels, RATIOS, seed)
        assert np.array_equal(np.sort(np.concatenate([split[role] for role in ROLES])), image_ids)
        for part in split.values():
            assert_stratified(part, image_ids, labels)


@given(pools(), seeds)
def test_no_test_or_validation_image_of_any_combo_is_in_any_training_set_at_that_seed(pool, seed):
    labels, sizes = pool
    splits = {
        name: split_partition(ids, labels, RATIOS, seed)
        for name, ids in draw_partitions(labels, sizes, 42).items()
    }
    combos = [combo for n in range(1, len(splits) + 1) for combo in combinations(splits, n)]
    trained_on = set().union(
        *(union([splits[part] for part in combo], "train").tolist() for combo in combos)
    )
    for combo in combos:
        for role in ("val", "test"):
            assert trained_on.isdisjoint(union([splits[part] for part in combo], role).tolist())


def test_cifar_sized_partitions_are_balanced_and_exhaust_the_pool():
    labels = np.arange(60_000) % 10
    partitions = draw_partitions(labels, {"v1": 20_000, "v2": 20_000, "v3": 20_000}, 42)
    assert np.array_equal(np.sort(np.concatenate(list(partitions.values()))), np.arange(60_000))
    for image_ids in partitions.values():
        assert np.bincount(labels[image_ids]).tolist() == [2000] * 10
        split = split_partition(image_ids, labels, RATIOS, 42)
        assert {role: len(ids) for role, ids in split.items()} == {
            "train": 14_000,
            "val": 3_000,
            "test": 3_000,
        }
        assert np.bincount(labels[split["test"]]).tolist() == [300] * 10


def test_the_draw_is_the_same_on_every_machine():
    labels = np.arange(40) % 4
    assert draw_partitions(labels, {"a": 8, "b": 4}, 1)["a"].tolist() == [
        6,
        9,
        11,
        18,
        28,
        31,
        32,
        33,
    ]
    split = split_partition(np.arange(20), labels, RATIOS, 5)
    assert split["test"].tolist() == [2, 7, 16]


def test_another_seed_draws_and_splits_otherwise():
    labels = np.arange(200) % 10
    assert not np.array_equal(
        draw_partitions(labels, {"a": 50}, 1)["a"], draw_partitions(labels, {"a": 50}, 2)["a"]
    )
    image_ids = np.arange(200)
    first, second = (split_partition(image_ids, labels, RATIOS, seed)["train"] for seed in (1, 2))
    assert not np.array_equal(first, second)


def test_a_split_does_not_depend_on_the_order_of_the_list():
    labels = np.arange(100) % 10
    image_ids = np.arange(100)
    forwards, backwards = (
        split_partition(ids, labels, RATIOS, 3) for ids in (image_ids, image_ids[::-1])
    )
    assert all(np.array_equal(forwards[role], backwards[role]) for role in ROLES)


def test_a_combo_is_the_union_of_its_partitions_splits():
    one, two = {"train": np.array([4, 9])}, {"train": np.array([1, 7])}
    assert union([one, two], "train").tolist() == [1, 4, 7, 9]


def test_partitions_larger_than_the_pool_are_refused_with_both_numbers():
    with pytest.raises(StudyError, match=r"ask for 12 images .* has 10"):
        draw_partitions(np.arange(10) % 2, {"a": 6, "b": 6}, 1)


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


def test_lists_and_splits_read_back_as_written(tmp_path):
    image_ids = np.array([3, 5, 8])
    write_partition(tmp_path / "v.csv", image_ids)
    assert np.array_equal(read_partition(tmp_path / "v.csv"), image_ids)
    split = {"train": np.array([3]), "val": np.array([], np.int64), "test": np.array([5, 8])}
    write_split(tmp_path / "s.csv", split)
    assert all(np.array_equal(read_split(tmp_path / "s.csv")[role], split[role]) for role in ROLES)


@pytest.mark.parametrize("val", [0, 0.1, 0.33])
def test_the_official_split_keeps_the_publishers_test_and_carves_val_from_train(val):
    labels = np.arange(600) % 10
    source_split = np.array(["train"] * 500 + ["test"] * 100)
    split = split_official(source_split, labels, val, 42)
    assert split["test"].tolist() == list(range(500, 600))
    assert len(split["val"]) == round(500 * val)
    assert sorted([*split["train"], *split["val"]]) == list(range(500))
    assert_stratified(split["val"], np.arange(500), labels)
    other = split_official(source_split, labels, val, 43)
    assert val == 0 or not np.array_equal(split["val"], other["val"])


def test_a_data_set_without_official_test_images_has_no_official_split():
    with pytest.raises(
        StudyError, match="no test images of its own; take 'official' out of 'combos'"
    ):
        split_official(np.array(["train"] * 4), np.zeros(4, int), 0, 1)
