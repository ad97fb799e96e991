"""Check what a schema cannot say of a configuration: whether its parts fit together.

Every complaint is one line that names the key, what was found and what to write instead.
"""

from collections import Counter
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from typing import Any

from study.config.imports import imported_models, model_names
from study.config.partition_checks import check_partitions
from study.config.schema import check_schema, yaml_text
from study.config.texts import check_names, check_texts
from study.data.datasets import check_dataset_name
from study.data.datasets.image_groups import group_pattern
from study.data.names import OWN
from study.errors import StudyError
from study.files import with_home

# Stands in config/assignment.yaml where a student's id belongs.
PLACEHOLDER = "student-id"
# Of a range of values that a search may choose from.
_RANGE = {"low", "high", "log"}


def check_config(
    config: Mapping[str, Any], schema: Mapping[str, Any], recipe_keys: Container[str] = ()
) -> None:
    """Check a whole configuration, except the files that it names.

    Args:
        config: the configuration.
        schema: of a configuration.
        recipe_keys: of a recipe, which newcomers write at the top level.

    Raises:
        StudyError: the first thing that is wrong; the line shows the corrected YAML.
    """
    for key in config:
        if key in recipe_keys and key not in schema["properties"]:
            models = config.get("models")
            model = str(models[0]) if isinstance(models, list) and models else "cnn2"
            write = yaml_text("overrides", {model: {key: config[key]}})
            raise StudyError(f"config: {key!r} is a key of a recipe, not of a study; write {write}")
    _check_searched_keys(config.get("tune"))
    check_schema(config, schema, "config")
    check_texts(config)
    check_dataset_name(config["dataset"]["name"])
    if config["partition_seed"] == PLACEHOLDER:
        raise StudyError(
            f"config: partition_seed is still {PLACEHOLDER!r}; "
            "write your own, such as partition_seed: s1234567"
        )
    _check_unique("seeds", config["seeds"])
    names = model_names(config)
    _check_unique("models", names, imported_models(config))
    _check_own_images(config["dataset"])
    check_partitions(config)
    check_names(config)
    _check_rate_search(config)
    _check_human_votes(config)
    _check_certified(config)
    unknown = [model for model in config["tune"] if model not in names]
    if unknown:
        raise StudyError(
            f"config: tune names {unknown[0]!r}, which is not among the study's models; "
            "add it to 'models' or remove it"
        )


def _check_searched_keys(tune: Any) -> None:
    """Refuse searched keys that are nested as in a recipe.

    The schema takes what is in them for a range with typing errors.
    """
    for model, search in _items(tune):
        for key, choices in _items(dict(_items(search)).get("keys")):
            if isinstance(choices, Mapping) and choices and not _RANGE & choices.keys():
                name, value = next(iter(choices.items()))
                dotted = yaml_text(f"{key}.{name}", value)
                raise StudyError(
                    f"config: tune.{model}.keys.{key} holds keys, expected a list of choices or a "
                    f"range; write keys of the recipe with dots: {dotted}"
                )


def _items(value: Any) -> Iterable[tuple[str, Any]]:
    return value.items() if isinstance(value, Mapping) else ()


def _check_certified(config: Mapping[str, Any]) -> None:
    asked = config | {"models": model_names(config)}
    example = "/".join(str(asked[key][0]) for key in ("combos", "models", "seeds"))
    for name in config["certify"]:
        for key, value in zip(("combos", "models", "seeds"), name.split("/"), strict=True):
            known = list(map(str, asked[key]))
            if value not in known:
                raise StudyError(
                    f"config: certify names {name!r}, but {value} is not among the study's {key} "
                    f"({', '.join(known)}); write for example {example}"
                )


def _check_unique(key: str, values: list[Any], imported: Collection[str] = ()) -> None:
    if repeated := _repeated(values):
        advice = f"write {yaml_text(key, list(dict.fromkeys(values)))}"
        if imported:
            own = repeated[0] in imported
            advice = "give each file of predictions a name of its own" if own else "name it once"
        raise StudyError(f"config: {key} has {repeated[0]!r} more than once; {advice}")


