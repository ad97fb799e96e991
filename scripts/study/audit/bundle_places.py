"""What a bundle may hold: results, Snakemake's records of them, and configuration files.

A bundle is somebody else's file. What it may hold is listed here, and all else is refused: a file
of another place could be code that the next command runs.
"""

import base64
import json
import re
from collections.abc import Collection
from pathlib import Path, PurePosixPath

from study.code import PROJECT
from study.config.recipes import RECIPES
from study.errors import StudyError, escaped
from study.files import read_yaml

RECORDS = ".snakemake/metadata"
# What rules make below results/.
_FILES = {
    "baselines.csv", "certificates.csv", "certificates.html", "claims.csv", "claims.html",
    "gallery.html", "hard_examples.csv", "hard_examples.html", "hard_examples_top.csv", "leak.csv",
    "leak.html", "overview.rst", "reproduction.csv", "reproduction.html", "runs.csv", "study.json",
    "summary.csv", "summary.html", "summary_by_group.csv", "summary_by_group.html",
    "validation.csv", "validation.html", "verification.csv", "verification_near_duplicates.csv",
}  # fmt: skip
_FOLDERS = {
    "certify", "comparisons", "data", "features", "figures", "hard_examples", "hard_to_learn",
    "logs", "lr_find", "models", "partitions", "recipes", "runs", "splits", "tensorboard", "tune",
    "weights",
}  # fmt: skip
# What can be fetched or made again, or is written while the bundle is.
_LEFT_OUT = re.compile(r"results/(data/raw(/.*)?|logs/(bundle|push|pull)\.log)", re.DOTALL)
_RECORD = re.compile(rf"{re.escape(RECORDS)}/(@[\w-]+/)*[\w-]+=*", re.ASCII)
# Where the project's own YAML lies, and profiles, by which Snakemake runs commands.
_NO_CONFIGURATION = {"docs", "envs", "profiles", "results", "scripts", "tests", "workflow"}
_MOST_OF_CONFIGURATION = 1 << 20
_SCHEMAS = PROJECT / "workflow/schemas"


def may_hold(name: str, configfiles: Collection[str] = ()) -> bool:
    """Tell whether a bundle may hold a file.

    Args:
        name: its path relative to the project.
        configfiles: which were given with --configfile, by their paths.
    """
    if _RECORD.fullmatch(name):
        return True
    top, *parts = name.split("/")
    hidden = any(part == "" or part.startswith(".") for part in (top, *parts))
    if hidden or escaped(name) != name or "\\" in name or ".partial" in name:
        return False
    if top == "results" and parts:
        is_there = parts[0] in (_FOLDERS if parts[1:] else _FILES)
        # On some disks RAW is raw.
        return is_there and not _LEFT_OUT.fullmatch(name.casefold())
    folders = {part.casefold() for part in (top, *parts)[:-1]}
    is_yaml = Path(name).suffix in (".yaml", ".yml")
    of_project = folders & _NO_CONFIGURATION or name.startswith("-")
    return name in configfiles and is_yaml and not of_project


def recorded_file(record: str) -> str:
    """Return the path of the file that a record of Snakemake's is of, "" where it says none."""
    encoded = "".join(part.removeprefix("@") for part in Path(record).relative_to(RECORDS).parts)
    try:
        return base64.urlsafe_b64decode(encoded).decode()
    except ValueError:
        return ""


def check_content(name: str, path: Path) -> None:
    """Insist that a record or a configuration is one, so that no other program obeys it.

    Args:
        name: its path relative to the project.
        path: where it lies.

    Raises:
        StudyError: it is something else.
    """
    if name.startswith(f"{RECORDS}/"):
        _check_record(name, path)
    elif not name.startswith("results/"):
        _check_configuration(name, path)


def _check_record(name: str, path: Path) -> None:
    try:
        content = json.loads(path.read_bytes())
    except json.JSONDecodeError:  # to Snakemake there is none then
        return
    except (ValueError, RecursionError) as error:
        raise StudyError(f"{name} is no record ({type(error).__name__})") from error
    if not isinstance(content, dict):
        raise StudyError(f"{name} is no record of Snakemake's, which has keys")


def _check_configuration(name: str, path: Path) -> None:
    if path.stat().st_size > _MOST_OF_CONFIGURATION:
        raise StudyError(f"{name} is larger than any configuration")
    try:
        content = read_yaml(path)
    except (StudyError, ValueError, RecursionError) as error:
        raise StudyError(f"{name} is no configuration ({type(error).__name__})") from error
    schema, what = "config", "configuration of a study"
    if str(PurePosixPath(name).parent) == RECIPES:
        schema, what = "recipe", "recipe of a model"
    known = read_yaml(_SCHEMAS / f"{schema}.schema.yaml")["properties"]
    if not isinstance(content, dict):
        raise StudyError(f"{name} is no {what}, which has keys")
    if unknown := [key for key in content if key not in known]:
        raise StudyError(f"{name} is no {what}, it has the key {unknown[0]!r}")
