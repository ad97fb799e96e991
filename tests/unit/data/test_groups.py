"""Whole groups of images: in one partition, in one role, and divided as fairly as they allow."""

import numpy as np
import pytest
from conftest import assert_one_clear_line, run_script
from image_pools import RATIOS
from sklearn.neighbors import KNeighborsClassifier

from study.audit.expected import Expected
from study.data.groups import divide, together
from study.data.index import Index, read_image_ids, read_index
from study.data.partitions import draw_partitions
from study.data.splits import read_split, split_official, split_partition
from study.files import read_json, write_csv

SHARES = [0.7, 0.15, 0.15]


def images_in(sizes_of_classes):
    """Return labels and groups of images in groups of these sizes."""
    sizes = [size for sizes in sizes_of_classes for size in sizes]
    of_class = np.repeat(np.arange(len(sizes_of_classes)), [len(s) for s in sizes_of_classes])
    first = np.cumsum([0, *sizes[:-1]])
    return np.repeat(of_class, sizes), np.repeat(first, sizes)


EQUAL = images_in([[8] * 40] * 3)
UNEQUAL = images_in([np.random.default_rng(k).geometric(0.1, 60).tolist() for k in range(3)])


@pytest.mark.parametrize(("labels", "groups"), [EQUAL, UNEQUAL])
def test_a_group_is_in_one_partition_and_one_role_and_shares_are_near(labels, groups):
    sizes = {"v1": 0.5, "v2": 0.3, "v3": 0.2}
    largest = np.bincount(groups).max()
    drawn = draw_partitions(labels, sizes, 42, None, groups)
    places = [set(groups[ids]) for ids in drawn.values()]
    assert sum(map(len, places)) == len(set(groups)) == len(set.union(*places))
    for (name, ids), share in zip(drawn.items(), sizes.values(), strict=True):
        assert abs(len(ids) - share * len(labels)) <= largest
        split = split_partition(ids, labels, RATIOS, 7, groups, whole=True)
        roles = [set(groups[split[role]]) for role in RATIOS]
        assert sum(map(len, roles)) == len(set.union(*roles)) == len(set(groups[ids])), name
        for role, ratio in RATIOS.items():
            assert np.unique(labels[split[role]]).tolist() == [0, 1, 2]
            assert abs(len(split[role]) - ratio * len(ids)) <= 2 * largest
    # A later partition changes no earlier one.
    again = draw_partitions(labels, {"v1": 0.5, "v2": 0.4}, 42, None, groups)
    assert np.array_equal(again["v1"], drawn["v1"])


def test_large_and_small_groups_are_equally_often_in_each_role():
    labels, groups = UNEQUAL
    tested = sum(divide(groups, labels, SHARES, 1, f"draw {i}") == 2 for i in range(100))
    size = np.bincount(groups)[groups]
    for some in (size <= np.median(size), size > np.median(size)):
        assert tested[some].mean() / 100 == pytest.approx(0.15, abs=0.015)


def test_each_role_gets_a_group_of_each_class_that_has_as_many_groups():
    labels, groups = images_in([[30, 5, 8], [8, 8, 8], [2] * 40])
    for seed in range(10):
        parts = divide(groups, labels, SHARES, 1, f"split/{seed}")
        assert all(np.unique(labels[parts == part]).tolist() == [0, 1, 2] for part in range(3))
    # Six groups are for two partitions, each of which is split in three.
    labels, groups = images_in([[100, 20, 20, 20, 20, 20]] * 2)
    for ids in draw_partitions(labels, {"v1": 0.5, "v2": 0.5}, 1, None, groups).values():
        assert len(set(groups[ids][labels[ids] == 0])) == 3


def test_groups_that_near_duplicates_link_are_one_and_without_groups_pairs_are():
    index = Index(np.zeros(6, int), ["a"], [""] * 6, np.array(["train"] * 6))
    assert together(index) is None
    pairs = np.array([[1, 4]])
    assert together(index, pairs).tolist() == [0, 1, 2, 3, 1, 5]
    grouped = index._replace(groups=np.array([0, 0, 2, 2, 4, 4]))
    assert together(grouped).tolist() == [0, 0, 2, 2, 4, 4]
    assert together(grouped, pairs).tolist() == [0, 0, 2, 2, 0, 0]