def _repeated(values: Iterable[Any]) -> list[Any]:
    return [value for value, count in Counter(values).items() if count > 1]


def _check_own_images(dataset: Mapping[str, Any]) -> None:
    name, path = dataset["name"], with_home(dataset["path"])
    if name not in OWN:
        given = [key for key in ("path", "test_path", "group", "classes") if dataset.get(key)]
        if given:
            raise StudyError(
                f"config: dataset.{given[0]} is {dataset[given[0]]!r}, but dataset.name is "
                f"{name!r}; for images of your own write name: folder or name: csv, "
                "else remove it"
            )
        return
    if dataset.get("group"):
        group_pattern(dataset["group"])
    if not dataset["path"]:
        raise StudyError(
            f"config: dataset.name is {name!r} but dataset.path is empty; "
            "write where your images are"
        )
    if name == "folder" and path.is_file():
        raise StudyError(
            f"config: dataset.path {path} is a file, expected a folder; for a table write name: csv"
        )
    if name == "csv" and path.is_dir():
        raise StudyError(
            f"config: dataset.path {path} is a folder, expected a CSV file; write name: folder"
        )


def _check_rate_search(config: Mapping[str, Any]) -> None:
    search, models = config["lr_find"], model_names(config)
    unknown = [model for model in search["models"] if model not in models]
    if unknown:
        known = {"models": [model for model in search["models"] if model in models]}
        raise StudyError(
            f"config: lr_find.models names {unknown[0]!r}, which is not among the study's models; "
            f"write {yaml_text('lr_find', known)} or add it to 'models'"
        )
    if search["start"] >= search["end"]:
        low, high = sorted((search["start"], search["end"]))
        fixed = {"start": low, "end": high} if low < high else {"start": 1e-7, "end": 10}
        raise StudyError(
            f"config: lr_find.start is {search['start']:g} and lr_find.end {search['end']:g}, "
            f"expected start < end; write for example {yaml_text('lr_find', fixed)}"
        )


def _check_human_votes(config: Mapping[str, Any]) -> None:
    kinds, dataset = [votes["kind"] for votes in config["human_votes"]], config["dataset"]["name"]
    repeated = _repeated(kinds)
    if repeated:
        raise StudyError(
            f"config: human_votes has {repeated[0]!r} more than once; name one file of a kind"
        )
    foreign = [position for position, kind in enumerate(kinds) if kind not in ("csv", "verdicts")]
    if foreign and dataset != "cifar10":
        raise StudyError(
            f"config: human_votes[{foreign[0]}].kind is {kinds[foreign[0]]!r}, votes on images of "
            f"CIFAR-10, but dataset.name is {dataset!r}; "
            "remove it or give votes on these images as kind: csv"
        )


def check_claims(
    claims: Sequence[Mapping[str, Any]], models: Sequence[str], combos: Sequence[str]
) -> None:
    """Check that claims are about combos and models of the study.

    Args:
        claims: content of a claims file, which fits its schema.
        models: of the study.
        combos: of the study.

    Raises:
        StudyError: a claim names something else, or compares a combo with a model.
    """
    for claim in claims:
        for key, known in (("models", models), ("combos", combos)):
            unknown = [name for name in claim.get(key, []) if name not in known]
            if unknown:
                raise StudyError(
                    f"claims: {claim['claim']!r} is about {unknown[0]!r}, "
                    f"which is not among the {key} of the study: {', '.join(known)}"
                )
        if "better" in claim:
            pair = [claim["better"], claim["than"]]
            both = [known for known in (models, combos) if set(pair) <= set(known)]
            if not both or pair[0] == pair[1]:
                raise StudyError(
                    f"claims: {claim['claim']!r} compares {pair[0]!r} with {pair[1]!r}, expected "
                    f"two models ({', '.join(models)}) or two combos ({', '.join(combos)}) "
                    "of the study"
                )
