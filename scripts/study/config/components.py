"""Optimizers and augmentations by name, found without importing torch: each start asks for them.

A component is a file of its package with a literal `SCHEMA` and one public class. The file's name
is the component's. `SCHEMA` holds a `description`, the `properties` (a JSON schema for each option)
and those that are `required`.
"""

import ast
import functools
import importlib
import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from study.code import parsed
from study.config.architectures import architecture_modules
from study.config.probes import is_probe
from study.errors import StudyError

_STUDY = Path(__file__).parents[1]
# What the components of a package are called.
_KINDS = {"training.optimizers": "optimizer", "training.augment": "augmentation"}


class Component(NamedTuple):
    """An optimizer or an augmentation.

    Attributes:
        module: that holds it, such as "study.training.optimizers.sgd".
        class_name: of its class.
        description: what it does.
        properties: JSON schema of each option, by the option's name.
        required: names of the options without a default.
    """

    module: str
    class_name: str
    description: str
    properties: Mapping[str, Mapping[str, Any]]
    required: list[str]


def components(package: str) -> dict[str, Component]:
    """Return the components of a package, such as "training.augment", by name, sorted."""
    paths = sorted(_folder(package).glob("*.py"))
    return {path.stem: found for path in paths if (found := _component(path, package))}


def component(package: str, name: str) -> Component:
    """Return a component of a package.

    Raises:
        StudyError: there is none of this name, or its file is wrong.
    """
    # Only the file of this name is read: another one may be half written.
    path = _folder(package) / f"{name}.py"
    found = _component(path, package) if name.isidentifier() and path.is_file() else None
    if found is None:
        known = ", ".join(components(package))
        raise StudyError(f"unknown {_KINDS[package]} {name!r}; known: {known}")
    return found


def made(package: str, name: str, *arguments: Any, **options: Any) -> Any:
    """Import a component of a package and return an object of its class.

    Args:
        package: such as "training.augment".
        name: of the component.
        arguments: what all components of the package are made from.
        options: its own, as its `SCHEMA` has them.

    Raises:
        StudyError: as `component`, or its class takes other options than its `SCHEMA` says.
    """
    known = component(package, name)
    maker = getattr(importlib.import_module(known.module), known.class_name)
    try:
        inspect.signature(maker).bind(*arguments, **options)
    except TypeError as error:
        raise StudyError(
            f"{known.module}.{known.class_name}: {error}; "
            "let its SCHEMA and the parameters of its __init__ name the same options"
        ) from error
    return maker(*arguments, **options)


def _folder(package: str) -> Path:
    return _STUDY.joinpath(*package.split("."))


@functools.cache
def _component(path: Path, package: str) -> Component | None:
    """Return the component that a file holds, None if it has no `SCHEMA`."""
    tree = parsed(path)
    schemas = [
        node.value for node in tree.body if isinstance(node, ast.Assign) and _is_schema(node)
    ]
    if not schemas:
        return None
    try:
        schema = ast.literal_eval(schemas[0])
    except (ValueError, TypeError) as error:
        raise StudyError(f"{path}: SCHEMA is computed, expected plain values ({error})") from error
    for problem in _problems(schema):
        raise StudyError(f"{path}: {problem}; CONTRIBUTING.md shows how to write it")
    classes = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    public = [name for name in classes if not name.startswith("_")]
    if len(public) != 1:
        raise StudyError(
            f"{path}: expected one public class beside SCHEMA, found"
            f" {' and '.join(public) or 'none'}; CONTRIBUTING.md shows how to write it"
        )
    defaults = {"properties": {}, "required": []}
    return Component(f"study.{package}.{path.stem}", public[0], **defaults | schema)


def _is_schema(node: ast.Assign) -> bool:
    return any(isinstance(target, ast.Name) and target.id == "SCHEMA" for target in node.targets)


def _problems(schema: Any) -> Iterator[str]:
    """Yield what is wrong with a `SCHEMA`."""
    if not isinstance(schema, dict) or not isinstance(schema.get("description"), str):
        yield "SCHEMA has no description"
        return
    if unknown := schema.keys() - {"description", "properties", "required"}:
        yield f"SCHEMA has {min(unknown)!r}, expected description, properties and required"
    for option, values in schema.get("properties", {}).items():
        if "description" not in values or not {"type", "enum"} & values.keys():
            yield f"the option {option!r} in SCHEMA needs a description and a type or an enum"


def component_modules(
    recipe: Mapping[str, Any], search: Mapping[str, Any] | None = None
) -> list[str]:
    """Return the modules that a training by a recipe imports by name.

    They are those of its architecture, its optimizer and its augmentations; none where it trains
    no network.

    Args:
        recipe: a resolved recipe.
        search: the choices of a hyper-parameter search by recipe key, or None; the modules of names
            that it may put in the recipe's place are returned too.
    """
    if is_probe(recipe):
        return []
    search = search or {}
    optimizers = {recipe["optimizer"]["name"], *search.get("optimizer.name", [])}
    augments = [recipe["augment"], *search.get("augment", [])]
    steps = {step["name"] for steps in augments for step in steps}
    return [
        *architecture_modules(recipe["architecture"], search.get("architecture.name", [])),
        *(f"study.training.augment.{name}" for name in sorted(steps)),
        *(f"study.training.optimizers.{name}" for name in sorted(optimizers)),
    ]
