"""Recipes as values: merged, searched and completed. What may stand in one: `recipe_checks`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from study.errors import StudyError
from study.files import read_json, read_yaml

# Where a configuration and recipes lie, in the project's folder and in a study's own.
CONFIG, RECIPES = "config/config.yaml", "config/models"
# What a recipe writes instead of a learning rate to take the one that a search suggests.
FROM_SEARCH = "from lr_find"


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with the keys of `over` replaced one by one, inside nested mappings too."""
    result = dict(base)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(base.get(key), Mapping)
        result[key] = merged(base[key], value) if both else value
    return result


def without(values: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return a mapping without one of its keys, if it has that."""
    return {name: value for name, value in values.items() if name != key}


def overlay(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested mappings: {"optimizer.lr": 1} becomes {"optimizer": {"lr": 1}}."""
    result: dict[str, Any] = {}
    for key, value in params.items():
        *path, last = key.split(".")
        inner = result
        for part in path:
            inner = inner.setdefault(part, {})
        inner[last] = value
    return result


def dotted_keys(recipe: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Return the keys of a recipe in order, those inside nested mappings as "optimizer.lr"."""
    keys = []
    for key, value in recipe.items():
        name = f"{prefix}{key}"
        keys += dotted_keys(value, f"{name}.") if isinstance(value, Mapping) else [name]
    return keys


def value_at(recipe: Mapping[str, Any], key: str) -> Any:
    """Return the value of a dotted key."""
    value: Any = recipe
    for part in key.split("."):
        value = value[part]
    return value


def epochs_of(recipe: Mapping[str, Any], steps_per_epoch: int) -> int:
    """Return how many epochs a recipe trains.

    This is its `epochs`, or the number of epochs nearest to its `steps`, at least one; one where
    it trains no network.
    """
    if "steps" in recipe:
        return max(1, round(recipe["steps"] / steps_per_epoch))
    return recipe.get("epochs", 1)


def searches_rate(recipe: Mapping[str, Any]) -> bool:
    """Tell whether the recipe takes its learning rate from a search."""
    return recipe.get("optimizer", {}).get("lr") == FROM_SEARCH


def complete_recipe(
    path: str | Path, lr_find: str | Path | None = None, tuned: str | Path | None = None
) -> dict[str, Any]:
    """Return a resolved recipe with the values that searches found.

    Args:
        path: a resolved recipe, .yaml.
        lr_find: what `lr_find.py` wrote, .json, for a recipe that takes its rate from it.
        tuned: keys to merge into the recipe, such as the best ones of a search, .yaml.

    Raises:
        StudyError: the recipe asks for a learning-rate search and there is none.
    """
    recipe = read_yaml(path)
    if tuned is not None:
        recipe = merged(recipe, read_yaml(tuned))
    if searches_rate(recipe):
        if lr_find is None:
            raise StudyError(
                f"{path}: optimizer.lr is {FROM_SEARCH!r} but no search was given; "
                "pass --lr-find with what lr_find.py wrote, or write a number"
            )
        search = read_json(lr_find)
        if search["learning_rate"] is None:
            reason = search["failures"][search["rule"]]
            raise StudyError(f"{lr_find} holds no suggestion: {reason}")
        recipe["optimizer"]["lr"] = search["learning_rate"]
    return recipe


def with_taken_weights(
    recipe: Mapping[str, Any], weights: str | Path, record: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a recipe that starts from weights which `take_weights.py` has taken.

    The place that they came from is left out: moved, they are the same weights.

    Args:
        recipe: with `weights` in its architecture.
        weights: what was written, .safetensors.
        record: what was written beside it: `sha256`, and `normalize` where the recipe wants that of
            the weights.
    """
    taken = {"file": str(weights), "sha256": record["sha256"]}
    architecture = without(recipe["architecture"], "weights")
    normalize = record.get("normalize", recipe["normalize"])
    changed = {"architecture": architecture, "normalize": normalize, "trained_weights": taken}
    return {**recipe, **changed}


def recipe_text(recipe: Mapping[str, Any]) -> str:
    """Return a resolved recipe as it is written below results/, YAML."""
    return yaml.safe_dump(dict(recipe), sort_keys=False, allow_unicode=True)


def canonical(value: Any) -> str:
    """Return `value` as one line of JSON that does not depend on the order of keys."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as one with dotted keys; lists as text."""
    result: dict[str, Any] = {}
    for key, inner in value.items():
        if isinstance(inner, Mapping):
            result |= flat(inner, f"{prefix}{key}.")
        else:
            result[prefix + key] = canonical(inner) if isinstance(inner, list) else inner
    return result
