import contextlib
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from snakemake.logging import logger
from snakemake.settings.enums import Quietness


def project_of(place):
    """Return the folder of the project that rules belong to.

    A module whose source is a git repository, as snakedeploy declares it, has no folder: its commit
    is unpacked, once, beside Snakemake's records.

    `place` is the folder of this file as Snakemake names it.
    """
    if not hasattr(place, "ref"):
        return Path(str(place)).resolve().parents[1]
    clone = getattr(place, "repo_path", None) or place.hosted_repo.repo_clone
    git = ["git", "-C", str(clone)]
    commit = subprocess.check_output([*git, "rev-parse", f"{place.ref}~0"])
    folder = Path(".snakemake/sources", commit.decode().strip()).absolute()
    if not folder.is_dir():
        files = subprocess.check_output([*git, "archive", folder.name])
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            unpacked = Path(scratch, "project")
            with tarfile.open(fileobj=io.BytesIO(files)) as archive:
                archive.extractall(unpacked, filter="data")
            with contextlib.suppress(OSError):  # another process was first
                unpacked.rename(folder)
    return folder


PROJECT = project_of(workflow.current_basedir)
SCRIPTS = PROJECT / "scripts"
# The library beside these rules comes first: a copy of the workflow never runs another copy's code,
# and what is called `study` elsewhere takes nothing's place.
sys.path.insert(0, str(SCRIPTS))

from study.cli.run_log import show_run
from study.config.imports import model_names, trains_network
from study.files import unix_text, with_home

# Where jobs find their scripts and which Python runs them: the one that runs Snakemake, or that of
# a job's own environment. They are variables because paths in a rule would be part of what results
# depend on, and a moved folder would make everything again. In an activated environment and in the
# project's folder they are short, so that `ps` shows `python scripts/train.py`.
first = Path(shutil.which("python") or "none").parent
activated = first.is_dir() and first.samefile(Path(sys.executable).parent)
activated &= "BASH_ENV" not in os.environ  # which may say otherwise
in_environments = workflow.deployment_settings.deployment_method
os.environ.update(
    STUDY_PYTHON="python" if in_environments or activated else sys.executable,
    STUDY_SCRIPTS="scripts" if PROJECT == Path.cwd() else str(SCRIPTS),
    PYTHONUTF8="1",  # logs and names of files are UTF-8 wherever a job runs
)
# A script's own folder comes first in its path, whatever the user's shell says.
os.environ.pop("PYTHONSAFEPATH", None)

# Whoever asks for Snakemake's own account of jobs gets it: `--quiet host`.
is_quiet = Quietness.RULES in (workflow.output_settings.quiet or ())
RUN_LOG = show_run(logger) if workflow.is_main_process and is_quiet else None


def time_of_jobs(jobs):
    """Return how long jobs take, by their number of each rule, in words; "" if it is not known."""
    from study.cli.estimate import rough_time

    cores = start.own_cores(workflow.resource_settings.cores)
    if not cores:  # on a cluster it is the queue that decides
        return ""
    gpus = GPUS * workflow.global_resources["gpu"].value
    return rough_time(config, RECIPES, jobs, cores, gpus)


def digests(*paths):
    """Return digests of those of the user's files that exist, a parameter of jobs that read them.

    Snakemake by itself does not see that an older file is another one. Line ends do not count.
    """
    files = [with_home(path) for path in paths if path]
    return [
        hashlib.sha256(unix_text(path)).hexdigest() for path in files if path.is_file()
    ]


def may_overwrite():
    """Tell whether results of another study may be replaced; take what asks it out of `config`.

    No part of a study either is what pages of the report take from `config`. It is there where a
    module is read again, for a further `use rule`. What is typed is in the configuration of the
    main Snakefile.
    """
    for name in ("meaning", "start_page"):
        config.pop(name, None)
    typed = workflow.config_settings.overwrite_config.get("overwrite", False)
    asked = config.pop("overwrite", typed) in (True, "true")
    return asked or start.runs_nothing(sys.argv)


def is_ours(job):
    """Tell whether a job is of this workflow, and not of one that it is a module of."""
    return job.rule.module_globals.get("PROJECT") == PROJECT


def handlers_of_a_module():
    """Let this workflow's handlers run after those of a workflow that it is a module of.

    Snakemake takes those of the main Snakefile alone. It reads a module once for each `use rule`.
    """
    if workflow.modifier.is_main_snakefile():
        return

    def added(name):
        before, ours = getattr(workflow, f"_{name}"), globals()[name]
        before = getattr(before, "without_module", before)

        def both(log):
            before(log)
            ours()

        both.without_module = before
        return both

    for name in ("onstart", "onsuccess", "onerror"):
        setattr(workflow, f"_{name}", added(name))
