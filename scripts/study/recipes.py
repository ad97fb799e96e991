"""Recipes: a model with its training hyper-parameters, one YAML file each."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from study.configuration import check_schema, read_yaml
from study.errors import StudyError


def resolve_recipe(path: str | Path, overrides: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the recipe in `path` with `overrides` laid over it, checked, without its description.

    Overrides replace keys one by one, inside nested mappings too.

    Raises:
        StudyError: there is no such file, or the result does not fit the schema.
    """
    path = Path(path)
    if not path.is_file():
        known = sorted(other.stem for other in path.parent.glob("*.yaml"))
        raise StudyError(
            f"config: the model {path.stem!r} has no recipe {path}; write models: [{', '.join(known)}] or add that file"
        )
    recipe = read_yaml(path)
    check_schema(recipe, schema, str(path))
    resolved = _merged(recipe, overrides)
    check_schema(resolved, schema, f"config: overrides.{path.stem}")
    # Words about the recipe are no part of it: they may not fit its overrides, and another wording should re-run nothing.
    del resolved["description"]
    return resolved


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(base.get(key), Mapping)
        result[key] = _merged(base[key], value) if both else value
    return result


def canonical(value: Any) -> str:
    """Return `value` as one line of JSON that does not depend on the order in which keys were written."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