def test_the_official_split_parts_no_group_of_its_training_images():
    labels, groups = EQUAL
    source_split = np.where(groups % 40 == 0, "test", "train")
    split = split_official(source_split, labels, 0.2, 3, groups)
    assert not set(groups[split["train"]]) & set(groups[split["val"]])
    assert len(split["val"]) == pytest.approx(0.2 * (source_split == "train").sum(), abs=8)


def test_the_scripts_draw_what_verification_derives(tmp_path):
    labels, groups = images_in([[4] * 20] * 2)
    write_csv(
        tmp_path / "index.csv",
        ["image_id", "label", "class", "source_split", "file", "group"],
        [
            (i, k, "ab"[k], "train", "x", f"p{g}")
            for i, (k, g) in enumerate(zip(labels, groups, strict=True))
        ],
    )
    pairs = np.array([[0, 20], [3, 150]])
    write_csv(tmp_path / "pairs.csv", ["image_id", "other_id"], pairs.tolist())
    common = ["--index", tmp_path / "index.csv", "--near-duplicates", tmp_path / "pairs.csv"]
    v1, split = tmp_path / "v1.csv", tmp_path / "split.csv"
    run_script(
        "partition.py", *common, "--sizes", "v1=0.5", "--seed", 42, "--output", v1,
        "--record", tmp_path / "v1.json",
    )  # fmt: skip
    command = [
        "split.py", *common, "--kind", "partition", "--partitions", v1, "--seed", 7,
        *(word for role, ratio in RATIOS.items() for word in (f"--{role}", ratio)),
        "--development", tmp_path / "development.csv",
    ]  # fmt: skip
    run_script(*command, "--output", split)
    index = read_index(tmp_path / "index.csv")
    config = {
        "dataset": {"name": "folder", "test_path": ""}, "partition_seed": 42, "split": RATIOS,
        "partitions": [{"name": "v1", "size": 0.5}], "near_duplicates": {"threshold": 0.1},
    }  # fmt: skip
    expected = Expected(config, index, pairs)
    assert np.array_equal(read_image_ids(v1), expected.partitions["v1"])
    assert read_json(tmp_path / "v1.json")["groups"] == len(set(groups[read_image_ids(v1)]))
    for role, ids in read_split(split).items():
        assert np.array_equal(ids, expected.split("v1", 7)[role])
    # Near-duplicates that link all images of a class leave none for some role.
    write_csv(tmp_path / "pairs.csv", ["image_id", "other_id"], [(i, i + 1) for i in range(79)])
    refused = run_script(*command, "--output", tmp_path / "no.csv", check=False)
    assert_one_clear_line(refused.stderr, "belong together in 1 group", "keep_together: false")
    assert not (tmp_path / "no.csv").exists()


def test_splitting_without_groups_flatters_and_with_them_says_what_new_patients_give():
    random = np.random.default_rng(0)

    def pictures(labels, groups):
        """Return three numbers of each picture: much of its patient, a little of its class."""
        patients = random.normal(0, 1, (len(groups), 3))[groups]
        return patients + 0.7 * labels[:, None] + random.normal(0, 0.1, (len(labels), 3))

    labels, groups = images_in([[4] * 150] * 2)
    seen = pictures(labels, groups)
    found = {"apart": [], "together": [], "new patients": []}
    for seed in range(10):
        for name, of in (("apart", None), ("together", groups)):
            split = split_partition(np.arange(len(labels)), labels, RATIOS, seed, of, True)
            train, test = split["train"], split["test"]
            nearest = KNeighborsClassifier(1).fit(seen[train], labels[train])
            found[name].append(nearest.score(seen[test], labels[test]))
        found["new patients"].append(nearest.score(pictures(labels, groups), labels))
    apart, together, truth = map(np.mean, found.values())
    assert apart - truth > 0.2 and abs(together - truth) < 0.04
