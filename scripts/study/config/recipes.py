"""Recipes: a model with its training hyper-parameters, one YAML file each."""

import difflib
import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from study.config.architectures import check_architecture
from study.config.component_schemas import expanded
from study.config.configuration import check_schema
from study.data.names import OFFICIAL
from study.errors import StudyError
from study.files import read_yaml

# What a recipe writes instead of a learning rate to take the one that a search suggests.
FROM_SEARCH = "from lr_find"


def resolve_recipe(
    path: str | Path, overrides: Mapping[str, Any], schema: Mapping[str, Any]
) -> dict[str, Any]:
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
    check_recipe(recipe, schema, str(path))
    resolved = laid_over(recipe, overrides)
    check_recipe(resolved, schema, f"config: overrides.{path.stem}")
    # Words about the recipe are no part of it: they may not fit its overrides, and another wording should re-run nothing.
    del resolved["description"]
    return resolved


def check_recipe(recipe: Any, schema: Mapping[str, Any], name: str) -> None:
    """Check a recipe by the schema, and its architecture by what there is.

    Raises:
        StudyError: it does not fit; `name` is what the line calls it.
    """
    check_schema(recipe, expanded(schema), name)
    try:
        check_architecture(recipe["architecture"])
    except StudyError as error:
        raise StudyError(f"{name}: {error}") from None


