"""Check a study's configuration: by its schema, then for what a schema cannot say.

Every complaint is one line that names the key, what was found and what to write instead.
"""

import difflib
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import yaml
from jsonschema import Draft202012Validator, TypeChecker, validators
from jsonschema.exceptions import ValidationError, best_match

from study.data.datasets import check_dataset_name, dataset
from study.data.datasets.listing import place
from study.data.names import COMMON, OFFICIAL, OWN
from study.errors import StudyError, one_line

# Stands in config/assignment.yaml where a student's id belongs.
PLACEHOLDER = "student-id"


def _is_integer(checker: TypeChecker, value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(checker: TypeChecker, value: Any) -> bool:
    return _is_integer(checker, value) or (isinstance(value, float) and math.isfinite(value))


# JSON schema takes 42.0 for a whole number, and YAML can write .nan and .inf: neither is meant anywhere here.
_VALIDATOR = validators.extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"integer": _is_integer, "number": _is_number}
    ),
)


def check_schema(value: Any, schema: Mapping[str, Any], name: str) -> None:
    """Check `value` against a JSON schema.

    Args:
        value: parsed YAML or JSON.
        schema: a JSON schema, draft 2020-12.
        name: what to call the checked thing, such as "config" or a file name.

    Raises:
        StudyError: the most telling of the violations, in one line.
    """
    _check_keys(value, name)
    errors = list(_VALIDATOR(schema).iter_errors(value))
    if errors:
        best = best_match(errors)
        # Of like errors in one list, the first.
        first = next(
            (e for e in errors if e.absolute_schema_path == best.absolute_schema_path), best
        )
        raise StudyError(f"{name}: {_explain(first)}")


def _check_keys(value: Any, where: str) -> None:
    """Refuse keys that are no text, as YAML makes of unquoted numbers and of yes and no: JSON schemas know no others."""
    inner = (
        value.items()
        if isinstance(value, Mapping)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, item in inner:
        if isinstance(value, Mapping) and not isinstance(key, str):
            raise StudyError(
                f"{where}: the key {one_line(key)} is no text; write it in quotes, or take it out"
            )
        _check_keys(item, where)


def _explain(error: ValidationError) -> str:
    where = _path_text(error.absolute_path)
    found = one_line(json.dumps(error.instance, default=str))
    found = found if len(found) <= 80 else found[:77] + "..."
    if error.validator == "additionalProperties":
        known = sorted(error.schema.get("properties", {}))
        unknown = next(str(key) for key in error.instance if str(key) not in known)
        close = difflib.get_close_matches(unknown, known, 1)
        hint = f"did you mean {close[0]!r}?" if close else "remove it."
        return f"unknown key {unknown!r} {'in ' + where + ': ' if where else '– '}{hint} Known: {', '.join(known)}"
    where = where or "the top level"
    if (
        "propertyNames" in error.absolute_schema_path
    ):  # the key exists, but not together with its siblings
        allowed = ", ".join(error.validator_value)
        return f"{where} has the key {error.instance!r}, which does not go with its name; remove it. Allowed here: {allowed}"
    if error.validator == "required":
        missing = next(key for key in error.validator_value if key not in error.instance)
        return f"{where} has no {missing!r}: add it"
    if error.validator == "type":
        names = " or ".join(_ARTICLE.get(name, name) for name in _as_list(error.validator_value))
        return f"{where} is {found}, expected {names}{_number_hint(error, where)}"
    if error.validator == "enum":
        return f"{where} is {found}, expected one of {', '.join(map(str, error.validator_value))}"
    if error.validator == "uniqueItems":
        return f"{where} has repeats: {found}; write each once"
    if error.validator == "pattern" and "number" in error.schema.get(
        "type", ()
    ):  # a number or this very word
        word = error.validator_value.strip("^$")
        return f"{where} is {found}, expected a number or {word!r}{_number_hint(error, where)}"
    if error.validator == "pattern":
        return (
            f"{where} is {found}, expected {error.schema.get('description', error.validator_value)}"
        )
    return f"{where}: {one_line(error.message)}"


_ARTICLE = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "object": "a mapping",
    "string": "text",
}


