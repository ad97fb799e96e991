"""Splits: exhaustive, disjoint, stratified, the same everywhere, and free of leaks."""

from itertools import combinations

import numpy as np
import pytest
from conftest import assert_one_clear_line, run_script
from hypothesis import given, settings
from image_pools import RATIOS, assert_stratified, pools, seeds
from made_index import write_index

from study.data.index import read_image_ids, read_index, write_image_ids
from study.data.partitions import draw_partitions
from study.data.splits import (
    ROLES,
    common_test,
    index_of_splits,
    read_split,
    require_every_class,
    split_afresh,
    split_official,
    split_partition,
    union,
    write_development,
    write_split,
)
from study.errors import StudyError


@settings(deadline=None)
@given(pools(), seeds)
def test_a_split_is_exhaustive_disjoint_and_stratified(pool, seed):
    labels, sizes = pool
    for image_ids in draw_partitions(labels, sizes, 0).values():
        split = split_partition(image_ids, labels, RATIOS, seed)
        assert np.array_equal(np.sort(np.concatenate([split[role] for role in ROLES])), image_ids)
        for part in split.values():
            assert_stratified(part, image_ids, labels)


@settings(deadline=None)
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


def test_a_class_that_a_split_leaves_out_is_named():
    labels = np.array([0, 0, 0, 0, 1, 1])
    split = {"train": np.array([0, 1, 4, 5]), "val": np.array([2]), "test": np.array([3])}
    with pytest.raises(
        StudyError,
        match="v1: of the 2 images of the class 'rare' none is in test, and the whole data set "
        "has 2",
    ):
        require_every_class(split, labels, ["common", "rare"], "v1")
    require_every_class(split | {"test": np.array([3, 5])}, labels, ["common", "rare"], "v1")


def test_a_split_reads_back_as_written(tmp_path):
    split = {"train": np.array([3]), "val": np.array([], np.int64), "test": np.array([5, 8])}
    write_split(tmp_path / "s.csv", split)
    assert all(np.array_equal(read_split(tmp_path / "s.csv")[role], split[role]) for role in ROLES)


@pytest.fixture
def index(tmp_path):
    """A table of 60 images of two classes; the publisher's test images are the last ten."""
    path = tmp_path / "index.csv"
    write_index(path, np.arange(60) % 2, "ab", tested=range(50, 60))
    for name, ids in (("v1", range(20)), ("v2", range(20, 40))):
        write_image_ids(tmp_path / f"{name}.csv", np.array(ids))
    return path


def split_by_script(index, name, *options):
    """Run the script that splits; return the split and the one without test images."""
    paths = [index.with_name(f"{name}.{kind}.csv") for kind in ("split", "development")]
    written = ("--output", paths[0], "--development", paths[1])
    run_script("split.py", "--index", index, "--seed", 5, *written, *options)
    return [read_split(path) for path in paths]


def test_the_script_splits_partitions_all_images_and_combos(index):
    labels, shares = np.arange(60) % 2, ("--train", 0.7, "--val", 0.15, "--test", 0.15)
    lists = [index.with_name(f"{name}.csv") for name in ("v1", "v2")]
    source_split = np.array(["train"] * 50 + ["test"] * 10)
    expected = {
        "partition": split_partition(np.arange(20), labels, RATIOS, 5),
        "official": split_official(source_split, labels, 0.2, 5),
        "afresh": split_afresh(np.arange(40), RATIOS, 5),
    }
    options = {
        "partition": ("--partitions", lists[0], *shares),
        "official": ("--val", 0.2),
        "afresh": ("--partitions", *lists, *shares),
    }
    for kind, split in expected.items():
        whole, development = split_by_script(index, kind, "--kind", kind, *options[kind])
        assert all(np.array_equal(whole[role], split[role]) for role in ROLES)
        assert all(np.array_equal(development[role], split[role]) for role in ("train", "val"))
        assert len(development["test"]) == 0


def test_corrected_labels_are_in_the_splits_that_they_concern_and_in_no_other(index, tmp_path):
    split = {"train": np.array([1, 4]), "val": np.array([3]), "test": np.array([0, 2])}
    paths = [tmp_path / name for name in ("as_drawn.csv", "other.csv", "corrected.csv", "dev.csv")]
    write_split(paths[0], split)
    write_split(paths[1], split, {9: 1})
    assert paths[0].read_bytes() == paths[1].read_bytes()
    write_split(paths[2], split, {9: 1, 2: 1})
    write_development(paths[3], split, {9: 1, 2: 1})  # image 2 is tested on
    assert all(np.array_equal(read_split(paths[2])[role], split[role]) for role in ROLES)
    before = read_index(index).labels
    for path in (paths[0], paths[3]):
        assert np.array_equal(index_of_splits(index, [path]).labels, before)
    after = index_of_splits(index, paths[:3]).labels
    assert after[2] == 1 != before[2] and np.array_equal(np.delete(after, 2), np.delete(before, 2))


def test_a_split_leaves_out_what_people_said_and_refuses_what_was_not_planned(index, tmp_path):
    shares = ("--train", 0.7, "--val", 0.15, "--test", 0.15)
    options = ("--kind", "partition", "--partitions", tmp_path / "v1.csv", *shares)
    before, _ = split_by_script(index, "v1", *options)
    files, out = read_index(index).files, int(before["train"][0])
    verdicts = tmp_path / "verdicts.csv"
    head = "image_id,file,sha256,verdict,label,who,when"
    verdicts.write_text(f"{head}\n0,{files[out]},,leave out,,,\n")
    after, _ = split_by_script(index, "v1", *options, "--corrections", verdicts)
    assert after["train"].tolist() == before["train"].tolist()[1:]
    assert all(np.array_equal(before[role], after[role]) for role in ("val", "test"))
    result = run_script(
        "split.py", "--index", index, "--seed", 5, *options, "--corrections", verdicts,
        "--corrected", "0" * 16, "--output", tmp_path / "x.csv", "--development",
        tmp_path / "y.csv", check=False,
    )  # fmt: skip
    assert_one_clear_line(result.stderr, "verdicts.csv has changed since the workflow planned")
    assert not (tmp_path / "x.csv").exists()


def test_the_common_test_is_the_test_of_all_partitions(index, tmp_path):
    shares = ("--train", 0.7, "--val", 0.15, "--test", 0.15)
    splits = []
    for name in ("v1", "v2"):
        options = ("--kind", "partition", "--partitions", tmp_path / f"{name}.csv", *shares)
        splits.append(split_by_script(index, name, *options)[0])
    paths = [tmp_path / f"{name}.split.csv" for name in ("v1", "v2")]
    run_script("common_test.py", "--splits", *paths, "--output", tmp_path / "common.csv")
    image_ids = read_image_ids(tmp_path / "common.csv")
    assert image_ids.tolist() == sorted([*splits[0]["test"], *splits[1]["test"]])
    assert np.array_equal(image_ids, common_test(splits)) and len(image_ids) == 6
