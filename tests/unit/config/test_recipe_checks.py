"""Recipes and searches of their keys are checked before anything runs."""

import os

import numpy as np
import pytest
import yaml
from conftest import ROOT
from safetensors.numpy import save_file

from study.config import recipe_checks
from study.config.recipe_checks import check_chooses, check_search, resolve_recipe
from study.errors import StudyError
from study.files import read_yaml

RECIPE_SCHEMA = read_yaml(ROOT / "workflow/schemas/recipe.schema.yaml")


def recipe_complaint(tmp_path, **changes) -> str:
    recipe = read_yaml(ROOT / "config/models/cnn2.yaml") | changes
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(recipe))
    with pytest.raises(StudyError) as refused:
        resolve_recipe(path, {}, RECIPE_SCHEMA)
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(
    ("changes", "fragments"),
    [
        (
            {"architecture": {"name": "resnet99"}},
            ["unknown architecture 'resnet99'", "did you mean 'resnet9'"],
        ),
        (
            {"architecture": {"name": "cnn2", "hidden": 3}},
            ["'cnn2' has no option 'hidden'", "it has: filters"],
        ),
        ({"train": "head"}, ["train: head", "needs trained weights"]),
        ({"train": {"last": 2}}, ["needs trained weights"]),
        ({"normalize": "weights"}, ["normalize: weights", "normalize: data"]),
        ({"architecture": {"name": "cnn2", "weights": "library"}}, ["cnn2 is of no library"]),
        ({"architecture": {"name": "cnn2", "weights": "x.pkl"}}, ["x.pkl", ".safetensors"]),
        ({"architecture": {"name": "cnn2", "weights": "x.pth"}}, ["x.pth", "no such file"]),
        (
            {"optimizer": {"name": "adamm", "lr": 0.1}},
            ['optimizer.name is "adamm"', "expected one of adam"],
        ),
        (
            {"optimizer": {"name": "adam", "lr": 0.1, "momentum": 0.9}},
            ["optimizer has the key 'momentum'", "Allowed here: name, lr"],
        ),
        (
            {"optimizer": {"name": "adam", "lr": "1e-3"}},
            [
                'optimizer.lr is "1e-3"',
                "expected a number or 'from lr_find'; write optimizer.lr: 0.001",
            ],
        ),
        ({"optimizer": {"name": "adam", "lr": "lr_find"}}, ["expected a number or 'from lr_find'"]),
        ({"optimizer": {"name": "adam", "lr": 0}}, ["optimizer.lr", "0"]),
        (
            {"optimizer": {"name": "adam", "lr": True}},
            ["optimizer.lr is true", "expected a number or text"],
        ),
        ({"epoch": 3}, ["unknown key 'epoch'", "did you mean 'epochs'?"]),
    ],
)
def test_a_wrong_recipe_is_refused_by_its_file_and_key(tmp_path, changes, fragments):
    message = recipe_complaint(tmp_path, **changes)
    for fragment in ["mine.yaml", *fragments]:
        assert fragment in message, message


def test_a_file_of_weights_that_was_cut_is_told_before_any_job(tmp_path):
    path = tmp_path / "net.safetensors"
    save_file({"weight": np.zeros(1000, np.float32)}, path)
    os.truncate(path, 2000)
    message = recipe_complaint(tmp_path, architecture={"name": "cnn2", "weights": str(path)})
    assert "mine.yaml" in message and f"{path}, damaged" in message and "copy it" in message


def test_a_model_without_a_recipe_is_told_which_there_are(tmp_path):
    known = ", ".join(sorted(path.stem for path in (ROOT / "config/models").glob("*.yaml")))
    with pytest.raises(
        StudyError, match=rf"'cnn9' has no recipe .*cnn9.yaml; write models: \[{known}\]"
    ):
        resolve_recipe(ROOT / "config/models/cnn9.yaml", {}, RECIPE_SCHEMA)


def test_overrides_change_single_keys_and_are_checked_too():
    path = ROOT / "config/models/cnn2.yaml"
    recipe = resolve_recipe(path, {"optimizer": {"lr": 0.5}}, RECIPE_SCHEMA)
    assert recipe["optimizer"] == {"name": "adam", "lr": 0.5}
    assert "description" not in recipe
    with pytest.raises(StudyError, match=r"overrides.cnn2: unknown key 'lr'"):
        resolve_recipe(path, {"lr": 0.5}, RECIPE_SCHEMA)


