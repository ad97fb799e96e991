"""Where a command finds the project and its configuration, and what Snakemake says of them."""

import argparse
import csv
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from study.code import PROJECT
from study.config.imports import model_names
from study.config.recipes import CONFIG, merged
from study.config.study import Study, check_study
from study.errors import StudyError, one_line
from study.files import read_yaml
from study.job import KEEP_MEMORY
from study.runs.run import Run, run_of


class Project(NamedTuple):
    """The project in the current folder with one configuration.

    Attributes:
        configfiles: given with --configfile.
        config: the whole configuration.
        study: what it asks for.
    """

    configfiles: list[str]
    config: dict[str, Any]
    study: Study

    @property
    def results(self) -> Path:
        """The folder of results."""
        return Path("results")

    @property
    def runs(self) -> list[Run]:
        """The study's runs in its order."""
        return [
            run_of(self.results, combo, model, seed)
            for combo in self.config["combos"]
            for model in model_names(self.config)
            for seed in self.config["seeds"]
        ]


class Output(NamedTuple):
    """A file that a target takes: its path from the project's folder, its rule, and its state."""

    path: str
    rule: str
    to_do: bool


def configuration_options(parser: argparse.ArgumentParser) -> None:
    """Add the option that says which study is meant."""
    parser.add_argument(
        "--configfile",
        "--configfiles",
        nargs="+",
        default=[],
        metavar="FILE",
        help=f"what the study is run with beside {CONFIG}, as for snakemake",
    )


def results_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that says whose results are meant where no configuration does."""
    parser.add_argument(
        "--results", metavar="FOLDER", help="look here, without a configuration (default: results)"
    )


def require_project() -> None:
    """Raise a `StudyError` unless the current folder is a project's, or a study's elsewhere."""
    if not (Path(CONFIG).is_file() or Path("results").is_dir()):
        raise StudyError(
            f"{Path.cwd()} is not the project's folder nor a study's, it has no {CONFIG} and no "
            "results; cd there and type the command again"
        )


def find_project(configfiles: Sequence[str]) -> Project:
    """Return the project in the current folder.

    Files are merged as Snakemake does it, key by key; what a study elsewhere does not say is as in
    the project that this library belongs to.

    Raises:
        StudyError: here is no project, or its configuration is wrong.
    """
    if not configfiles:
        require_project()
    config: dict[str, Any] = {}
    own = [CONFIG] if Path(CONFIG).is_file() else []
    for path in (PROJECT / CONFIG, *own, *configfiles):
        content = read_yaml(path)
        if not isinstance(content, Mapping):
            raise StudyError(f"{path}: expected keys of the configuration, such as seeds: [42]")
        config = merged(config, content)
    return Project(list(configfiles), config, check_study(config, PROJECT))


def jobs_to_do(project: Project) -> dict[str, int]:
    """Return how many jobs of each rule Snakemake would run, by its own table of counts.

    Raises:
        StudyError: Snakemake cannot plan them.
    """
    printed = _snakemake(project, ["--dry-run", "--nolock", "--quiet", "rules", "host"])
    rows = [line.split() for line in printed.splitlines()]
    counts = {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdecimal()}
    return {rule: count for rule, count in counts.items() if rule not in ("all", "total")}


def outputs(project: Project, targets: Sequence[str] = ("all",)) -> list[Output]:
    """Return the outputs of all jobs that targets take, done or not, by `snakemake --summary`.

    Raises:
        StudyError: Snakemake cannot plan them.
    """
    lines = _snakemake(project, [*targets, "--summary", "--nolock"]).splitlines()
    table = [line for line in lines if "\t" in line]
    if not table or not table[0].startswith("output_file\t"):
        raise StudyError("snakemake --summary printed no table; see what it says by itself")
    return [
        Output(os.path.normpath(row["output_file"]), row["rule"], row["plan"] == "update pending")
        for row in csv.DictReader(table, delimiter="\t")
    ]


def _snakemake(project: Project, arguments: Sequence[str]) -> str:
    """Return what Snakemake prints."""
    given = ["--configfile", *project.configfiles] if project.configfiles else []
    if not Path("workflow/Snakefile").is_file():
        given += ["--snakefile", str(PROJECT / "workflow/Snakefile")]
    # Nothing is run: what another configuration has made there does not stop a question.
    given += ["--config", "overwrite=true"]
    result = subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments, *given],
        capture_output=True,
        text=True,
        env=os.environ | KEEP_MEMORY,
    )
    # Which of the two streams it prints its plan to differs between versions.
    printed = result.stdout + result.stderr
    if result.returncode:
        raise StudyError(f"Snakemake cannot plan the study: {why_it_failed(printed)}")
    return printed


def why_it_failed(printed: str) -> str:
    """Return why Snakemake failed: our own line, else its last exception, else its last line."""
    lines = [line for line in printed.splitlines() if line.strip()] or ["nothing"]
    ours = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    # The message of a WorkflowError is on the next line.
    raised = re.findall(
        r"^\w*(?:Error|Exception)\b.*\S(?:(?<=:)\n.*)?", "\n".join(lines), re.MULTILINE
    )
    return one_line([*ours[:1], *raised[-1:], *lines[-1:]][0])
