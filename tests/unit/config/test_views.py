"""Recipes show the views that their augmentations show."""

import pytest
from conftest import ROOT

from study.config.views import MIRRORS, MOVES, looks, n_added, views_to_add
from study.files import read_yaml


@pytest.mark.parametrize(
    ("model", "added", "n"),
    [
        ("cnn2", (False, False), 0),
        ("cnn2_tuned", (True, False), 1),
        ("resnet18", (True, True), 5),
        ("resnet9_tuned", (False, True), 4),
        ("fastnet", (False, False), 0),
        ("probe", (False, False), 0),
    ],
)
def test_views_are_added_that_training_showed_and_test_time_does_not(model, added, n):
    recipe = read_yaml(ROOT / f"config/models/{model}.yaml")
    assert views_to_add(recipe) == added and n_added(recipe) == n


def test_augmentations_are_known_by_their_names_and_never_is_never():
    there = {path.stem for path in (ROOT / "scripts/study/training/augment").glob("*.py")}
    assert there >= MIRRORS | MOVES
    assert views_to_add({"augment": [{"name": "horizontal_flip", "p": 0.0}]}) == (False, False)


def test_both_looks_are_taken_unless_a_configuration_says_otherwise():
    assert looks({}) == looks({"hardness": {}}) == ["views", "neighbours"]
    assert looks({"hardness": {"views": False}}) == ["neighbours"]
