"""What a study must be like for its results to be laid beside published figures."""

from collections.abc import Mapping
from typing import Any


def why_not_comparable(
    systems: Mapping[str, Mapping[str, Any]],
    config: Mapping[str, Any],
    recipes: Mapping[str, Mapping[str, Any]],
    reported: Mapping[str, Mapping[str, Any]],
) -> str | None:
    """Return the first reason why a study cannot be compared with the published figures and what to write instead, or None.

    Args:
        systems: the part of config/published.yaml that is compared.
        config: a checked configuration.
        recipes: resolved recipes by model, with the configuration's overrides.
        reported: the same without overrides.
    """
    if not systems:
        return "reproduce.systems is empty; write reproduce: {systems: [S0, S1]}"
    if config["dataset"]["name"] != "cifar10" or config["dataset"]["checksums"]:
        return "the published figures are of CIFAR-10; run it with --configfile config/laptop.yaml, where results/ holds no other study"
    sizes = {partition["name"]: partition["size"] for partition in config["partitions"]}
    for name, system in systems.items():
        model = system["model"]
        # The first epochs of a recipe may be compared with the published first epochs.
        if {key: value for key, value in recipes[model].items() if key != "stop_after"} != reported[
            model
        ]:
            return f"{name} was trained by the recipe {model}, which overrides.{model} changes; take that out"
        if set(config["tune"].get(model, {"keys": {}})["keys"]) - set(system.get("searched", [])):
            return f"{name} did not search what tune.{model} does; take that out"
        for key, value in system["split"].items():
            if config[key] != value:
                return f"{name} needs {key}: {value}; write that or take {name} out of reproduce.systems"
        for partition, size in system.get("partitions", {}).items():
            if sizes.get(partition) != size:
                return (
                    f"{name} was measured on partition {partition} of {size} images; add it to 'partitions' or take {name} out of "
                    "reproduce.systems"
                )
    return None
