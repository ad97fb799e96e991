"""What is looked at in results/ before the workflow is planned."""

import contextlib
import os
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from study.audit import replaced
from study.audit.clock import date_back, date_by_recipe
from study.audit.provenance import machine, other_libraries
from study.code import PROJECT
from study.config.asked import what_is_asked
from study.config.recipes import CONFIG
from study.errors import StudyError
from study.files import read_json, write_json
from study.runs.tree import ResultsTree

_TREE = ResultsTree(Path("results"))
# With which configuration the last command made something here, finished or not.
_STARTED = _TREE / "scratch" / "started.json"

# Of Snakemake's, with which it runs no job and replaces nothing.
_RUN_NOTHING = {"--lint", "--list-rules", "--list", "-l", "--list-target-rules", "--lt", "--unlock"}


def runs_nothing(words: Iterable[str]) -> bool:
    """Tell whether a command line of Snakemake's asks for no job."""
    return not _RUN_NOTHING.isdisjoint(words)


def own_cores(cores: int | None) -> int | None:
    """Return on how many cores jobs run here: no more than there are, whatever was asked for.

    Args:
        cores: what the user gave, such as the `--cores 4` of the README; None on a cluster.
    """
    return cores and min(cores, machine()["cpus"])


def given_configfiles(configfiles: Sequence[str]) -> list[str]:
    """Return which of Snakemake's configuration files were given, as seen from here."""
    files = [os.path.relpath(path) for path in configfiles]
    return [path for path in dict.fromkeys(files) if path != CONFIG]


def look_at_results(
    config: Mapping[str, Any],
    configfiles: Sequence[str],
    recipes: Mapping[str, Mapping[str, Any]],
    overwrite: bool,
) -> None:
    """Fix what would mislead the plan, and note what may mislead the reader.

    See `replaced.put_back`, `date_back`, `date_by_recipe` and `other_libraries`.

    Args:
        config: the whole configuration.
        configfiles: that were given with --configfile.
        recipes: the resolved recipe of each model.
        overwrite: results of another study may be replaced.

    Raises:
        StudyError: results/ holds another study, which this one would replace.
    """
    # A command that was killed could not put back what its jobs were to replace. While Snakemake
    # holds the folder it plans nothing new.
    if not replaced.locked():
        replaced.put_back()
        if not overwrite:
            require_same_study(config, configfiles)
    if others := other_libraries(PROJECT):
        print(
            f"note: other libraries than those of requirements.lock: {', '.join(others)}; what is "
            "computed with them may come out differently; `make setup` installs the locked ones",
            file=sys.stderr,
        )
    # Snakemake goes by time first, and would keep results from the future whatever changes.
    if n_late := date_back("results"):
        print(
            f"{n_late} files in results/ are dated in the future, as when the clock was set back; "
            "dated back, they are compared by content",
            file=sys.stderr,
        )
    date_by_recipe(_TREE, recipes)


def require_same_study(config: Mapping[str, Any], configfiles: Sequence[str]) -> None:
    """Insist that results/ hold no study of other data or of another configuration file.

    A configuration that has changed is the same study, and so is one that says the same by another
    name or that adds files to those of before.

    Raises:
        StudyError: they do.
    """
    if not _TREE.data_manifest.is_file():
        return
    made_of = _recorded(_TREE.data_manifest).get("dataset", config["dataset"]["name"])
    files, given = _known_configfiles(config), list(configfiles)
    same_files = files is None or files == given or bool(files and set(files) <= set(given))
    if made_of == config["dataset"]["name"] and same_files:
        return
    made = "with another configuration; give the --configfile that it is made with"
    if files == given:
        made = "with this configuration before it changed; change it back, or move results/ away"
    elif files is not None:
        option = f" --configfile {shlex.join(files)}" if files else ""
        made = f"with{option}" if files else "without --configfile"
        made += f"; for that one type `snakemake{option}`"
    raise StudyError(
        f"results/ holds a study of {made_of}, made {made}; to replace it on purpose, "
        "add `--config overwrite=true`"
    )


def remember(config: Mapping[str, Any], configfiles: Sequence[str]) -> None:
    """Note with which configuration results are being made from here on."""
    with contextlib.suppress(OSError):  # the first job says better that nothing can be written
        write_json(_STARTED, {"configfiles": list(configfiles), "config": config})


def _known_configfiles(config: Mapping[str, Any]) -> list[str] | None:
    """Return with which files results/ was made; None where it says none or the same by others."""
    record = _recorded(_STARTED) or _recorded(_TREE.study)
    if "config" in record and what_is_asked(record["config"]) == what_is_asked(config):
        return None
    return record.get("configfiles")


def _recorded(path: Path) -> dict[str, Any]:
    """Return a record; an empty one where it is not there or cannot be read."""
    try:
        return read_json(path)
    except (OSError, StudyError):
        return {}


def say_if_killed() -> str:
    """Return what is added to the command of each job: a line if the job is killed outright.

    Such a job leaves no word, and its log is empty.
    """
    memory = machine()["memory_mb"]
    had = f"; there are {memory:,} MB" if memory else ""
    line = (
        "error: this job was killed from outside, most often for want of memory"
        f"{had}; run fewer jobs at once (--cores 1), or lower batch_size in the recipe, the size "
        "of the network or image_size"
    )
    return f"|| (code=$?; [ $code != 137 ] || echo {shlex.quote(line)} >&2; exit $code)"
