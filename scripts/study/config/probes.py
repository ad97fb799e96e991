"""Recipes that train no network: a classifier on the features that another recipe's network gives.

Such a recipe has a `description` and an `architecture` and nothing else; the latter names the
recipe whose trained weights give the features.
"""

from collections.abc import Mapping
from typing import Any

# What else the architecture of each may hold.
PROBES = {"probe": ("features",), "neighbours": ("features", "k")}
NEIGHBOURS = 20
# What stands in place of Grad-CAM's maps.
NO_MAPS = "it answers from stored features, so it has no maps"


def is_probe(recipe: Mapping[str, Any]) -> bool:
    """Tell whether a recipe trains no network."""
    return recipe["architecture"]["name"] in PROBES


def features_of(recipe: Mapping[str, Any]) -> str | None:
    """Return the name of the recipe whose network gives the features; None of a network's own."""
    return recipe["architecture"]["features"] if is_probe(recipe) else None
