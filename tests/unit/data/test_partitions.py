"""Partitions: disjoint, stratified, the same everywhere, and independent of later ones."""

import numpy as np
import pytest
from conftest import assert_one_clear_line, run_script
from hypothesis import given, settings
from image_pools import RATIOS, assert_stratified, pools, seeds
from made_index import write_index

from study.data.index import read_image_ids, write_image_ids
from study.data.partitions import draw_partitions
from study.data.splits import split_partition
from study.errors import StudyError
from study.files import file_digest, read_json


@settings(deadline=None)
@given(pools(), seeds)
def test_partitions_are_disjoint_of_the_asked_sizes_and_stratified(pool, seed):
    labels, sizes = pool
    partitions = draw_partitions(labels, sizes, seed)
    assert {name: len(ids) for name, ids in partitions.items()} == sizes
    everything = np.concatenate(list(partitions.values()))
    assert len(np.unique(everything)) == len(everything)
    left = np.arange(len(labels))
    for image_ids in partitions.values():
        assert (np.diff(image_ids) > 0).all()
        assert_stratified(image_ids, left, labels)
        left = np.setdiff1d(left, image_ids)


@settings(max_examples=25, deadline=None)
@given(pools(), seeds)
def test_a_partition_depends_on_no_later_one(pool, seed):
    labels, sizes = pool
    partitions = draw_partitions(labels, sizes, seed)
    for n in range(1, len(sizes)):
        fewer = dict(list(sizes.items())[:n])
        n_left = len(labels) - sum(fewer.values())
        for other in (fewer, fewer | {"another": n_left}):
            drawn = draw_partitions(labels, other, seed)
            assert all(np.array_equal(drawn[name], partitions[name]) for name in fewer)


def test_partitions_of_the_demo_are_those_of_earlier_versions():
    counts = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    labels = np.repeat(np.arange(10), counts)
    partitions = draw_partitions(labels, dict.fromkeys(("v1", "v2", "v3"), 599), 42)
    assert [np.bincount(labels[ids]).tolist() for ids in partitions.values()] == [
        [60, 61, 59, 61, 60, 61, 60, 59, 58, 60],
        [59, 61, 59, 61, 60, 60, 61, 60, 58, 60],
        [59, 60, 59, 61, 61, 61, 60, 60, 58, 60],
    ]


def test_roundings_of_many_small_partitions_do_not_add_up():
    labels = np.repeat(np.arange(10), 60)
    partitions = draw_partitions(labels, {f"v{i}": 13 for i in range(46)}, 42)
    counts = np.array([np.bincount(labels[ids], minlength=10) for ids in partitions.values()])
    exact = 1.3 * np.arange(1, 47)[:, None]
    assert np.abs(counts.cumsum(axis=0) - exact).max() < 2


def test_cifar_sized_partitions_are_balanced_and_exhaust_the_pool():
    labels = np.arange(60_000) % 10
    partitions = draw_partitions(labels, {"v1": 20_000, "v2": 20_000, "v3": 20_000}, 42)
    assert np.array_equal(np.sort(np.concatenate(list(partitions.values()))), np.arange(60_000))
    for image_ids in partitions.values():
        assert np.bincount(labels[image_ids]).tolist() == [2000] * 10
        split = split_partition(image_ids, labels, RATIOS, 42)
        assert [len(split[role]) for role in ("train", "val", "test")] == [14_000, 3_000, 3_000]
        assert np.bincount(labels[split["test"]]).tolist() == [300] * 10


def test_the_draw_is_the_same_on_every_machine():
    labels = np.arange(40) % 4
    drawn = draw_partitions(labels, {"a": 8, "b": 4}, 1)
    assert drawn["a"].tolist() == [6, 9, 11, 18, 28, 31, 32, 33]
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


def test_partitions_larger_than_the_pool_are_refused_with_both_numbers():
    with pytest.raises(StudyError, match=r"ask for 12 images .* has 10"):
        draw_partitions(np.arange(10) % 2, {"a": 6, "b": 6}, 1)


def test_a_list_reads_back_as_written(tmp_path):
    image_ids = np.array([3, 5, 8])
    write_image_ids(tmp_path / "v.csv", image_ids)
    assert np.array_equal(read_image_ids(tmp_path / "v.csv"), image_ids)


