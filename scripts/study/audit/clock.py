"""Files whose dates would mislead Snakemake, which goes by them."""

import contextlib
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from study.audit.replaced import record_of
from study.config.recipes import recipe_text
from study.errors import StudyError
from study.files import read_yaml, write_text
from study.runs.outdated import recipe_changes
from study.runs.run import Run, runs_on_disk
from study.runs.tree import ResultsTree

# 2000-01-01T00:00:00Z: older than any result, and a date that every archive format knows.
_LONG_AGO = 946684800
# Seconds by which the clocks of a machine and of its file server may differ.
_TOLERANCE = 10


def date_back(folder: str | Path, now: float | None = None) -> int:
    """Date everything below a folder that is from the future back to 2000; return how much it was.

    Snakemake refuses the output of a job that is older than an input: it deletes the output, so
    that no job can use a result from the future. And such a result passes for newer than what it
    is made from, whatever changes. One that is older is compared by content.

    Args:
        folder: where to look. Links are not followed, but what they name is dated back too.
        now: seconds since 1970; default: the clock's.
    """
    limit = (time.time() if now is None else now) + _TOLERANCE
    count = 0
    for parent, folders, files in os.walk(folder):
        for path in (Path(parent, name) for name in (*folders, *files)):
            for follows in (False, True) if path.is_symlink() else (True,):
                with contextlib.suppress(OSError):  # what may not be changed stays
                    if path.stat(follow_symlinks=follows).st_mtime > limit:
                        os.utime(path, (_LONG_AGO, _LONG_AGO), follow_symlinks=follows)
                        count += 1
    return count


def date_by_recipe(tree: ResultsTree, recipes: Mapping[str, Mapping[str, Any]]) -> None:
    """Have runs of another recipe trained again where Snakemake's records of them are lost.

    Without its records Snakemake knows no parameters, only dates. A run knows its own recipe. A run
    of another recipe is dated back to 2000, before all that it was trained on. A run of this recipe
    gets its date back, so that asking with another configuration changes nothing for good.

    Args:
        tree: of the results.
        recipes: the resolved recipe of each model.
    """
    for model, recipe in recipes.items():
        path = tree.recipe(model)
        # What jobs add to a recipe that starts from trained weights is not known here.
        known = not {"weights", "features"} & recipe.get("architecture", {}).keys()
        lost = path.is_file() and not record_of(path).is_file()
        if lost and known and _read(path) != recipe:
            write_text(path, recipe_text(recipe))
            os.utime(path, (_LONG_AGO, _LONG_AGO))
    for run in runs_on_disk(tree.folder):
        path, weights = run.folder / "run.json", run.folder / "model.safetensors"
        known = run.model in recipes and path.is_file() and weights.is_file()
        if known and not record_of(path).is_file():
            is_other = _is_of_another(run, recipes[run.model])
            is_old = path.stat().st_mtime == _LONG_AGO
            if is_other != is_old:
                date = _LONG_AGO if is_other else weights.stat().st_mtime
                os.utime(path, (date, date))


def _is_of_another(run: Run, recipe: Mapping[str, Any]) -> bool:
    try:
        return bool(recipe_changes(run.record, recipe))
    except StudyError:  # unreadable
        return True


def _read(path: Path) -> Any:
    try:
        return read_yaml(path)
    except StudyError:
        return None
