"""What a configuration asks for, apart from where it is computed and where its files lie."""

from collections.abc import Mapping
from typing import Any

from study.config.imports import imported_recipe
from study.data.folds import fold_of, shares
from study.data.names import OFFICIAL, OWN

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


def asked_of_images(config: Mapping[str, Any], combo: str, seed: int) -> dict[str, Any]:
    """Return what of a configuration decides which images a run is trained and tested on.

    Another value trains the run again. Corrections are left out: they concern only the runs whose
    splits they change.

    Args:
        config: a whole one, as the user's files or a study's record have it.
        combo: of the run.
        seed: of the run.

    Returns:
        A value for each key of the configuration that counts; {} where the configuration has no
        such combo or seed.
    """
    partitions = [(one["name"], one["size"]) for one in config["partitions"]]
    places = {name: place for place, (name, _) in enumerate(partitions, 1)}
    parts = combo.split("+")
    if seed not in config["seeds"] or not {*parts} <= {OFFICIAL, *places}:
        return {}
    asked = what_is_asked(config)
    given, near = asked["dataset"], asked["near_duplicates"]
    # Which files were broken is known by the images that were decoded.
    of_own = given.keys() - {"corrections", "skip_broken"}
    # Of other data sets the images have a size of their own.
    counts = of_own if given["name"] in OWN else {"name", "checksums"}
    dataset = {key: value for key, value in given.items() if key in counts and value}
    if combo == OFFICIAL:
        return {"dataset": dataset, "official": asked.get("official")}
    return {
        "dataset": dataset,
        "partition_seed": asked["partition_seed"],
        # A partition depends on those before it.
        "partitions": partitions[: max(places[part] for part in parts)],
        "split": (shares(asked["split"]), fold_of(asked, seed)),
        "near_duplicates": near.get("threshold") if near["keep_together"] else None,
    }


def _without_place(recipe: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return keys of a recipe that say whose trained weights there are, but not where they lie."""
    architecture = recipe.get("architecture", {})
    if architecture.get("weights", "library") == "library":
        return recipe
    return {**recipe, "architecture": {**architecture, "weights": "a file"}}
