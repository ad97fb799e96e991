"""Whether what lies in results/ was made with the configuration that is asked about."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from study.cli.project import Project
from study.config.recipes import canonical, searches_rate
from study.files import read_csv, read_json
from study.runs.legacy import run_folder
from study.wording import counted


def note_on_other_runs(project: Project, all_of_them: bool = False) -> str | None:
    """Return a line about the runs in results/ that are of another configuration; None where there is none.

    Args:
        project: what is asked about.
        all_of_them: only where no run is of this one.
    """
    results, asked = project.results, set(project.runs)
    trained = {
        key for path in (results / "runs").glob("*/*/seed*/run.json") if (key := _key(path.parent))
    }
    there = trained | set(_listed(results / "runs.csv"))
    if not there:
        return None
    of_other_data = _dataset(results) not in (None, project.config["dataset"]["name"])
    others = {
        key for key in there if of_other_data or key not in asked or not _has_recipe(project, key)
    }
    if not others:
        return None
    if trained - others:
        return (
            None
            if all_of_them
            else f"{counted(len(others), 'more run')} in {results}/ of another configuration; `study clean` with this one lists them"
        )
    return f"{len(others)} of {counted(len(there), 'run')} in {results}/ {'is' if len(others) == 1 else 'are'} of another configuration{_made_with(project)}"


def _key(folder: Path) -> tuple[str, str, int] | None:
    seed = folder.name.removeprefix("seed")
    return (*folder.parts[-3:-1], int(seed)) if seed.isdecimal() else None


def _listed(path: Path) -> Iterator[tuple[str, str, int]]:
    for row in read_csv(path) if path.is_file() else []:
        yield row["combo"], row["model"], int(row["seed"])


def _dataset(results: Path) -> str | None:
    manifest = results / "data" / "manifest.json"
    return read_json(manifest)["dataset"] if manifest.is_file() else None


def _has_recipe(project: Project, key: tuple[str, str, int]) -> bool:
    """Tell whether a run was trained by the configuration's recipe of its model, as far as that is known before searches."""
    record, model = run_folder(project.results / "runs", *key) / "run.json", key[1]
    if model in project.config["tune"] or not record.is_file():
        return True
    recipes = [read_json(record)["recipe"], project.study.recipes[model]]
    if searches_rate(recipes[1]):
        recipes = [_without_rate(recipe) for recipe in recipes]
    return canonical(recipes[0]) == canonical(recipes[1])


def _without_rate(recipe: dict[str, Any]) -> dict[str, Any]:
    return recipe | {
        "optimizer": {key: value for key, value in recipe["optimizer"].items() if key != "lr"}
    }


def _made_with(project: Project) -> str:
    """Return the end of the line: which --configfile the study in results/ was finished with, where that is known."""
    from study.report.start_page import configfiles_of

    page = project.results / "overview.rst"
    if not page.is_file():
        return "; give the --configfile that they are made with"
    files = configfiles_of(page.read_text(encoding="utf-8"))
    if files == " ".join(project.configfiles):
        return "; this one has changed since"
    return (
        f", made with --configfile {files}: give that" if files else ", made without --configfile"
    )
