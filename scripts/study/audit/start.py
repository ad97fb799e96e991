"""What is looked at in results/ before the workflow is planned."""

import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from study.audit import replaced
from study.audit.clock import date_back, date_by_recipe
from study.audit.provenance import machine, other_libraries
from study.audit.same_study import require_same_study
from study.code import PROJECT
from study.runs.tree import ResultsTree

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
        configfiles: see `study.audit.same_study.given_configfiles`.
        recipes: the resolved recipe of each model.
        overwrite: results of another study may be replaced.

    Raises:
        StudyError: results/ holds another study, which this one would replace.
    """
    # A command that was killed could not put back what its jobs were to replace. One that runs may
    # still need it.
    if not replaced.locked():
        replaced.put_back()
    # Also where the folder is locked: --nolock is no leave to replace another study.
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
    date_by_recipe(ResultsTree(Path("results")), recipes)


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
