"""A study as its configuration asks for it, checked as a whole before anything runs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from study.config.addresses import check_address
from study.config.checks import check_claims, check_config
from study.config.import_checks import check_imports
from study.config.imports import imported_models, imported_recipe, model_names
from study.config.probe_checks import check_features, check_untuned, require_recipe
from study.config.probes import features_of
from study.config.recipe_checks import (
    check_chooses,
    check_image_size,
    check_overrides,
    check_search,
    resolve_recipe,
)
from study.config.recipes import RECIPES
from study.config.schema import check_schema, yaml_text
from study.data.datasets.planning import image_side
from study.data.names import OWN
from study.files import read_yaml, with_home


class Study(NamedTuple):
    """What a configuration asks for.

    Attributes:
        recipes: resolved recipe of each model that the study or the comparison with published
            figures may train.
        systems: the published systems that results are compared with, by name.
        kinds: which models of a system are compared: "model", the reported recipe, and "tuned",
            ours.
        why_not_comparable: why the study cannot be compared with them, or None.
    """

    recipes: dict[str, dict[str, Any]]
    systems: dict[str, dict[str, Any]]
    kinds: tuple[str, ...]
    why_not_comparable: str | None


def check_study(config: Mapping[str, Any], project: Path, here: Path = Path()) -> Study:
    """Check a configuration with all that it names, and resolve its recipes.

    Args:
        config: the whole configuration.
        project: its folder, with schemas, published figures and recipes.
        here: where the study is; recipes in its config/models come before those of the project.

    Raises:
        StudyError: the first thing that is wrong, in one line that says what to write instead.
    """
    schemas = project / "workflow" / "schemas"
    schema = read_yaml(schemas / "recipe.schema.yaml")
    check_config(config, read_yaml(schemas / "config.schema.yaml"), schema["properties"])
    check_overrides(config["overrides"])
    if config["storage"]:
        check_address(config["storage"])
    published = read_yaml(found_in(here, project, "config/published.yaml"))
    systems = {name: published[name] for name in config["reproduce"]["systems"]}
    kinds = ("model", "tuned") if config["reproduce"]["tuned"] else ("model",)
    compared = [system[kind] for system in systems.values() for kind in kinds]

    def resolved(model: str, overrides: Mapping[str, Any]) -> dict[str, Any]:
        path = found_in(here, project, f"{RECIPES}/{model}.yaml")
        return resolve_recipe(path, overrides, schema)

    # Overrides of models that are not listed are checked too: a typing error must not pass unseen.
    imported = imported_models(config)
    check_imports(config, lambda name: found_in(here, project, f"{RECIPES}/{name}.yaml"))
    named = [model for model in model_names(config) if model not in imported]
    models = dict.fromkeys([*named, *config["overrides"], *compared])
    recipes = {model: resolved(model, config["overrides"].get(model, {})) for model in models}
    for model in models:
        if name := features_of(recipes[model]):
            require_recipe(found_in(here, project, f"{RECIPES}/{name}.yaml"), model, name)
            overrides = config["overrides"].get(name, {})
            recipes[name] = recipes.get(name) or resolved(name, overrides)
            check_features(model, recipes)
    recipes |= {name: imported_recipe(entry) for name, entry in imported.items()}
    check_untuned(config, recipes)
    for model, search in config["tune"].items():
        check_search(model, recipes[model], search, schema)
    _check_models(config, recipes)
    if config["claims"]:
        claims = read_yaml(with_home(config["claims"]))
        check_schema(claims, read_yaml(schemas / "claims.schema.yaml"), config["claims"])
        check_claims(claims, model_names(config), config["combos"])
    reported = {system["model"]: resolved(system["model"], {}) for system in systems.values()}
    return Study(recipes, systems, kinds, why_not_comparable(systems, config, recipes, reported))


def found_in(here: Path, project: Path, name: str) -> Path:
    """Return a file of the study's own folder, or the project's where it has none."""
    return here / name if (here / name).exists() else project / name


def _check_models(config: Mapping[str, Any], recipes: Mapping[str, Mapping[str, Any]]) -> None:
    """Check that the models can be trained on the study's images and splits."""
    shares = {f"{key}.val": config[key]["val"] for key in ("split", "official")}
    side = image_side(config["dataset"])
    key = "dataset.image_size" if config["dataset"]["name"] in OWN else ""
    for model in model_names(config):
        seen = recipes[model].get("input_size", side)
        check_image_size(model, recipes[model], seen, key)
        check_chooses(model, recipes[model], model in config["tune"], config["combos"], shares)


def why_not_comparable(
    systems: Mapping[str, Mapping[str, Any]],
    config: Mapping[str, Any],
    recipes: Mapping[str, Mapping[str, Any]],
    reported: Mapping[str, Mapping[str, Any]],
) -> str | None:
    """Return why a study cannot be compared with the published figures, and what to write; or None.

    Args:
        systems: the part of config/published.yaml that is compared.
        config: a checked configuration.
        recipes: resolved recipes by model, with the configuration's overrides.
        reported: the same without overrides.
    """
    if not systems:
        return "reproduce.systems is empty; write reproduce: {systems: [S0, S1]}"
    if config["dataset"]["name"] != "cifar10" or config["dataset"]["checksums"]:
        return (
            "the published figures are of CIFAR-10; run it with --configfile config/laptop.yaml, "
            "where results/ holds no other study"
        )
    if config["dataset"].get("corrections"):
        return "the published figures are of labels as they are; remove dataset.corrections"
    sizes = {partition["name"]: partition["size"] for partition in config["partitions"]}
    for name, system in systems.items():
        model = system["model"]
        # The first epochs of a recipe may be compared with the published first epochs.
        recipe = {key: value for key, value in recipes[model].items() if key != "stop_after"}
        if recipe != reported[model]:
            return (
                f"{name} was trained by the recipe {model}, which overrides.{model} changes; "
                "remove it"
            )
        if set(config["tune"].get(model, {"keys": {}})["keys"]) - set(system.get("searched", [])):
            return f"{name} did not search what tune.{model} does; remove it"
        otherwise = f"take {name} out of reproduce.systems"
        for key, value in system["split"].items():
            found = [item for item in config[key].items() if item != ("folds", 0)]
            if dict(found) != value:
                return f"{name} needs {yaml_text(key, value)}; write that or {otherwise}"
        for partition, size in system.get("partitions", {}).items():
            if sizes.get(partition) != size:
                return (
                    f"{name} was measured on partition {partition} of {size} images; "
                    f"add it to 'partitions' or {otherwise}"
                )
    return None