def _number_hint(error: ValidationError, where: str) -> str:
    """Return what to do where a number was written as text."""
    if not isinstance(error.instance, str) or not {"integer", "number"} & set(
        _as_list(error.schema.get("type", ()))
    ):
        return ""
    try:
        number = float(error.instance)
    except ValueError:
        return ""
    return (
        f"; write {where}: {one_line(yaml.safe_dump(number)).split()[0]}, without quotes (in YAML 1e-3 is text but 0.001 and 1.0e-3 are numbers; --config "
        "passes lists as text, so put them into a YAML file and give it by --configfile)"
    )


def _as_list(value: Any) -> list[Any]:
    return [value] if isinstance(value, str) else list(value)


def _path_text(path: Iterable[str | int]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def check_config(config: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Check a whole configuration.

    Raises:
        StudyError: the first thing that is wrong; the line shows the corrected YAML.
    """
    _check_searched_keys(config.get("tune"))
    check_schema(config, schema, "config")
    check_dataset_name(config["dataset"]["name"])
    if config["partition_seed"] == PLACEHOLDER:
        raise StudyError(
            f"config: partition_seed is still {PLACEHOLDER!r}; write your own, such as partition_seed: s1234567"
        )
    _check_unique("seeds", config["seeds"])
    _check_unique("models", config["models"])
    _check_own_images(config["dataset"])
    _check_partitions(config)
    _check_combos(config)
    _check_ratios(config["split"])
    _check_rate_search(config)
    _check_human_votes(config)
    _check_certified(config)
    unknown = [model for model in config["tune"] if model not in config["models"]]
    if unknown:
        raise StudyError(
            f"config: tune names {unknown[0]!r}, which is not among the study's models; add it to 'models' or take it out"
        )


# Of a range of values that a search may choose from.
_RANGE = {"low", "high", "log"}


def _check_searched_keys(tune: Any) -> None:
    """Refuse keys of a search that are nested as in a recipe: the schema takes what is in them for a range with typing errors."""
    for model, search in _items(tune):
        for key, choices in _items(dict(_items(search)).get("keys")):
            if _is_nested(choices):
                dotted = ", ".join(_yaml(name, value) for name, value in _leaves(choices, key))
                raise StudyError(
                    f"config: tune.{model}.keys.{key} holds keys, expected a list of choices or a range; write a key of the recipe with dots: {dotted}"
                )


def _items(value: Any) -> Iterable[tuple[str, Any]]:
    return value.items() if isinstance(value, Mapping) else ()


def _is_nested(choices: Any) -> bool:
    return isinstance(choices, Mapping) and bool(choices) and not _RANGE & choices.keys()


def _leaves(choices: Any, key: str) -> Iterable[tuple[str, Any]]:
    """Yield what is nested below a key, with dotted names."""
    if not _is_nested(choices):
        yield key, choices
        return
    for name, inner in choices.items():
        yield from _leaves(inner, f"{key}.{name}")


def _check_certified(config: Mapping[str, Any]) -> None:
    for name in config["certify"]:
        combo, model, seed = name.split("/")
        for key, value in (("combos", combo), ("models", model), ("seeds", seed)):
            if value not in map(str, config[key]):
                raise StudyError(
                    f"config: certify names {name!r}, but {value} is not among the study's {key} ({', '.join(map(str, config[key]))}); write for "
                    f"example {config['combos'][0]}/{config['models'][0]}/{config['seeds'][0]}"
                )


def _check_unique(key: str, values: list[Any]) -> None:
    repeated = [value for value, count in Counter(values).items() if count > 1]
    if repeated:
        raise StudyError(
            f"config: {key} has {repeated[0]!r} more than once; write {_yaml(key, list(dict.fromkeys(values)))}"
        )


def _check_partitions(config: Mapping[str, Any]) -> None:
    names = [partition["name"] for partition in config["partitions"]]
    for reserved, what in ((OFFICIAL, "data set's own split"), (COMMON, "common test")):
        if reserved in names:
            raise StudyError(
                f"config: a partition is called {reserved!r}, the name of the {what}; "
                "give it another name"
            )
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise StudyError(
            f"config: two partitions are called {repeated[0]!r}; give each its own name"
        )
    sizes = [partition["size"] for partition in config["partitions"]]
    _check_sizes(names, sizes)
    name = config["dataset"]["name"]
    # Of data of the user's own it is known later how many images there are.
    if config["dataset"]["checksums"] or name in OWN or isinstance(sizes[0], float):
        return
    pool = dataset(name).n_images
    if sum(sizes) > pool:
        fitting = [
            {"name": partition, "size": size * pool // sum(sizes)}
            for partition, size in zip(names, sizes, strict=True)
        ]
        raise StudyError(
            f"config: the partitions ask for {sum(sizes)} images but {name} has {pool}; "
            f"write for example {_yaml('partitions', fitting)}"
        )


def _check_sizes(names: Sequence[str], sizes: Sequence[float]) -> None:
    """Check that sizes are all numbers of images, or all shares of them with a decimal point."""
    shares = [isinstance(size, float) for size in sizes]
    for position, (size, share) in enumerate(zip(sizes, shares, strict=True)):
        if share and size > 1:
            raise StudyError(
                f"config: partitions[{position}].size is {size}, expected a number of images such as {int(size)} or a share of them up to 1.0"
            )
    if any(shares) and not all(shares):
        raise StudyError(
            f"config: the sizes of the partitions are numbers of images and shares mixed ({', '.join(map(str, sizes))}); write all as numbers or all as shares"
        )
    if all(shares) and sum(map(Fraction, map(str, sizes))) > 1:
        fitting = [
            {"name": name, "size": math.floor(10_000 * size / sum(sizes)) / 10_000}
            for name, size in zip(names, sizes, strict=True)
        ]
        raise StudyError(
            f"config: the partitions ask for {sum(sizes):g} of the images, expected at most 1; write for example {_yaml('partitions', fitting)}"
        )


def _check_own_images(dataset: Mapping[str, Any]) -> None:
    name, path = dataset["name"], place(dataset["path"])
    if name not in OWN:
        given = [key for key in ("path", "test_path") if dataset[key]]
        if given:
            raise StudyError(
                f"config: dataset.{given[0]} is {dataset[given[0]]!r}, but dataset.name is {name!r}; for images of your own write name: folder or "
                "name: csv, else take it out"
            )
        return
    if not dataset["path"]:
        raise StudyError(
            f"config: dataset.name is {name!r} but dataset.path is empty; write where your images are"
        )
    if name == "folder" and path.is_file():
        raise StudyError(
            f"config: dataset.path {path} is a file, expected a folder; for a table write name: csv"
        )
    if name == "csv" and path.is_dir():
        raise StudyError(
            f"config: dataset.path {path} is a folder, expected a CSV file; write name: folder"
        )


def _check_combos(config: Mapping[str, Any]) -> None:
    names = [partition["name"] for partition in config["partitions"]]
    combos = config["combos"]
    seen: dict[frozenset[str], str] = {}
    for position, combo in enumerate(combos):
        parts = combo.split("+")
        if OFFICIAL in parts:
            _check_official(config, position)
        unknown = [part for part in parts if part not in [*names, OFFICIAL]]
        if unknown:
            fixed = "+".join(dict.fromkeys(part for part in parts if part in names)) or names[0]
            corrected = list(dict.fromkeys([*combos[:position], fixed, *combos[position + 1 :]]))
            raise StudyError(
                f"config: combos[{position}] is {combo!r} but there is no partition {unknown[0]!r} (there are "
                f"{', '.join(names)}); write for example {_yaml('combos', corrected)}"
            )
        twin = seen.get(frozenset(parts))
        if twin is not None or len(set(parts)) < len(parts):
            corrected = list(
                dict.fromkeys(
                    [*combos[:position], "+".join(dict.fromkeys(parts)), *combos[position + 1 :]]
                )
            )
            if twin is not None:
                corrected = [other for i, other in enumerate(combos) if i != position]
            raise StudyError(
                f"config: combos[{position}] {combo!r} repeats {twin or 'a partition'}; write "
                f"{_yaml('combos', corrected)}"
            )
        seen[frozenset(parts)] = combo


def _check_official(config: Mapping[str, Any], position: int) -> None:
    combos, name = config["combos"], config["dataset"]["name"]
    own = name in OWN
    if combos[position] != OFFICIAL:
        corrected = list(dict.fromkeys([*combos[:position], OFFICIAL, *combos[position + 1 :]]))
        raise StudyError(
            f"config: combos[{position}] is {combos[position]!r}, but {OFFICIAL} is the data set's own split and joins no "
            f"partition; write for example {_yaml('combos', corrected)}"
        )
    if own and not config["dataset"]["test_path"]:
        raise StudyError(
            f"config: combos[{position}] is {OFFICIAL!r}, but dataset.test_path is empty; write where your test images are, or take it out"
        )
    if not own and not dataset(name).officially_split:
        rest = [combo for combo in combos if combo != OFFICIAL] or [config["partitions"][0]["name"]]
        raise StudyError(
            f"config: combos[{position}] is {OFFICIAL!r}, but the publisher of {name} did not split it; write for example "
            f"{_yaml('combos', rest)}"
        )


def _check_ratios(split: Mapping[str, float]) -> None:
    total = sum(split.values())
    if not math.isclose(total, 1, abs_tol=1e-6):
        scaled = {role: round(ratio / total, 4) for role, ratio in split.items()}
        scaled["train"] = round(1 - scaled["val"] - scaled["test"], 4)
        raise StudyError(
            f"config: the ratios of split sum to {total:g}, expected 1; write for example {_yaml('split', scaled)}"
        )


def _check_rate_search(config: Mapping[str, Any]) -> None:
    search, models = config["lr_find"], config["models"]
    unknown = [model for model in search["models"] if model not in models]
    if unknown:
        raise StudyError(
            f"config: lr_find.models names {unknown[0]!r}, which is not among the study's models; write "
            f"{_yaml('lr_find', {'models': [model for model in search['models'] if model in models]})} or add it to 'models'"
        )
    if search["start"] >= search["end"]:
        low, high = sorted((search["start"], search["end"]))
        fixed = {"start": low, "end": high} if low < high else {"start": 1e-7, "end": 10}
        raise StudyError(
            f"config: lr_find.start is {search['start']:g} and lr_find.end {search['end']:g}, expected start < end; write for "
            f"example {_yaml('lr_find', fixed)}"
        )


def _check_human_votes(config: Mapping[str, Any]) -> None:
    kinds, dataset = [votes["kind"] for votes in config["human_votes"]], config["dataset"]["name"]
    repeated = [kind for kind, count in Counter(kinds).items() if count > 1]
    if repeated:
        raise StudyError(
            f"config: human_votes has {repeated[0]!r} more than once; name one file of a kind"
        )
    foreign = [position for position, kind in enumerate(kinds) if kind != "csv"]
    if foreign and dataset != "cifar10":
        raise StudyError(
            f"config: human_votes[{foreign[0]}].kind is {kinds[foreign[0]]!r}, votes on images of CIFAR-10, but dataset.name is "
            f"{dataset!r}; take it out or give votes on these images as kind: csv"
        )


def _yaml(key: str, value: Any) -> str:
    return one_line(
        yaml.safe_dump({key: value}, default_flow_style=True, sort_keys=False, width=10_000)
    )[1:-1]


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
            _insist(claim, claim.get(key, []), known, f"{key} of the study")
        if "better" in claim:
            pair = [claim["better"], claim["than"]]
            both = [known for known in (models, combos) if set(pair) <= set(known)]
            if not both or pair[0] == pair[1]:
                raise StudyError(
                    f"claims: {claim['claim']!r} compares {pair[0]!r} with {pair[1]!r}, expected two models "
                    f"({', '.join(models)}) or two combos ({', '.join(combos)}) of the study"
                )


def _insist(
    claim: Mapping[str, Any], names: Sequence[str], known: Sequence[str], what: str
) -> None:
    for name in names:
        if name not in known:
            raise StudyError(
                f"claims: {claim['claim']!r} is about {name!r}, which is not among the {what}: {', '.join(known)}"
            )