def laid_over(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` with the keys of `over` replaced one by one, inside nested mappings too."""
    result = dict(base)
    for key, value in over.items():
        both = isinstance(value, Mapping) and isinstance(base.get(key), Mapping)
        result[key] = laid_over(base[key], value) if both else value
    return result


def overlay(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested mappings from dotted keys: {"optimizer.lr": 1} becomes {"optimizer": {"lr": 1}}."""
    result: dict[str, Any] = {}
    for key, value in params.items():
        *path, last = key.split(".")
        place = result
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return result


def check_search(
    model: str, recipe: Mapping[str, Any], search: Mapping[str, Any], schema: Mapping[str, Any]
) -> None:
    """Check that a hyper-parameter search fits the recipe of its model.

    Args:
        model: name of the model.
        recipe: its resolved recipe.
        search: its part of the configuration's `tune`.
        schema: of recipes.

    Raises:
        StudyError: the recipe does not have a key that is searched, or a choice is no value for it, or a range is empty.
    """
    where = f"config: tune.{model}.keys"
    for key, choices in search["keys"].items():
        known = _dotted(recipe)
        if key not in known:
            close = difflib.get_close_matches(str(key), known, 1)
            hint = (
                f"did you mean {close[0]!r}?"
                if close
                else f"give it a value in overrides.{model} or take it out."
            )
            raise StudyError(
                f"{where} searches {key!r}, which the recipe does not have; {hint} It has: {', '.join(known)}"
            )
        if isinstance(choices, Mapping):
            if search["method"] == "grid":
                raise StudyError(
                    f"{where}.{key} is a range, but a grid needs a list; write {key}: [{choices['low']}, {choices['high']}]"
                )
            if choices["low"] >= choices["high"]:
                raise StudyError(
                    f"{where}.{key} has low {choices['low']} and high {choices['high']}, expected low < high"
                )
            if choices.get("log") and choices["low"] <= 0:
                raise StudyError(
                    f"{where}.{key} has low {choices['low']}, expected more than 0 with log: true"
                )
    ends = {
        key: [c["low"], c["high"]] if isinstance(c, Mapping) else c
        for key, c in search["keys"].items()
    }
    if FROM_SEARCH in ends.get("optimizer.lr", []):
        raise StudyError(
            f"{where} has {FROM_SEARCH!r} among the choices of optimizer.lr; write numbers"
        )
    # Every point: a choice may be right by itself and wrong beside another one.
    for values in itertools.product(*ends.values()):
        point = dict(zip(ends, values, strict=True))
        text = ", ".join(f"{key}: {value}" for key, value in point.items())
        check_recipe(
            {"description": "", **laid_over(recipe, overlay(point))},
            schema,
            f"{where}, with {text}",
        )


# Height and width of the smallest images that leave an architecture something to classify by, pixels.
SMALLEST = {
    "cnn2": 4,
    "cnn3": 8,
    "resnet18": 2,
    "dilated_separable": 7,
    "resnet9": 32,
    "fastnet": 9,
}


def check_image_size(model: str, recipe: Mapping[str, Any], size: int, key: str) -> None:
    """Check that a model's network can take images of the study's size.

    Args:
        model: name of the model.
        recipe: its resolved recipe.
        size: height and width of the images, pixels.
        key: which configuration key gives it, or "".

    Raises:
        StudyError: the images are too small.
    """
    architecture = recipe["architecture"]["name"]
    smallest = SMALLEST.get(architecture, 1)
    if size < smallest:
        way_out = (
            f"write {key}: {smallest} or more, or take {model} out"
            if key
            else f"take {model} out of 'models'"
        )
        raise StudyError(
            f"config: {model} (architecture {architecture}) needs images of at least {smallest}×{smallest} pixels, and those of the study have "
            f"{size}×{size}; {way_out}"
        )


def check_chooses(
    model: str,
    recipe: Mapping[str, Any],
    tuned: bool,
    combos: Sequence[str],
    val: Mapping[str, float],
) -> None:
    """Check that there are validation images where something is chosen by them.

    Args:
        model: name of the model.
        recipe: its resolved recipe.
        tuned: whether its hyper-parameters are searched.
        combos: of the study.
        val: share of validation images by configuration key, "split.val" and "official.val".

    Raises:
        StudyError: there are none.
    """
    reason = (
        "tune"
        if tuned
        else "keep: best"
        if recipe.get("keep") == "best"
        else "patience"
        if recipe.get("patience")
        else ""
    )
    for combo in combos if reason else []:
        key = "official.val" if combo == OFFICIAL else "split.val"
        if val[key] == 0:
            raise StudyError(
                f"config: {model} chooses by validation images ({reason}), but {key} is 0, so {combo} has none; write for example "
                f"{key.split('.')[0]}: {{val: 0.1}}"
                + (" with a smaller train" if key == "split.val" else "")
            )


def _dotted(recipe: Mapping[str, Any], prefix: str = "") -> list[str]:
    keys = []
    for key, value in recipe.items():
        keys += (
            _dotted(value, f"{prefix}{key}.") if isinstance(value, Mapping) else [f"{prefix}{key}"]
        )
    return keys


def value_at(recipe: Mapping[str, Any], key: str) -> Any:
    """Return the value of a dotted key."""
    value: Any = recipe
    for part in key.split("."):
        value = value[part]
    return value


def epochs_of(recipe: Mapping[str, Any], steps_per_epoch: int) -> int:
    """Return how many epochs a recipe trains: its `epochs`, or the whole number of epochs nearest to its `steps`, at least one."""
    if "steps" in recipe:
        return max(1, round(recipe["steps"] / steps_per_epoch))
    return recipe["epochs"]


def searches_rate(recipe: Mapping[str, Any]) -> bool:
    """Tell whether the recipe takes its learning rate from a search."""
    return recipe["optimizer"]["lr"] == FROM_SEARCH


def complete_recipe(
    path: str | Path, lr_find: str | Path | None = None, tuned: str | Path | None = None
) -> dict[str, Any]:
    """Read a resolved recipe, with what tuning chose and, if it asks for one, the learning rate that a search found.

    Args:
        path: a resolved recipe, .yaml.
        lr_find: what `lr_find.py` wrote, .json.
        tuned: keys to lay over the recipe, such as the best ones of a search, .yaml.

    Raises:
        StudyError: the recipe asks for a search and there is none.
    """
    recipe = read_yaml(path)
    if tuned is not None:
        recipe = laid_over(recipe, read_yaml(tuned))
    if searches_rate(recipe):
        if lr_find is None:
            raise StudyError(
                f"{path}: optimizer.lr is {FROM_SEARCH!r} but no search was given; pass --lr-find with what lr_find.py wrote, or "
                "write a number"
            )
        found = json.loads(Path(lr_find).read_text())
        if found["learning_rate"] is None:
            raise StudyError(f"{lr_find} holds no suggestion: {found['failures'][found['rule']]}")
        recipe["optimizer"]["lr"] = found["learning_rate"]
    return recipe


def canonical(value: Any) -> str:
    """Return `value` as one line of JSON that does not depend on the order in which keys were written."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
