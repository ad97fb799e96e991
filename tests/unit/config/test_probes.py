"""Recipes without a network: two keys are enough, and what cannot be embedded is refused."""

import pytest
from conftest import ROOT

from study.config.components import component_modules
from study.config.recipes import epochs_of, searches_rate
from study.config.study import check_study
from study.errors import StudyError
from study.files import read_yaml

CONFIG = read_yaml(ROOT / "config/config.yaml") | {"models": ["probe", "neighbours"]}
CONFIG["reproduce"] = {"systems": [], "tuned": False}


def checked(overrides=None, **changes):
    config = CONFIG | {"overrides": overrides or {}} | changes
    return check_study(config, ROOT)


def test_the_recipe_of_the_features_is_part_of_the_study_and_may_be_overridden():
    recipes = checked({"finetuned": {"input_size": 64}}).recipes
    assert recipes["probe"] == {"architecture": {"name": "probe", "features": "finetuned"}}
    assert recipes["finetuned"]["input_size"] == 64 and "optimizer" in recipes["finetuned"]
    assert component_modules(recipes["probe"]) == [] and epochs_of(recipes["probe"], 9) == 1
    assert not searches_rate(recipes["probe"])


@pytest.mark.parametrize(
    ("overrides", "changes", "fragment"),
    [
        ({"probe": {"architecture": {"features": "nope"}}}, {}, "no recipe .*nope.yaml"),
        ({"probe": {"architecture": {"features": "cnn2"}}}, {}, "cnn2, which has no trained weig"),
        (
            {"probe": {"architecture": {"features": "neighbours"}}},
            {},
            "neighbours, which has no trained weights",
        ),
        ({"finetuned": {"normalize": "data"}}, {}, "differs from run to run"),
        (
            {"finetuned": {"architecture": {"weights": "no.pth"}}},
            {},
            "no.pth, and there is no such",
        ),
        ({"probe": {"epochs": 3}}, {}, "key 'epochs', which does not go with its name"),
        ({"probe": {"architecture": {"k": 3}}}, {}, "has no option 'k'"),
        ({"neighbours": {"architecture": {"k": 0}}}, {}, "architecture.k"),
        ({}, {"lr_find": CONFIG["lr_find"] | {"models": ["probe"]}}, "lr_find.models names probe"),
        (
            {},
            {"tune": {"neighbours": {"method": "grid", "keys": {"architecture.k": [1, 5]}}}},
            "tune names neighbours, which has no training",
        ),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(overrides, changes, fragment):
    with pytest.raises(StudyError, match=fragment) as refused:
        checked(overrides, **changes)
    assert "\n" not in str(refused.value)


def test_a_recipe_without_features_says_which_key_is_missing(tmp_path):
    recipe = tmp_path / "config/models/probe.yaml"
    recipe.parent.mkdir(parents=True)
    recipe.write_text("description: x\narchitecture: {name: probe}\n")
    with pytest.raises(StudyError, match="architecture has no 'features': add it"):
        check_study(CONFIG | {"models": ["probe"]}, ROOT, tmp_path)
