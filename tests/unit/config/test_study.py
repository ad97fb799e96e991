"""The configurations that come with the project are studies."""

from copy import deepcopy
from pathlib import Path

import pytest
from conftest import ROOT

from study.config.checks import check_config
from study.config.recipe_checks import resolve_recipe
from study.config.study import check_study
from study.errors import StudyError
from study.files import read_yaml, with_home

CONFIG_SCHEMA = read_yaml(ROOT / "workflow/schemas/config.schema.yaml")
RECIPE_SCHEMA = read_yaml(ROOT / "workflow/schemas/recipe.schema.yaml")
CONFIG = read_yaml(ROOT / "config/config.yaml")


_OVERLAYS = (
    "laptop",
    "demo",
    "probes",
    "all_models",
    "all_models_tuned",
    "hard_images",
    "hard_images_weights",
)


@pytest.mark.parametrize("overlay", [None, *(f"{name}.yaml" for name in _OVERLAYS)])
def test_the_configurations_that_come_with_the_project_pass(overlay):
    config = deepcopy(CONFIG)
    for key, value in (read_yaml(ROOT / "config" / overlay) if overlay else {}).items():
        config[key] = config[key] | value if isinstance(value, dict) else value
    check_config(config, CONFIG_SCHEMA)
    for model in config["models"]:
        resolve_recipe(
            ROOT / f"config/models/{model}.yaml", config["overrides"].get(model, {}), RECIPE_SCHEMA
        )


def test_a_tilde_is_the_home_folder_in_every_path(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "claims.yaml").write_text("- {claim: x, accuracy_at_least: 0.1}\n")
    (tmp_path / "photos").touch()
    config = CONFIG | {"claims": "~/claims.yaml"}
    check_study(config, ROOT)
    own = config["dataset"] | {"name": "folder", "path": "~/photos"}
    with pytest.raises(StudyError, match="photos is a file, expected a folder"):
        check_study(config | {"dataset": own}, ROOT)
    assert with_home("~nobody-of-this-name/x") == Path("~nobody-of-this-name/x")


def test_the_assignment_passes_with_an_id_and_its_example_of_claims():
    changes = {"partition_seed": "s1234567", "claims": str(ROOT / "config/assignment_claims.yaml")}
    config = CONFIG | read_yaml(ROOT / "config/assignment.yaml") | changes
    assert check_study(config, ROOT).recipes.keys() >= {"cnn2"}


def test_overrides_are_by_models_and_not_by_architectures():
    config = CONFIG | {"overrides": {"timm/resnet18": {"epochs": 3}}}
    with pytest.raises(StudyError, match=r"overrides has 'timm/resnet18', .*{name: timm/resnet18}"):
        check_study(config, ROOT)
