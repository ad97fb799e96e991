"""Whatever a configuration, recipe or file of claims says stays one word of a job's command."""

import itertools
import json
import re
import shlex
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import numpy as np
import pytest
import yaml
from conftest import ROOT, Project
from PIL import Image

from study.config.component_schemas import expanded
from study.config.study import check_study
from study.errors import StudyError
from study.files import read_yaml

pytestmark = pytest.mark.workflow

SCHEMAS = ROOT / "workflow" / "schemas"
TEXTS = {
    "shell": "a $(touch PWNED) ; b & c | d > e `touch PWNED` 'f' \"g\" \\ #h $HOME !i ~",
    "substitution": "$(touch${IFS}PWNED)&touch${IFS}PWNED",
    "line break": "a\nb",
    "line break at the end": "v1\n",
    "carriage return": "v1\r",
    "html": "<img src=x onerror=alert(1)>&amp;",
    "wildcards": "{wildcards.model} {a} [b] * ?",
    "option": "--output=PWNED",
    "formula": '=HYPERLINK("x")',
    "terminal": "\x1b[2J\x1b]0;x\x07",
}
CLAIM = {"claim": "BENIGN", "better": "v1", "than": "v1+v2", "models": ["cnn2"]}
LEVEL = {"claim": "BENIGN", "accuracy_at_least": 0.5, "combos": ["v1"]}


def places(schema: Any, value: Any, path: tuple = ()) -> Iterator[tuple]:
    """Yield the path of each text in a value, of keys that may be any text as (…, key, None)."""
    kinds = schema.get("type", ())
    if value and ("string" in kinds or schema.get("enum") or isinstance(value, str)):
        yield path
    if isinstance(value, list):
        for position, item in enumerate(value):
            yield from places(schema.get("items", {}), item, (*path, position))
    elif isinstance(value, dict):
        named, others = schema.get("properties", {}), schema.get("additionalProperties")
        for key, item in value.items():
            if key not in named:
                yield (*path, key, None)
            within = named.get(key, others if isinstance(others, dict) else {})
            yield from places(within, item, (*path, key))


def replaced(value: Any, path: tuple, text: str) -> Any:
    """Return a copy of a value with a text in one place; an address keeps its beginning."""
    result = parent = deepcopy(value)
    *above, last = path[:-1] if path[-1] is None else path
    for key in above:
        parent = parent[key]
    if path[-1] is None:
        parent[text] = parent.pop(last)
        return result
    scheme = re.match(r"https?://h/|fs:///|tests/", str(parent[last]))
    text = text.replace(" ", "") if scheme and scheme[0].startswith("http") else text
    parent[last] = f"{scheme[0]}{text}" if scheme else text
    return result


def is_accepted(check, *arguments) -> bool:
    """Tell whether a check passes; if not, it says so in one line."""
    try:
        check(*arguments)
    except StudyError as error:
        assert str(error).isprintable(), str(error)
        return False
    return True


class Study(Project):
    """A project whose files and folders all have the name BENIGN or a nasty one."""

    def fill(self, own: bool) -> None:
        """Write a base that has a value for every text of the schemas, as far as they go along."""
        dataset = {"name": "folder", "path": "BENIGN", "test_path": "tests/BENIGN"} if own else {
            "archive": "BENIGN", "urls": ["https://h/BENIGN"], "checksums": "BENIGN"}  # fmt: skip
        self.base = self.study | {
            "dataset": self.study["dataset"] | {"checksums": ""} | dataset,
            "claims": "claims.yaml" if own else "BENIGN",
            "human_votes": [{"kind": "csv", "path": "BENIGN.csv" if own else "BENIGN"}],
            "tune": {"cnn2": {"method": "grid", "keys": {"optimizer.name": ["adam", "sgd"]}}},
            "lr_find": self.study["lr_find"] | {"models": ["cnn2"]},
            "certify": ["v1/cnn2/42"],
            "partition_seed": "s1",
            "partitions": [{"name": name, "size": 0.3} for name in ("v1", "v2")] if own
                else self.study["partitions"],
            "storage": "fs:///BENIGN",
            "seeds": [42],
            "figures": {"runs": False},
        }  # fmt: skip
        self.recipe = read_yaml(self.folder / "config/models/cnn2.yaml") | {"description": "BENIGN"}

    def provide(self, name: str) -> None:
        """Make what the configuration names: a folder of images, or a file that serves for all."""
        if self.base["dataset"]["name"] == "folder":
            image = Image.fromarray(np.zeros((8, 8, 3), np.uint8))
            for folder, label in itertools.product((name, f"tests/{name}"), ("x", "y")):
                (self.folder / folder / label).mkdir(parents=True)
                image.save(self.folder / folder / label / "1.png")
            (self.folder / f"{name}.csv").touch()
            (self.folder / "claims.yaml").write_text(yaml.safe_dump([CLAIM, LEVEL]))
        else:
            (self.folder / name).write_text(yaml.safe_dump([CLAIM, LEVEL]))

    def check(self, config: dict) -> None:
        check_study(config, ROOT, self.folder)

    def commands(self, config: dict) -> list[list[str]]:
        """Return the words of each command that a dry run prints."""
        self.configure(config)
        output = self.succeeds("--dry-run", "--printshellcmds", "all", "certify", "verify")
        texts = re.findall(r"^Shell command: (?!None$)(.*)$", output, re.MULTILINE)
        return sorted(shlex.split(text) for text in texts)


