"""Recipes: a model with its training hyper-parameters, one YAML file each."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from study.configuration import check_schema, read_yaml
from study.errors import StudyError

# What a recipe writes instead of a learning rate to take the one that a search suggests.
FROM_SEARCH = "from lr_find"


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


def searches_rate(recipe: Mapping[str, Any]) -> bool:
    """Tell whether the recipe takes its learning rate from a search."""
    return recipe["optimizer"]["lr"] == FROM_SEARCH


def complete_recipe(path: str | Path, lr_find: str | Path | None = None) -> dict[str, Any]:
    """Read a resolved recipe and put in the learning rate that a search found, if it asks for one.

    Args:
        path: a resolved recipe, .yaml.
        lr_find: what `lr_find.py` wrote, .json.

    Raises:
        StudyError: the recipe asks for a search and there is none.
    """
    recipe = read_yaml(path)
    if searches_rate(recipe):
        if lr_find is None:
            raise StudyError(
                f"{path}: optimizer.lr is {FROM_SEARCH!r} but no search was given; pass --lr-find with what lr_find.py wrote, or "
                "write a number"
            )
        recipe["optimizer"]["lr"] = json.loads(Path(lr_find).read_text())["learning_rate"]
    return recipe


def canonical(value: Any) -> str:
    """Return `value` as one line of JSON that does not depend on the order in which keys were written."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
