#!/usr/bin/env python
"""Rewrite the READMEs' tables of keys and columns, and the schema's defaults from config.yaml."""

import argparse
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from study.code import PROJECT
from study.config.component_schemas import expanded
from study.errors import StudyError, one_line
from study.files import read_yaml, write_text
from study.job import run_script
from study.report.glossary import columns

_SCHEMAS = PROJECT / "workflow" / "schemas"


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


def column_table(name: str) -> str:
    """Return the columns of a table of results as a Markdown table."""
    lines = [
        f"| `{names.replace(', ', '`, `')}` | {text} |" for names, text in columns()[name].items()
    ]
    return "\n".join(["| column | meaning |", "|---|---|", *lines])


_TABLES = {"schema": table, "columns": column_table}


def documented(text: str) -> str:
    """Return a README with every block from `<!-- KIND: NAME -->` to `<!-- end -->` rewritten.

    KIND is `schema`, with the keys of a schema, or `columns`, with the columns of a table.

    Raises:
        StudyError: there is no such block.
    """
    pattern = re.compile(r"(<!-- (schema|columns): (\S+) -->\n).*?(\n<!-- end -->)", re.DOTALL)
    if not pattern.search(text):
        raise StudyError("found no block between '<!-- schema: NAME -->' and '<!-- end -->'")
    return pattern.sub(lambda found: f"{found[1]}\n{_TABLES[found[2]](found[3])}\n{found[4]}", text)


def with_defaults(schema: str, config: Mapping[str, Any]) -> str:
    """Return a schema's text with the values of a configuration as the defaults of its keys.

    A key's default stands in a line of its own before its type; the rest stays as it is written.
    """
    lines: list[str | None] = list(schema.splitlines(keepends=True))
    for node, value in reversed(list(_keys(yaml.compose(schema), config))):
        parts = {key.value: key.start_mark for key, _ in node.value}
        if "default" in parts:
            del lines[parts["default"].line]
        place = min(mark.line for name, mark in parts.items() if name in ("type", "enum", "anyOf"))
        place -= "default" in parts and parts["default"].line < place
        indent = " " * parts["description"].column
        lines.insert(place, f"{indent}default: {json.dumps(value, ensure_ascii=False)}\n")
    return "".join(lines)


def _keys(node: yaml.MappingNode, config: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    """Yield the schema's node and the value of each key that has one and holds no other keys."""
    parts = {key.value: value for key, value in node.value}
    for key, inner in parts["properties"].value:
        if "properties" in [part.value for part, _ in inner.value]:
            yield from _keys(inner, config[key.value])
        elif key.value in config:
            yield inner, config[key.value]


def main(arguments: argparse.Namespace) -> None:
    """Rewrite the READMEs and the schema in place."""
    schema = Path(arguments.schema)
    config = read_yaml(PROJECT / "config" / "config.yaml")
    write_text(schema, with_defaults(schema.read_text(encoding="utf-8"), config))
    for readme in map(Path, arguments.readme):
        write_text(readme, documented(readme.read_text(encoding="utf-8")))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readme", required=True, nargs="+", help="the READMEs to rewrite")
    parser.add_argument(
        "--schema",
        default=_SCHEMAS / "config.schema.yaml",
        help="the schema of the configuration to rewrite",
    )
    run_script(parser, main)
