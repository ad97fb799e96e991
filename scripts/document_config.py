#!/usr/bin/env python
"""Rewrite the tables of keys in the configuration's README from the JSON schemas."""

import argparse
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from study.config.component_schemas import expanded
from study.errors import StudyError, one_line
from study.files import read_yaml, write_text
from study.job import run_script

_SCHEMAS = Path(__file__).resolve().parents[1] / "workflow" / "schemas"


def rows(schema: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield (key, type, description) of every key of a schema, nested keys after their parent."""
    for key, value in schema.get("properties", {}).items():
        name = prefix + key
        yield name, _type_text(value), one_line(value["description"])
        yield from rows(value, f"{name}.")
        if value.get("type") == "array":
            yield from rows(value["items"], f"{name}[].")
        each = value.get("additionalProperties")
        if isinstance(each, Mapping):
            yield from rows(each, f"{name}.<name>.")


def _type_text(value: Mapping[str, Any]) -> str:
    if "anyOf" in value:
        return " or ".join(dict.fromkeys(map(_type_text, value["anyOf"])))
    if "enum" in value:
        return " / ".join(f"`{item}`" for item in value["enum"])
    if value["type"] == "array":
        return f"list of {_type_text(value['items'])}"
    words = {"integer": "whole number", "string": "text", "object": "mapping"}
    types = value["type"] if isinstance(value["type"], list) else [value["type"]]
    return " or ".join(words.get(name, name) for name in types)


def table(name: str) -> str:
    """Return the keys of a schema as a Markdown table."""
    lines = ["| key | type | meaning |", "|---|---|---|"]
    schema = expanded(read_yaml(_SCHEMAS / name))
    items = schema["items"] if schema["type"] == "array" else schema
    lines += [f"| `{key}` | {kind} | {meaning} |" for key, kind, meaning in rows(items)]
    return "\n".join(lines)


def documented(text: str) -> str:
    """Return a README with every block from `<!-- schema: NAME -->` to `<!-- end -->` rewritten.

    Raises:
        StudyError: there is no such block.
    """
    pattern = re.compile(r"(<!-- schema: (\S+) -->\n).*?(\n<!-- end -->)", re.DOTALL)
    if not pattern.search(text):
        raise StudyError("found no block between '<!-- schema: NAME -->' and '<!-- end -->'")
    return pattern.sub(lambda found: f"{found[1]}\n{table(found[2])}\n{found[3]}", text)


def main(arguments: argparse.Namespace) -> None:
    """Rewrite the README in place."""
    path = Path(arguments.readme)
    write_text(path, documented(path.read_text(encoding="utf-8")))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readme", required=True, help="the README to rewrite")
    run_script(parser, main)
