"""Whether what lies in results/ was made with the configuration that is asked about."""

import os
import shlex

from study.cli.project import Project
from study.config.asked import what_is_asked
from study.files import read_json
from study.runs.made_with import made_with
from study.runs.outdated import recipe_changes
from study.runs.run import Run, read_runs, runs_on_disk
from study.runs.tree import ResultsTree
from study.wording import counted

# What decides on which images a run is trained and tested.
_OF_IMAGES = ("dataset", "partitions", "partition_seed", "split", "official", "near_duplicates")


def note_on_other_runs(project: Project, all_of_them: bool = False) -> str | None:
    """Return a line about the runs in results/ that are of another configuration, if there are any.

    Args:
        project: what is asked about.
        all_of_them: only where no run is of this one.
    """
    tree, asked = ResultsTree(project.results), set(project.runs)
    trained = {run for run in runs_on_disk(tree.folder) if _is_trained(run)}
    listed = read_runs(tree.list_of_runs) if tree.list_of_runs.is_file() else []
    runs = trained | set(listed)
    of_other_data = _dataset(tree) not in (None, project.config["dataset"]["name"])
    others = {
        run for run in runs if of_other_data or run not in asked or not _has_recipe(project, run)
    }
    if trained - others and all_of_them:
        return None
    if not others:
        return _note_on_images(tree, project) if trained else None
    if trained - others:
        return (
            f"{counted(len(others), 'more run')} in {tree.folder}/ of another configuration; "
            "`study clean` with this one lists them"
        )
    are = "is" if len(others) == 1 else "are"
    return (
        f"{len(others)} of {counted(len(runs), 'run')} in {tree.folder}/ {are} of another "
        f"configuration{_made_with(tree, project)}"
    )


def _note_on_images(tree: ResultsTree, project: Project) -> str | None:
    """Return a line where a finished study was made with other images or splits than are asked."""
    made = read_json(tree.study).get("config") if tree.study.is_file() else None
    if made is None:
        return None
    before, now = what_is_asked(made), what_is_asked(project.config)
    changed = [key for key in _OF_IMAGES if before.get(key) != now[key]]
    if not changed:
        return None
    return (
        f"{tree.folder}/ were made with another {' and '.join(changed)} than the configuration has "
        "now; `snakemake` makes again what that concerns"
    )


def _is_trained(run: Run) -> bool:
    return (run.folder / "run.json").is_file()


def _dataset(tree: ResultsTree) -> str | None:
    return read_json(tree.data_manifest)["dataset"] if tree.data_manifest.is_file() else None


def _has_recipe(project: Project, run: Run) -> bool:
    """Tell whether a run was trained by the configuration's recipe of its model."""
    return not _is_trained(run) or not recipe_changes(run.record, project.study.recipes[run.model])


def _made_with(tree: ResultsTree, project: Project) -> str:
    """Return the end of the line: with which --configfile the study in results/ is made."""
    files = made_with(tree).get("configfiles")
    if files is None:
        return "; give the --configfile that they are made with"
    if files == [os.path.relpath(path) for path in project.configfiles]:
        return "; this one has changed since"
    if not files:
        return ", made without --configfile"
    return f", made with --configfile {shlex.join(files)}: give that"
