"""Check what texts and names of a configuration become: words of commands, files, log lines."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from study.config.imports import model_names
from study.data.names import COMMON, OFFICIAL
from study.errors import StudyError, escaped

# user:password@ before a host.
CREDENTIALS = re.compile(r"(?<=://)[^/?#\s]*@")
# A file's name may have 255 bytes. Partitions and models name files that end in such as
# "_report.html" and, while they are written, in a number; combos name folders.
_LONGEST = {"partition": 200, "model": 200, "combo": 255}


def check_texts(config: Mapping[str, Any]) -> None:
    """Check that no text holds a password, and that each path can be given to a command.

    Raises:
        StudyError: the first that does not; a password is not shown.
    """
    for key, text in _texts(config):
        if CREDENTIALS.search(text):
            raise StudyError(
                f"config: {key} has a user or password before an @, which would be kept in logs "
                "and with the results; for storage set SNAKEMAKE_STORAGE_S3_ACCESS_KEY and "
                "SNAKEMAKE_STORAGE_S3_SECRET_KEY in the environment; fetch a protected data set "
                "yourself and name the file by dataset.archive or CIFAR10_ARCHIVE"
            )
    for name in ("archive", "checksums", "path", "test_path"):
        check_path(f"config: dataset.{name}", config["dataset"][name])
    check_path("config: dataset.corrections", config["dataset"].get("corrections", ""))
    check_path("config: claims", config["claims"])
    for position, votes in enumerate(config["human_votes"]):
        check_path(f"config: human_votes[{position}].path", votes["path"])


def _texts(value: Any, where: str = "") -> Iterable[tuple[str, str]]:
    """Yield all texts of a configuration, keys included, with where each stands."""
    if isinstance(value, str):
        yield where, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield where or "a key", key
            yield from _texts(item, f"{where}.{key}" if where else key)
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from _texts(item, f"{where}[{position}]")


def check_path(key: str, path: str) -> None:
    """Check that a path can be given to a command and kept in a configuration.

    Raises:
        StudyError: it cannot; `key` is what the line calls it.
    """
    if path.startswith("-"):
        raise StudyError(f"{key} is {path!r}, which reads like an option; write ./{path}")
    if escaped(path) != path or "{" in path or "}" in path:  # Snakemake's wildcards
        raise StudyError(
            f"{key} is {path!r}, expected a path in UTF-8 without braces, line breaks "
            "and other control characters; rename the file"
        )


def check_names(config: Mapping[str, Any]) -> None:
    """Check that names of partitions, combos and models can be those of files.

    Raises:
        StudyError: the first that cannot, or two that differ in upper and lower case alone.
    """
    partitions = [partition["name"] for partition in config["partitions"]]
    for kind, names in (
        ("partition", partitions),
        ("model", model_names(config)),
        ("combo", config["combos"]),
    ):
        for name in names:
            if len(name.encode()) > _LONGEST[kind]:
                raise StudyError(
                    f"config: the {kind} {name[:20]}… has a name of {len(name.encode())} "
                    f"characters, expected at most {_LONGEST[kind]}, because files are named by "
                    "it; give shorter names"
                )
    _check_case("partitions", [OFFICIAL, COMMON, *partitions])
    _check_case("models", model_names(config))


def _check_case(what: str, names: Sequence[str]) -> None:
    """Refuse names that are one file where a disk does not tell V1 from v1."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.lower(), name)
        if other != name:
            raise StudyError(
                f"config: {what} has {name!r} beside {other!r}, which are one file on disks that "
                "do not tell upper from lower case; give one another name"
            )
