"""Check that recipes fit their schema, the study's images, and the searches of their keys."""

import difflib
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from study.config.architectures import check_architecture
from study.config.component_schemas import expanded
from study.config.probes import is_probe
from study.config.recipes import FROM_SEARCH, dotted_keys, merged, overlay, searches_rate
from study.config.schema import check_schema
from study.data.names import OFFICIAL
from study.errors import StudyError, one_line
from study.files import read_yaml, with_home

# Only tensors are read from a .pth or .pt file, see `study.models.trained_weights`.
_WEIGHT_FILES = (".safetensors", ".pth", ".pt")
# Of a search all points are checked, at each start, a millisecond each.
_MOST_POINTS = 2000
# Height and width of the smallest images that leave an architecture something to classify by.
SMALLEST = {
    "cnn2": 4,
    "cnn3": 8,
    "resnet18": 2,
    "dilated_separable": 7,
    "resnet9": 32,
    "fastnet": 9,
}


def check_overrides(overrides: Mapping[str, Any]) -> None:
    """Check that overrides are by the names of models.

    Raises:
        StudyError: one is by a path, or by the name of a library's architecture.
    """
    for name in map(str, overrides):
        if "/" in name:
            raise StudyError(
                f"config: overrides has {name!r}, expected the name of a model as under 'models', "
                f"such as cnn2; to train {name}, write a recipe config/models/NAME.yaml with "
                f"architecture: {{name: {name}}}"
            )


