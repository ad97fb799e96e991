"""The schemas describe every key, and the README lists what they describe."""

import re

import pytest
import yaml
from conftest import ROOT, run_script

from study.config.architectures import architectures
from study.config.component_schemas import expanded
from study.files import read_yaml

CONFIG_SCHEMA = read_yaml(ROOT / "workflow/schemas/config.schema.yaml")
RECIPE_SCHEMA = read_yaml(ROOT / "workflow/schemas/recipe.schema.yaml")


def test_schemas_and_registries_name_the_same_things():
    properties = RECIPE_SCHEMA["properties"]
    described = properties["architecture"]["properties"]["name"]["description"]
    assert all(f"`{name}`" in described for name in architectures())
    described = CONFIG_SCHEMA["properties"]["dataset"]["properties"]["name"]["description"]
    assert all(f"`{name}`" in described for name in ("cifar10", "digits", "folder", "csv"))


def every_schema(schema, path=""):
    yield path, schema
    for key, value in schema.get("properties", {}).items():
        yield from every_schema(value, f"{path}.{key}")
    if "items" in schema:
        yield from every_schema(schema["items"], f"{path}[]")


@pytest.mark.parametrize(
    "schema", [CONFIG_SCHEMA, expanded(RECIPE_SCHEMA)], ids=["config", "recipe"]
)
def test_schemas_are_closed_and_describe_every_key(schema):
    for path, part in every_schema(schema):
        assert part.get("description"), f"{path} has no description"
        if part.get("type") == "object":
            assert "additionalProperties" in part, f"{path} is open"


def test_the_readme_lists_every_key_and_the_schema_has_the_defaults_of_the_configuration(tmp_path):
    text, schema = ROOT / "config/README.md", ROOT / "workflow/schemas/config.schema.yaml"
    # A missing default and a different one are fixed.
    changed = re.sub(r" +default: 42\n", "", schema.read_text())
    assert changed != schema.read_text()
    (tmp_path / "schema.yaml").write_text(changed.replace("default: true", "default: false"))
    copies = {tmp_path / "config.md": text, tmp_path / "results.md": ROOT / "results/README.md"}
    for copy, page in copies.items():
        copy.write_text(page.read_text())
    run_script("document_config.py", "--readme", *copies, "--schema", tmp_path / "schema.yaml")
    for copy, page in copies.items():
        assert copy.read_text() == page.read_text(), "run `make docs`"
    assert (tmp_path / "schema.yaml").read_text() == schema.read_text(), "run `make docs`"
    defaults = {
        k: part["default"] for k, part in CONFIG_SCHEMA["properties"].items() if "default" in part
    }
    assert defaults == {key: read_yaml(ROOT / "config/config.yaml")[key] for key in defaults}


def test_examples_in_the_schemas_are_yaml():
    texts = [
        str(schema.get("description", ""))
        for whole in (CONFIG_SCHEMA, RECIPE_SCHEMA)
        for _, schema in every_schema(whole)
    ]
    examples = [found for text in texts for found in re.findall(r"`(\{[^`]*: [^`]*\})`", text)]
    assert len(examples) >= 3
    for example in examples:
        assert isinstance(yaml.safe_load(example), dict)
