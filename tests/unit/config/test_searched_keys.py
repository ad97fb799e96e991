"""Keys of a hyper-parameter search that are nested as they are in a recipe."""

import pytest
import yaml
from conftest import ROOT

from study.config.configuration import check_config
from study.errors import StudyError

CONFIG = yaml.safe_load((ROOT / "config/config.yaml").read_text())
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())


def complaint(search: object) -> str:
    with pytest.raises(StudyError) as raised:
        check_config(CONFIG | {"tune": {"cnn2": search}}, SCHEMA)
    return str(raised.value)


@pytest.mark.parametrize(
    ("keys", "written"),
    [
        ({"optimizer": {"lr": [0.1, 0.01]}}, "optimizer.lr: [0.1, 0.01]"),
        (
            {"optimizer": {"lr": {"low": 0.01, "high": 0.1}, "name": ["sgd"]}},
            "optimizer.lr: {low: 0.01, high: 0.1}, optimizer.name: [sgd]",
        ),
        (
            {"batch_size": [8], "architecture": {"filters": [16, 32]}},
            "architecture.filters: [16, 32]",
        ),
    ],
)
def test_nested_keys_are_shown_with_their_dots(keys, written):
    said = complaint({"method": "tpe", "trials": 2, "keys": keys})
    assert said.endswith(f"write a key of the recipe with dots: {written}") and "\n" not in said


@pytest.mark.parametrize(
    ("search", "fragment"),
    [
        (
            {"method": "tpe", "trials": 2, "keys": {"optimizer.lr": {"low": 0.1, "hi": 1}}},
            "did you mean 'high'?",
        ),
        ({"method": "grid", "keys": ["optimizer.lr"]}, "expected a mapping"),
        ("grid", "expected a mapping"),
    ],
)
def test_other_mistakes_are_told_as_before(search, fragment):
    assert fragment in complaint(search)
