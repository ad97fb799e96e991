"""Which configurations ask for the same."""

import pytest

from study.config.asked import what_is_asked

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
