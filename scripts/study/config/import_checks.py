"""Check the entries of `models` whose predictions were made elsewhere, except their files."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from study.config.imports import imported_models, varies_with, without_places
from study.config.texts import check_path
from study.errors import StudyError


def check_imports(config: Mapping[str, Any], recipe_file: Callable[[str], Path]) -> None:
    """Check the entries of imported models, except what is in their files.

    Args:
        config: a checked configuration.
        recipe_file: returns where the recipe of this name lies, if there is one.

    Raises:
        StudyError: the first thing that is wrong.
    """
    for name, entry in imported_models(config).items():
        where, pattern = f"config: models has predictions of {name}", entry["predictions"]
        if recipe_file(name).is_file():
            raise StudyError(
                f"{where}, which is the recipe {recipe_file(name)}; write another name"
            )
        check_path(f"{where}: the path", without_places(pattern))
        if Path(pattern).suffix not in (".csv", ".npz"):
            raise StudyError(f"{where} in {pattern}, expected a .csv or .npz file")
        lacking = [
            place
            for place in ("combo", "seed")
            if place not in varies_with(pattern) and len(config[f"{place}s"]) > 1
        ]
        if entry.get("saw") == "combo" and lacking:
            raise StudyError(
                f"{where} with saw: combo, and one file for every {lacking[0]}; each {lacking[0]} "
                f"has other training images, so write {{{lacking[0]}}} in the path, or saw: nothing"
            )
        for key in ("overrides", "tune"):
            if name in config[key]:
                raise StudyError(f"{where}, so there is no training that {key} changes; remove it")
        if name in config["lr_find"]["models"]:
            raise StudyError(f"{where}, so lr_find.models has no training to search for; remove it")
        for run in config["certify"]:
            if run.split("/")[1] == name:
                raise StudyError(f"{where}, so certify cannot train {run} again; remove it")
