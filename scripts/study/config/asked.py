"""What a configuration asks for, apart from where it is computed and where its files lie."""

from collections.abc import Mapping
from typing import Any

from study.config.imports import imported_recipe

# Where a study is kept and computed.
_CIRCUMSTANCES = ("storage", "device")
# Where images come from, which have digests.
_SOURCES = ("path", "archive", "urls")
# Files that a data set has or has not.
_OPTIONAL = ("test_path", "corrections", "checksums")


def what_is_asked(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration without what changes no result: those that ask the same are equal.

    Left out are `storage`, `device` and the places of images, of trained weights and of predictions
    that were made elsewhere. Whether there are test images, corrections and weights stays, and
    whether the weights are those of the library.

    Args:
        config: a whole one, as the user's files or a study's record have it.
    """
    given = config["dataset"]
    dataset = {key: value for key, value in given.items() if key not in (*_SOURCES, *_OPTIONAL)}
    dataset |= {key: bool(given.get(key)) for key in _OPTIONAL}
    models = [
        one if isinstance(one, str) else {"name": one["name"], **imported_recipe(one)}
        for one in config.get("models", [])
    ]
    near = {"keep_together": True, **config.get("near_duplicates", {})}  # true if not given
    over = {model: _without_place(keys) for model, keys in config.get("overrides", {}).items()}
    asked = {key: value for key, value in config.items() if key not in _CIRCUMSTANCES}
    asked |= {"dataset": dataset, "models": models, "near_duplicates": near, "overrides": over}
    return asked


def _without_place(recipe: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return keys of a recipe that say whose trained weights there are, but not where they lie."""
    architecture = recipe.get("architecture", {})
    if architecture.get("weights", "library") == "library":
        return recipe
    return {**recipe, "architecture": {**architecture, "weights": "a file"}}