@pytest.mark.parametrize("own", [False, True], ids=["published data", "own images"])
def test_each_text_stays_one_word_of_a_command_or_is_refused(tmp_path, archive, own, monkeypatch):
    project = Study(tmp_path / "project", archive)
    monkeypatch.chdir(project.folder)
    project.fill(own)
    project.provide("BENIGN")
    schema = read_yaml(SCHEMAS / "config.schema.yaml")
    project.check(project.base)
    harmless = project.commands(project.base)
    reached = set()
    for text in TEXTS.values():
        project.provide(text)
        nasty = project.base
        for path in places(schema, project.base):
            said = f"{text}.csv" if own and path[-2:] == (0, "path") else text
            if is_accepted(project.check, replaced(project.base, path, said)):
                reached.add(path[-1])
                nasty = replaced(nasty, path, said)
        if nasty == project.base:
            continue
        found = project.commands(nasty)
        assert len(found) == len(harmless)
        squeezed = text.replace(" ", "")
        for words, before in zip(found, harmless, strict=True):
            assert len(words) == len(before), words
            for word, plain in zip(words, before, strict=True):
                if word.startswith(("{", "[")):
                    word, plain = json.loads(word), json.loads(plain)
                assert same_shape(word, plain, (text, squeezed)), word
        assert not (project.folder / "PWNED").exists()
    assert reached >= ({"path", "test_path"} if own else {"archive", "checksums", "claims"})


def same_shape(said: Any, base: Any, texts: tuple[str, ...]) -> bool:
    """Tell whether a word, or JSON, is the harmless one, except for texts that replace BENIGN."""
    if isinstance(base, dict):
        return said.keys() == base.keys() and all(same_shape(said[k], base[k], texts) for k in base)
    if isinstance(base, list):
        return len(said) == len(base) and all(map(same_shape, said, base, [texts] * len(base)))
    if isinstance(base, str) and "BENIGN" in base:
        return said == base or said in (base.replace("BENIGN", text) for text in texts)
    return said == base


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_each_text_of_recipes_and_claims_is_one_value_or_is_refused(
    tmp_path, archive, text, monkeypatch
):
    project = Study(tmp_path / "project", archive)
    monkeypatch.chdir(project.folder)
    project.fill(own=False)
    project.provide("BENIGN")
    accepted = []
    recipe = project.folder / "config/models/cnn2.yaml"
    schema = expanded(read_yaml(SCHEMAS / "recipe.schema.yaml"))
    for path in places(schema, project.recipe):
        recipe.write_text(yaml.safe_dump(replaced(project.recipe, path, text), sort_keys=False))
        accepted += [path] if is_accepted(project.check, project.base) else []
    assert accepted == [("description",)], "it is left out of what jobs are told"
    recipe.write_text(yaml.safe_dump(project.recipe, sort_keys=False))
    claims, schema = [CLAIM, LEVEL], read_yaml(SCHEMAS / "claims.schema.yaml")
    for path in places(schema, claims):
        (project.folder / "BENIGN").write_text(yaml.safe_dump(replaced(claims, path, text)))
        if is_accepted(project.check, project.base):
            assert path[-1] == "claim" and not re.match(r"[=+@\s-]", text)
