"""A study as its configuration asks for it, checked as a whole before anything runs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from study.audit.storage import check_address
from study.config.configuration import check_claims, check_config, check_schema
from study.config.published import why_not_comparable
from study.config.recipes import check_chooses, check_image_size, check_search, resolve_recipe
from study.data.datasets import dataset
from study.data.names import OWN
from study.files import read_yaml


class Study(NamedTuple):
    """What a configuration asks for.

    Attributes:
        recipes: resolved recipe of each model that the study or the comparison with published figures may train.
        systems: the published systems that results are compared with, by name.
        kinds: which models of a system are compared: "model", the reported recipe, and "tuned", ours.
        why_not_comparable: why the study cannot be compared with them, or None.
    """

    recipes: dict[str, dict[str, Any]]
    systems: dict[str, dict[str, Any]]
    kinds: tuple[str, ...]
    why_not_comparable: str | None


def check_study(config: Mapping[str, Any], schemas: Path, folder: Path = Path("config")) -> Study:
    """Check a configuration with all that it names, and resolve its recipes.

    Args:
        config: the whole configuration.
        schemas: folder of the schemas.
        folder: where published.yaml and models/<model>.yaml lie.

    Raises:
        StudyError: the first thing that is wrong, in one line that says what to write instead.
    """
    check_config(config, read_yaml(schemas / "config.schema.yaml"))
    if config["storage"]:
        check_address(config["storage"])
    schema = read_yaml(schemas / "recipe.schema.yaml")
    published = read_yaml(folder / "published.yaml")
    systems = {name: published[name] for name in config["reproduce"]["systems"]}
    kinds = ("model", "tuned") if config["reproduce"]["tuned"] else ("model",)
    compared = [system[kind] for system in systems.values() for kind in kinds]

    def resolved(model: str, overrides: Mapping[str, Any]) -> dict[str, Any]:
        return resolve_recipe(folder / "models" / f"{model}.yaml", overrides, schema)

    # Overrides of models that are not listed are checked too: a typing error there should not pass unseen.
    models = dict.fromkeys([*config["models"], *config["overrides"], *compared])
    recipes = {model: resolved(model, config["overrides"].get(model, {})) for model in models}
    for model, search in config["tune"].items():
        check_search(model, recipes[model], search, schema)
    shares = {f"{key}.val": config[key]["val"] for key in ("split", "official")}
    name = config["dataset"]["name"]
    own = name in OWN
    side = config["dataset"]["image_size"] if own else dataset(name).side
    key = "dataset.image_size" if own else ""
    for model in config["models"]:
        check_image_size(model, recipes[model], side, key)
        check_chooses(model, recipes[model], model in config["tune"], config["combos"], shares)
    if config["claims"]:
        claims = read_yaml(config["claims"])
        check_schema(claims, read_yaml(schemas / "claims.schema.yaml"), config["claims"])
        check_claims(claims, config["models"], config["combos"])
    reported = {system["model"]: resolved(system["model"], {}) for system in systems.values()}
    return Study(recipes, systems, kinds, why_not_comparable(systems, config, recipes, reported))
