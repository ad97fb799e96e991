"""Any configuration or recipe passes, or one line says what is wrong. Never a traceback."""

import os
from copy import deepcopy

import pytest
import yaml
from conftest import ROOT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from study.config.recipe_checks import resolve_recipe
from study.config.study import check_study
from study.errors import StudyError
from study.files import read_yaml

SCHEMAS = ROOT / "workflow" / "schemas"
RECIPE_SCHEMA = read_yaml(SCHEMAS / "recipe.schema.yaml")
CONFIG = read_yaml(ROOT / "config" / "config.yaml") | {
    "tune": {"cnn2": {"method": "grid", "keys": {"optimizer.lr": [0.01, 0.001]}}},
    "overrides": {"cnn3": {"epochs": 2, "optimizer": {"lr": 0.1}}},
    "human_votes": [{"kind": "csv", "path": "votes.csv"}],
    "claims": "config/claims.yaml",
}
RECIPE = read_yaml(ROOT / "config" / "models" / "resnet18.yaml")
# The long form of the suite looks at thousands.
EXAMPLES = 3000 if os.environ.get("LONG_TESTS") else 150
SETTINGS = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)

WORDS = (
    "official", "v1", "v1+v2", "v1+v1", "cnn2", "cnn9", "from lr_find", "adam", "best", "é", "",
    "../../etc/passwd", "a b", "'; rm -rf /", "\n", "1e-3", "null", "{x}", "S4", "grid", "tpe",
)  # fmt: skip
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 100_000),
    st.integers(),
    st.floats(),
    st.sampled_from(WORDS),
    st.text(max_size=8),
)
JUNK = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(WORDS) | st.integers(0, 3), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def places(value, path=()):
    """Yield the path of everything inside a configuration."""
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, item in inner:
        yield (*path, key)
        yield from places(item, (*path, key))


@st.composite
def damaged(draw, whole):
    """Return `whole` after a few changes: of values, of keys, and entries that are repeated."""
    result = deepcopy(whole)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(sorted(places(result), key=repr)))
        parent = result
        for key in path[:-1]:
            parent = parent[key]
        change = draw(
            st.sampled_from(("replace", "replace", "remove", "add", "misspell", "repeat"))
        )
        key = path[-1]
        if change == "remove":
            del parent[key]
        elif change == "add" and isinstance(parent, dict):
            parent[draw(st.sampled_from(WORDS))] = draw(JUNK)
        elif change == "misspell" and isinstance(parent, dict) and isinstance(key, str):
            parent[f"{key}s"] = parent.pop(key)
        elif change == "repeat" and isinstance(parent, list):
            parent.append(deepcopy(parent[key]))
        else:
            parent[key] = draw(JUNK)
        if not any(places(result)):
            break
    return result


def passes_or_says_why(check) -> bool:
    try:
        check()
    except StudyError as error:
        message = str(error)
        assert message.strip() and "\n" not in message and "\r" not in message
        return False
    return True


@SETTINGS
@given(damaged(CONFIG))
def test_any_configuration_passes_or_is_refused_in_one_line(at_the_root, config):
    passes_or_says_why(lambda: check_study(config, ROOT))


@SETTINGS
@given(damaged(RECIPE))
def test_any_recipe_passes_or_is_refused_in_one_line(tmp_path, recipe):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(recipe))
    if passes_or_says_why(lambda: resolve_recipe(path, {}, RECIPE_SCHEMA)):
        assert resolve_recipe(path, {}, RECIPE_SCHEMA)["architecture"]["name"]


@SETTINGS
@given(st.text(max_size=60) | st.binary(max_size=60))
def test_any_file_in_place_of_a_recipe_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "mine.yaml"
    path.write_bytes(
        content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    )
    assert not passes_or_says_why(lambda: resolve_recipe(path, {}, RECIPE_SCHEMA))


@pytest.fixture
def at_the_root(monkeypatch):
    """Configurations name files from the project's root on."""
    monkeypatch.chdir(ROOT)
