"""Check a value against a JSON schema, and say in one line what is wrong and what to write."""

import difflib
import json
import math
import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import yaml
from jsonschema import Draft202012Validator, TypeChecker, validators
from jsonschema.exceptions import ValidationError, best_match

from study.errors import StudyError, one_line


def _is_integer(checker: TypeChecker, value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(checker: TypeChecker, value: Any) -> bool:
    return _is_integer(checker, value) or (isinstance(value, float) and math.isfinite(value))


# JSON schema takes 42.0 for a whole number, and YAML can write .nan and .inf: no key means these.
_VALIDATOR = validators.extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"integer": _is_integer, "number": _is_number}
    ),
)
_ARTICLE = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "object": "a mapping",
    "string": "text",
}


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
    """Refuse keys that are not text (YAML makes such of unquoted numbers and of yes and no)."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise StudyError(
                    f"{where}: the key {one_line(key)} is no text; write it in quotes, or remove it"
                )
            _check_keys(item, where)
    elif isinstance(value, list):
        for item in value:
            _check_keys(item, where)


def _explain(error: ValidationError) -> str:
    if error.validator == "additionalProperties":
        return _explain_unknown_key(error)
    where, wanted = _path_text(error.absolute_path) or "the top level", error.validator_value
    shown = _without_passwords(one_line(json.dumps(error.instance, default=str)))
    shown = shown if len(shown) <= 80 else shown[:77] + "..."
    is_shown = f"{where} is {shown}"
    if "propertyNames" in error.absolute_schema_path:  # known, but not together with its siblings
        return (
            f"{where} has the key {error.instance!r}, which does not go with its name; "
            f"remove it. Allowed here: {', '.join(wanted)}"
        )
    if error.validator == "required":
        missing = next(key for key in wanted if key not in error.instance)
        return f"{where} has no {missing!r}: add it"
    if error.validator == "type":
        names = " or ".join(_ARTICLE.get(name, name) for name in _as_list(wanted))
        return f"{is_shown}, expected {names}{_number_hint(error, where)}{_text_hint(error)}"
    if error.validator == "enum":
        return f"{is_shown}, expected one of {', '.join(map(str, wanted))}"
    if error.validator == "uniqueItems":
        return f"{where} has repeats: {shown}; write each once"
    if error.validator == "pattern" and "number" in error.schema.get("type", ()):
        word = wanted.removeprefix("^").removesuffix(r"\Z")  # a number or this very word
        return f"{is_shown}, expected a number or {word!r}{_number_hint(error, where)}"
    if error.validator == "pattern":
        return f"{is_shown}, expected {error.schema.get('description', wanted)}"
    return f"{where}: {_without_passwords(one_line(error.message))}"


def _without_passwords(text: str) -> str:
    """Return text without what stands before an @ in its addresses."""
    return re.sub(r"://\S*@", "://…@", text)


def _explain_unknown_key(error: ValidationError) -> str:
    where = _path_text(error.absolute_path)
    known = sorted(error.schema.get("properties", {}))
    unknown = next(str(key) for key in error.instance if str(key) not in known)
    close = difflib.get_close_matches(unknown, known, 1)
    hint = f"did you mean {close[0]!r}?" if close else "remove it."
    place = f"in {where}:" if where else "–"
    return f"unknown key {unknown!r} {place} {hint} Known: {', '.join(known)}"


def _number_hint(error: ValidationError, where: str) -> str:
    """Return what to do where a number was written as text."""
    wanted = set(_as_list(error.schema.get("type", ())))
    if not isinstance(error.instance, str) or not {"integer", "number"} & wanted:
        return ""
    try:
        number = float(error.instance) if "number" in wanted else int(error.instance)
    except ValueError:
        return ""
    return (
        f"; write {where}: {one_line(yaml.safe_dump(number)).split()[0]}, without quotes "
        "(in YAML 1e-3 is text but 0.001 and 1.0e-3 are numbers; --config passes lists as text, "
        "so put them into a YAML file and give it by --configfile)"
    )


def _text_hint(error: ValidationError) -> str:
    """Return what to do where YAML took a text for something else."""
    other = isinstance(error.instance, int | float | date | None)
    if "string" not in _as_list(error.validator_value) or not other:
        return ""
    return "; write it in quotes (YAML takes 1, no, null and 2026-01-15 for other things than text)"


def _as_list(value: Any) -> list[Any]:
    return [value] if isinstance(value, str) else list(value)


def _path_text(path: Iterable[str | int]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def yaml_text(key: str, value: Any) -> str:
    """Return a key and its value as one line of YAML, to show what to write."""
    text = yaml.safe_dump({key: value}, default_flow_style=True, sort_keys=False, width=10_000)
    return one_line(text)[1:-1]
