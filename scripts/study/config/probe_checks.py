"""Check that the features which a model asks for can be computed, and that nothing is searched."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from study.config.probes import features_of, is_probe
from study.errors import StudyError


def require_recipe(path: Path, model: str, name: str) -> None:
    """Check that there is a recipe of the name that a model takes its features of.

    Raises:
        StudyError: there is no such file.
    """
    if not path.is_file():
        raise StudyError(
            f"config: {model} takes the features of {name}, and there is no recipe "
            f"{path}; write features: finetuned or add that file"
        )


def check_features(model: str, recipes: Mapping[str, Mapping[str, Any]]) -> None:
    """Check that the features which a model asks for can be computed once for all of its runs.

    Args:
        model: one that trains no network.
        recipes: resolved recipes by name, that of the features too.

    Raises:
        StudyError: in one line, what does not fit.
    """
    name = features_of(recipes[model])
    source = recipes[name]
    where = f"config: {model} takes the features of {name}"
    if "weights" not in source["architecture"]:
        raise StudyError(
            f"{where}, which has no trained weights; write features: finetuned, or give {name} "
            "architecture: {weights: <path of a file>}"
        )
    if source["normalize"] == "data":
        raise StudyError(
            f"{where}, which has normalize: data, and that differs from run to run; write "
            "normalize: weights, or numbers"
        )


def check_untuned(config: Mapping[str, Any], recipes: Mapping[str, Mapping[str, Any]]) -> None:
    """Check that no search is asked for of a model that trains no network.

    Raises:
        StudyError: one is.
    """
    for key, models in (("tune", config["tune"]), ("lr_find.models", config["lr_find"]["models"])):
        if probes := [model for model in models if is_probe(recipes[model])]:
            raise StudyError(
                f"config: {key} names {probes[0]}, which has no training to search for; remove it"
            )
