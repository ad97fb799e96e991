"""Which configurations ask for the same, and for the same images."""

import pytest

from study.config.asked import asked_of_images, what_is_asked

CLIP = {"name": "clip", "predictions": "a/{seed}.csv"}
CONFIG = {
    "dataset": {"name": "folder", "path": "a", "archive": "", "urls": [], "checksums": "a.md5",
                "test_path": "a/test", "corrections": "a.csv", "image_size": 32},
    "models": ["cnn2", CLIP], "seeds": [1], "storage": "", "device": "auto",
    "near_duplicates": {"threshold": 0.3},
    "overrides": {"cnn2": {"epochs": 3, "architecture": {"weights": "a.pth", "width": 8}}},
}  # fmt: skip


def changed(key, **values):
    return CONFIG | {key: CONFIG[key] | values}


@pytest.mark.parametrize(
    "moved",
    [
        CONFIG | {"storage": "s3://lab/study", "device": "cuda"},
        changed("dataset", path="b", archive="b.tar", urls=["https://b"], checksums="b.md5"),
        changed("dataset", test_path="b/test", corrections="b.csv"),
        CONFIG | {"models": ["cnn2", CLIP | {"predictions": "b/{seed}.npz"}]},
        changed("overrides", cnn2={"epochs": 3, "architecture": {"weights": "b", "width": 8}}),
        changed("near_duplicates", keep_together=True),
    ],
)
def test_a_study_that_was_moved_asks_for_the_same(moved):
    assert what_is_asked(moved) == what_is_asked(CONFIG)


@pytest.mark.parametrize(
    "other",
    [
        CONFIG | {"seeds": [2]},
        changed("dataset", test_path=""),
        changed("dataset", corrections=""),
        changed("dataset", checksums=""),
        changed("dataset", image_size=64),
        changed("near_duplicates", keep_together=False),
        CONFIG | {"models": ["cnn2", CLIP | {"saw": "nothing"}]},
        CONFIG | {"models": ["cnn2", CLIP | {"predictions": "a.csv"}]},
        changed("overrides", cnn2={"epochs": 3, "architecture": {"width": 8}}),
        changed(
            "overrides", cnn2={"epochs": 3, "architecture": {"weights": "library", "width": 8}}
        ),
    ],
)
def test_what_changes_results_is_asked_for(other):
    assert what_is_asked(other) != what_is_asked(CONFIG)


STUDY = CONFIG | {
    "partitions": [{"name": "v1", "size": 9}, {"name": "v2", "size": 0.5}],
    "partition_seed": 42, "split": {"train": 0.7, "val": 0.15, "test": 0.15},
    "official": {"val": 0.1}, "seeds": [1, 2], "combos": ["v1", "v1+v2", "official"],
}  # fmt: skip
FOLDS = {"train": 0.7, "val": 0.3, "folds": 2}


def of_runs(config):
    runs = [(combo, seed) for combo in STUDY["combos"] for seed in STUDY["seeds"]]
    return {run: asked_of_images(config, *run) for run in runs}


@pytest.mark.parametrize(
    ("change", "key", "concerned"),
    [
        ({"partition_seed": 7}, "partition_seed", ["v1", "v1+v2"]),
        ({"split": {"train": 0.6, "val": 0.2, "test": 0.2}}, "split", ["v1", "v1+v2"]),
        ({"split": FOLDS}, "split", ["v1", "v1+v2"]),
        ({"official": {"val": 0.2}}, "official", ["official"]),
        ({"near_duplicates": {"threshold": 0.2}}, "near_duplicates", ["v1", "v1+v2"]),
        ({"partitions": [{"name": "v1", "size": 9}, {"name": "v2", "size": 3}]}, "partitions",
            ["v1+v2"]),
        ({"dataset": CONFIG["dataset"] | {"image_size": 64}}, "dataset",
            ["v1", "v1+v2", "official"]),
        ({"dataset": CONFIG["dataset"] | {"corrections": "", "path": "b"}}, "dataset", []),
        ({"dataset": CONFIG["dataset"] | {"skip_broken": True}}, "dataset", []),
        ({"partitions": [*STUDY["partitions"], {"name": "v3", "size": 3}]}, "partitions", []),
        ({"seeds": [1, 2, 3], "models": ["cnn3"]}, "seeds", []),
    ],
)  # fmt: skip
def test_another_configuration_concerns_the_runs_whose_images_it_decides(change, key, concerned):
    before, now = of_runs(STUDY), of_runs(STUDY | change)
    differ = [run for run in before if before[run] != now[run]]
    assert differ == [(combo, seed) for combo in concerned for seed in STUDY["seeds"]]
    for run in differ:
        assert [name for name in before[run] if before[run][name] != now[run][name]] == [key]


def test_what_a_study_has_not_asked_for_is_not_known():
    assert asked_of_images(STUDY, "v1+v9", 1) == asked_of_images(STUDY, "v1", 9) == {}


def test_the_size_of_images_is_asked_of_ones_own_alone():
    configs = [STUDY | {"dataset": {"name": "cifar10", "image_size": size}} for size in (32, 64)]
    assert of_runs(configs[0]) == of_runs(configs[1])


def test_under_folds_the_order_of_seeds_decides():
    folded = STUDY | {"split": FOLDS}
    assert of_runs(folded) != of_runs(folded | {"seeds": [2, 1]})
    assert of_runs(STUDY) == of_runs(STUDY | {"seeds": [2, 1]})