@pytest.mark.parametrize(
    ("keys", "fragments"),
    [
        (
            {"optimizer.rate": [0.1]},
            ["'optimizer.rate', which the recipe does not have", "It has:", "optimizer.lr"],
        ),
        ({"architecture.filter": [8]}, ["did you mean 'architecture.filters'?"]),
        ({"architecture.filters": [8, 0]}, ["tune.cnn2.keys, with architecture.filters: 0"]),
        ({"optimizer.lr": {"low": 0.1, "high": 0.01}}, ["expected low < high"]),
        ({"optimizer.lr": {"low": 0, "high": 0.01, "log": True}}, ["expected more than 0"]),
        ({"optimizer.lr": {"low": 0, "high": 0.01}}, ["optimizer.lr: 0"]),
        ({"optimizer.lr": ["from lr_find", 0.01]}, ["write numbers"]),
        ({1: [32]}, ["searches 1, which the recipe does not have"]),
        (
            {"optimizer.name": ["adam", "sgd"], "schedule.name": ["constant", "step"]},
            ["optimizer.name: adam, schedule.name: step"],
        ),
    ],
)
def test_a_search_that_does_not_fit_its_recipe_is_refused(keys, fragments):
    recipe = resolve_recipe(ROOT / "config/models/cnn2.yaml", {}, RECIPE_SCHEMA)
    with pytest.raises(StudyError) as refused:
        check_search("cnn2", recipe, {"method": "tpe", "keys": keys, "trials": 3}, RECIPE_SCHEMA)
    for fragment in fragments:
        assert fragment in str(refused.value), refused.value
    check_search(
        "cnn2", recipe, {"method": "grid", "keys": {"optimizer.lr": [0.1, 0.2]}}, RECIPE_SCHEMA
    )
    with pytest.raises(StudyError, match="a grid needs a list"):
        check_search(
            "cnn2",
            recipe,
            {"method": "grid", "keys": {"optimizer.lr": {"low": 1, "high": 2}}},
            RECIPE_SCHEMA,
        )


def test_a_rate_is_found_by_one_of_the_two_searches():
    recipe = resolve_recipe(
        ROOT / "config/models/cnn2.yaml", {"optimizer": {"lr": "from lr_find"}}, RECIPE_SCHEMA
    )
    search = {"method": "grid", "keys": {"optimizer.lr": [0.1, 0.2]}}
    with pytest.raises(
        StudyError, match=r"searches optimizer\.lr, which the recipe has 'from lr_f"
    ):
        check_search("cnn2", recipe, search, RECIPE_SCHEMA)
    check_search("cnn2", recipe, search | {"keys": {"batch_size": [8, 16]}}, RECIPE_SCHEMA)


def test_of_a_large_search_each_choice_is_checked_and_not_every_point(monkeypatch):
    recipe = resolve_recipe(ROOT / "config/models/cnn2.yaml", {}, RECIPE_SCHEMA)
    rates = [i / 1000 for i in range(1, 101)]
    keys = {"optimizer.lr": rates, "batch_size": list(range(32, 132)), "epochs": [1, 2, 3]}
    search, checked = {"method": "tpe", "keys": keys, "trials": 3}, []
    check = recipe_checks.check_recipe
    monkeypatch.setattr(
        recipe_checks, "check_recipe", lambda *given: (checked.append(given), check(*given))
    )
    check_search("cnn2", recipe, search, RECIPE_SCHEMA)
    assert len(checked) == 203
    for key in keys:
        wrong = search | {"keys": keys | {key: [*keys[key], -1]}}
        with pytest.raises(StudyError, match=rf"tune.cnn2.keys, with .*{key}: -1"):
            check_search("cnn2", recipe, wrong, RECIPE_SCHEMA)


def test_choosing_without_validation_images_is_refused():
    recipe = resolve_recipe(ROOT / "config/models/cnn2.yaml", {}, RECIPE_SCHEMA)
    none, some = {"split.val": 0.15, "official.val": 0}, {"split.val": 0.15, "official.val": 0.1}
    check_chooses("cnn2", recipe, False, ["v1", "official"], none)
    check_chooses("cnn2", recipe, True, ["v1", "official"], some)
    for chooses, tuned in (
        (recipe, True),
        (recipe | {"keep": "best"}, False),
        (recipe | {"patience": 3}, False),
    ):
        with pytest.raises(
            StudyError,
            match=r"official.val is 0, so official has none; "
            r"write for example official: \{val: 0.1\}",
        ):
            check_chooses("cnn2", chooses, tuned, ["v1", "official"], none)
