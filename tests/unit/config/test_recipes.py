"""Recipes as values, and that jobs depend on no check of them."""

import pytest
from conftest import ROOT

from study.code import code_files
from study.config.recipes import canonical, dotted_keys, merged, overlay, value_at


def test_the_canonical_form_does_not_depend_on_the_order_of_keys():
    assert canonical({"a": 1, "b": {"c": 2, "d": 3}}) == canonical({"b": {"d": 3, "c": 2}, "a": 1})


def test_keys_of_a_recipe_are_read_and_replaced_by_their_dotted_names():
    recipe = {"epochs": 3, "optimizer": {"name": "adam", "lr": 0.1}}
    changed = merged(recipe, overlay({"optimizer.lr": 0.2, "epochs": 4}))
    assert changed == {"epochs": 4, "optimizer": {"name": "adam", "lr": 0.2}}
    assert dotted_keys(recipe) == ["epochs", "optimizer.name", "optimizer.lr"]
    assert value_at(recipe, "optimizer.lr") == 0.1 and recipe["epochs"] == 3


@pytest.mark.parametrize(
    "script", ["train.py", "predict.py", "gradcam_hard_examples.py", "tune.py"]
)
def test_no_training_or_prediction_depends_on_how_a_configuration_is_checked(script):
    config = ROOT / "scripts/study/config"
    used = {path.name for path in code_files(ROOT / "scripts" / script) if path.parent == config}
    # Networks, optimizers and augmentations are found by name by two of these modules.
    found = {"architectures.py", "components.py", "probes.py"}
    assert used <= {"__init__.py", "recipes.py", "views.py", *found}
