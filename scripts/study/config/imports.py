"""Models of a study whose predictions were made elsewhere: entries of `models` that name a file."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from study.config.probes import is_probe
from study.files import with_home

# Stands in a recipe where the architecture of others has its name.
IMPORTED = "predictions"
# What stands in place of Grad-CAM's maps.
NO_MAPS_OF_IMPORTS = "its predictions were made elsewhere, so it has no maps"
_PLACES = re.compile(r"\{(combo|seed)\}")


def model_names(config: Mapping[str, Any]) -> list[str]:
    """Return the names of a study's models."""
    return [entry if isinstance(entry, str) else entry["name"] for entry in config["models"]]


def imported_models(config: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the entries of the models that are imported, by name."""
    return {entry["name"]: entry for entry in config["models"] if not isinstance(entry, str)}


def imported_recipe(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return what stands for the recipe of an imported model; where its files lie is no part."""
    saw, varies = entry.get("saw", "unknown"), varies_with(entry["predictions"])
    return {"architecture": {"name": IMPORTED, "saw": saw, "varies_with": varies}}


def varies_with(pattern: str) -> list[str]:
    """Return which of "combo" and "seed" a pattern of files has."""
    return sorted(set(_PLACES.findall(pattern)))


def without_places(pattern: str) -> str:
    """Return a pattern of files without its {combo} and {seed}."""
    return _PLACES.sub("", pattern)


def predictions_file(entry: Mapping[str, Any], combo: str, seed: int) -> Path:
    """Return the file with the predictions of an imported model for a combo and seed."""
    values = {"combo": combo, "seed": str(seed)}
    return with_home(_PLACES.sub(lambda place: values[place[1]], entry["predictions"]))


def is_imported(recipe: Mapping[str, Any]) -> bool:
    """Tell whether a recipe stands for predictions that were made elsewhere."""
    return recipe["architecture"]["name"] == IMPORTED


def trains_network(recipe: Mapping[str, Any]) -> bool:
    """Tell whether runs of a recipe train a network, which can be asked about images."""
    return not is_probe(recipe) and not is_imported(recipe)