def resolve_recipe(
    path: str | Path, overrides: Mapping[str, Any], schema: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the recipe in `path` merged with `overrides`, checked, without its description.

    Overrides replace keys one by one, inside nested mappings too.

    Raises:
        StudyError: there is no such file, or the result does not fit the schema.
    """
    path = Path(path)
    if not path.is_file():
        known = sorted(other.stem for other in path.parent.glob("*.yaml"))
        raise StudyError(
            f"config: the model {path.stem!r} has no recipe config/models/{path.name}; "
            f"write models: [{', '.join(known)}] or add that file"
        )
    recipe = read_yaml(path)
    check_recipe(recipe, schema, str(path))
    resolved = merged(recipe, overrides)
    check_recipe(resolved, schema, f"config: overrides.{path.stem}")
    check_start(resolved, f"{path}{f' with overrides.{path.stem}' if overrides else ''}")
    # The description may not fit the overrides, and another wording should run nothing again.
    del resolved["description"]
    return resolved


def check_recipe(recipe: Any, schema: Mapping[str, Any], name: str) -> None:
    """Check a recipe by the schema, and that its architecture exists.

    Raises:
        StudyError: it does not fit; `name` is what the line calls it.
    """
    check_schema(recipe, expanded(schema), name)
    try:
        check_architecture(recipe["architecture"])
    except StudyError as error:
        raise StudyError(f"{name}: {error}") from None


def check_start(recipe: Mapping[str, Any], where: str) -> None:
    """Check that the weights which a recipe starts from are there, as what it freezes needs.

    Args:
        recipe: one that fits the schema.
        where: what the line begins with.

    Raises:
        StudyError: in one line, what does not fit.
    """
    weights, name = recipe["architecture"].get("weights"), recipe["architecture"]["name"]
    if is_probe(recipe):
        return
    if weights is None:
        frozen, normalized = recipe.get("train", "all") != "all", recipe["normalize"] == "weights"
        if frozen or normalized:
            key, instead = ("train", "all") if frozen else ("normalize", "data")
            raise StudyError(
                f"{where} has {key}: {recipe[key]}, which needs trained weights; "
                f"write architecture: {{weights: <path of a file>}} or {key}: {instead}"
            )
    elif weights == "library":
        if "/" not in name:
            raise StudyError(
                f"{where} has weights: library, and {name} is of no library; "
                "write the path of a file"
            )
    elif Path(weights).suffix not in _WEIGHT_FILES:
        raise StudyError(
            f"{where} has weights: {weights}, expected a {' or '.join(_WEIGHT_FILES)} file, or the "
            "word library"
        )
    elif not with_home(weights).is_file():
        raise StudyError(f"{where} has weights: {weights}, and there is no such file")
    elif weights.endswith(".safetensors"):
        _check_header(weights, where)


def _check_header(weights: str, where: str) -> None:
    """Check that a file is as long as its header says."""
    from safetensors import SafetensorError, safe_open  # only studies that start from one need it

    try:
        with safe_open(with_home(weights), framework="numpy"):
            pass
    except (SafetensorError, OSError) as error:
        raise StudyError(
            f"{where} has weights: {weights}, damaged or no file of weights "
            f"({one_line(error)}); copy it here again"
        ) from error


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
        StudyError: the recipe does not have a key that is searched, or a choice is no value for it,
            or a range is empty. Or two searches are to find the learning rate.
    """
    where = f"config: tune.{model}.keys"
    known = dotted_keys(recipe)
    for key, choices in search["keys"].items():
        if key not in known:
            close = difflib.get_close_matches(str(key), known, 1)
            otherwise = f"give it a value in overrides.{model} or remove it."
            raise StudyError(
                f"{where} searches {key!r}, which the recipe does not have; "
                f"{f'did you mean {close[0]!r}?' if close else otherwise} "
                f"It has: {', '.join(known)}"
            )
        if isinstance(choices, Mapping):
            _check_range(f"{where}.{key}", choices, search["method"])
    ends = {
        key: [choices["low"], choices["high"]] if isinstance(choices, Mapping) else choices
        for key, choices in search["keys"].items()
    }
    if "optimizer.lr" in ends and searches_rate(recipe):
        raise StudyError(
            f"{where} searches optimizer.lr, which the recipe has {FROM_SEARCH!r}; take it out of "
            f"tune, or write a number, such as overrides: {{{model}: {{optimizer: {{lr: 0.001}}}}}}"
        )
    if FROM_SEARCH in ends.get("optimizer.lr", []):
        raise StudyError(
            f"{where} has {FROM_SEARCH!r} among the choices of optimizer.lr; write numbers"
        )
    for point in _points(ends):
        text = ", ".join(f"{key}: {value}" for key, value in point.items())
        trial = {"description": "", **merged(recipe, overlay(point))}
        check_recipe(trial, schema, f"{where}, with {text}")


def _points(choices: Mapping[str, Sequence[Any]]) -> Iterator[dict[str, Any]]:
    """Yield points of a search to check: all, or each choice beside the first of other keys.

    A choice may be right by itself and wrong beside another one. But where there are many, to
    check all points takes minutes.
    """
    if math.prod(map(len, choices.values())) <= _MOST_POINTS:
        for values in itertools.product(*choices.values()):
            yield dict(zip(choices, values, strict=True))
        return
    first = {key: values[0] for key, values in choices.items()}
    for key, values in choices.items():
        for value in values:
            yield first | {key: value}


def _check_range(where: str, choices: Mapping[str, Any], method: str) -> None:
    low, high = choices["low"], choices["high"]
    if method == "grid":
        key = where.partition(".keys.")[2]
        raise StudyError(
            f"{where} is a range, but a grid needs a list; write {key}: [{low}, {high}]"
        )
    if low >= high:
        raise StudyError(f"{where} has low {low} and high {high}, expected low < high")
    if choices.get("log") and low <= 0:
        raise StudyError(f"{where} has low {low}, expected more than 0 with log: true")


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
        out = f"take {model} out"
        advice = f"write {key}: {smallest} or more, or {out}" if key else f"{out} of 'models'"
        raise StudyError(
            f"config: {model} (architecture {architecture}) needs images of at least "
            f"{smallest}×{smallest} pixels, and those of the study have {size}×{size}; {advice}"
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
    reasons = {
        "tune": tuned,
        "keep: best": recipe.get("keep") == "best",
        "patience": recipe.get("patience"),
    }
    reason = next((name for name, chooses in reasons.items() if chooses), None)
    for combo in combos if reason else []:
        key = "official.val" if combo == OFFICIAL else "split.val"
        if val[key] == 0:
            raise StudyError(
                f"config: {model} chooses by validation images ({reason}), but {key} is 0, so "
                f"{combo} has none; write for example {key.split('.')[0]}: {{val: 0.1}}"
                + (" with a smaller train" if key == "split.val" else "")
            )
