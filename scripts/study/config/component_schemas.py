"""What a recipe may hold for the components that it names: JSON schemas made of their options."""

from collections.abc import Mapping
from typing import Any

from study.config.components import Component, components


def expanded(schema: Any) -> Any:
    """Return a JSON schema with the options of its components.

    An object with the key `x-components` names a package. Its `name` gets the package's components
    as choices. Their options become properties, with a rule for each component which of them it
    takes.
    """
    if isinstance(schema, list):
        return [expanded(part) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    result = {key: expanded(part) for key, part in schema.items() if key != "x-components"}
    package = schema.get("x-components")
    return _with_components(result, components(package)) if package else result


def _with_components(schema: dict[str, Any], known: Mapping[str, Component]) -> dict[str, Any]:
    shared = schema["properties"]
    options = dict.fromkeys(option for one in known.values() for option in one.properties)
    unshared = {option: _described(option, known) for option in options if option not in shared}
    names = shared["name"] | {
        "enum": list(known),
        "description": " ".join(
            [shared["name"]["description"], *(_summary(name, known[name]) for name in known)]
        ),
    }
    return schema | {
        "properties": shared | {"name": names} | unshared,
        "allOf": [
            {
                "if": {"properties": {"name": {"const": name}}, "required": ["name"]},
                "then": {
                    "propertyNames": {"enum": [*shared, *one.properties]},
                    "properties": one.properties,
                    "required": one.required,
                },
            }
            for name, one in known.items()
        ],
    }


def _summary(name: str, one: Component) -> str:
    options = f" ({', '.join(one.properties)})" if one.properties else ""
    return f"`{name}`{options}: {one.description}"


def _described(option: str, known: Mapping[str, Component]) -> dict[str, Any]:
    """Return the schema of an option that stands for those of all components which have it."""
    texts: dict[str, list[str]] = {}
    bounds: list[dict[str, Any]] = []
    for name, one in known.items():
        if option in one.properties:
            described = dict(one.properties[option])
            texts.setdefault(described.pop("description"), []).append(f"`{name}`")
            if described not in bounds:
                bounds.append(described)
    description = " ".join(f"{', '.join(names)}: {text}" for text, names in texts.items())
    return {"description": description, **(bounds[0] if len(bounds) == 1 else {"anyOf": bounds})}