def test_shares_divide_all_images_and_leave_none(tmp_path):
    labels = np.repeat([0, 1, 2], [70, 20, 11])
    drawn = draw_partitions(labels, {"a": 0.3, "b": 0.3, "c": 0.4}, 42)
    assert [len(ids) for ids in drawn.values()] == [30, 30, 41]
    assert np.array_equal(np.sort(np.concatenate(list(drawn.values()))), np.arange(101))
    by_number = draw_partitions(labels, {"a": 30, "b": 30, "c": 41}, 42)
    assert all(np.array_equal(drawn[name], by_number[name]) for name in drawn)
    assert len(draw_partitions(labels, {"a": 1.0}, 42)["a"]) == 101
    with pytest.raises(
        StudyError, match=r"partition a asks for 0.001 of 101 images, which is none"
    ):
        draw_partitions(labels, {"a": 0.001}, 42)


def test_images_for_testing_alone_are_in_no_partition():
    labels, apart = np.repeat([0, 1, 2], [70, 20, 11]), np.array([0, 1, 2, 70, 90])
    drawn = draw_partitions(labels, {"a": 0.5, "b": 0.5}, 42, apart)
    both = np.sort(np.concatenate(list(drawn.values())))
    assert np.array_equal(both, np.setdiff1d(np.arange(101), apart))
    with pytest.raises(StudyError, match=r"ask for 100 images .* has 96"):
        draw_partitions(labels, {"a": 50, "b": 50}, 42, apart)


def test_the_script_draws_shares(tmp_path):
    write_index(tmp_path / "index.csv", np.arange(40) % 2, "ab")

    def draw(name, *options, check=True):
        return run_script(
            "partition.py", "--index", tmp_path / "index.csv", "--seed", 1, "--output",
            tmp_path / f"{name}.csv",
            "--record", tmp_path / f"{name}.json", *options, check=check,
        )  # fmt: skip

    draw("v1", "--sizes", "v1=0.25")
    draw("v2", "--sizes", "v1=0.25", "v2=0.5", "--before", tmp_path / "v1.csv")
    v1, v2 = (read_image_ids(tmp_path / f"{name}.csv") for name in ("v1", "v2"))
    assert (len(v1), len(v2)) == (10, 20) and not np.intersect1d(v1, v2).size
    assert read_json(tmp_path / "v2.json") == {
        "seed": "1", "size": 20, "class_counts": {"a": 10, "b": 10},
        "sha256": file_digest(tmp_path / "v2.csv"),
    }  # fmt: skip
    refused = draw("v1", "--sizes", "v1=many", check=False)
    assert_one_clear_line(refused.stderr, "expected name=size", "'v1=many'")
    refused = draw("v3", "--sizes", "v1=30", "v3=11", "--before", tmp_path / "v1.csv", check=False)
    assert_one_clear_line(refused.stderr, "ask for 41 images (v1: 30, v3: 11)", "data set has 40")
    assert not (tmp_path / "v3.csv").exists()


def test_images_of_a_group_have_one_role_in_all_partitions_and_roles_keep_their_sizes():
    n = 600
    labels, groups = np.arange(n) % 3, np.arange(n)
    groups[300:330] = groups[:30]  # thirty pairs, one image in each partition
    groups[331:334] = groups[330]  # and four within one
    partitions = np.arange(300), np.arange(300, n)
    used = set()
    for seed in range(5):
        splits = [split_partition(ids, labels, RATIOS, seed, groups) for ids in partitions]
        for split, ids in zip(splits, partitions, strict=True):
            plain = split_partition(ids, labels, RATIOS, seed)
            assert [len(split[role]) for role in RATIOS] == [len(plain[role]) for role in RATIOS]
            assert sorted(np.concatenate(list(split.values()))) == list(ids)
        for role in RATIOS:
            first, second = (set(groups[split[role]]) for split in splits)
            assert first & set(range(30)) == second & set(range(30))
            used |= {role} if first & set(range(30)) else set()
        of_four = [role for role in RATIOS for image in splits[1][role] if 330 <= image < 334]
        assert len(set(of_four)) == 1
        # Alone, each image is where it was without groups.
        plain = split_partition(partitions[0], labels, RATIOS, seed)
        apart = split_partition(partitions[0], labels, RATIOS, seed, np.arange(n))
        assert all(np.array_equal(apart[role], plain[role]) for role in RATIOS)
    assert used == set(RATIOS)


def test_a_group_larger_than_a_role_takes_it_from_the_others():
    groups = np.zeros(20, int)
    groups[10:] = np.arange(10, 20)
    split = split_partition(np.arange(20), np.zeros(20, int), RATIOS, 1, groups)
    assert sorted(np.concatenate(list(split.values()))) == list(range(20))
    assert sum(set(range(10)) <= set(ids) for ids in split.values()) == 1
