"""Where a command finds the project, its configuration and its results, and how it asks Snakemake about them."""

import argparse
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from study.config.recipes import merged
from study.config.study import Study, check_study
from study.errors import StudyError
from study.files import read_yaml
from study.job import KEEP_MEMORY

CONFIG = "config/config.yaml"


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
    def runs(self) -> list[tuple[str, str, int]]:
        """The study's runs in its order: combo, model, seed."""
        return [
            (combo, model, seed)
            for combo in self.config["combos"]
            for model in self.config["models"]
            for seed in self.config["seeds"]
        ]


class Job(NamedTuple):
    """A job that Snakemake would run: its rule and wildcards."""

    rule: str
    wildcards: Mapping[str, str]


def configuration_options(parser: argparse.ArgumentParser) -> None:
    """Add the option that says which study is meant."""
    parser.add_argument(
        "--configfile",
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


def insist_on_project() -> None:
    """Raise a `StudyError` unless the current folder is a project's."""
    if not (Path("workflow/Snakefile").is_file() and Path(CONFIG).is_file()):
        raise StudyError(
            f"{Path.cwd()} is not the project's folder, it has no workflow/Snakefile and {CONFIG}; cd there and type the command again"
        )


def find_project(configfiles: Sequence[str]) -> Project:
    """Return the project in the current folder.

    Files are laid over each other as Snakemake does it, key by key.

    Raises:
        StudyError: here is no project, or its configuration is wrong.
    """
    insist_on_project()
    config: dict[str, Any] = {}
    for path in (CONFIG, *configfiles):
        content = read_yaml(path)
        if not isinstance(content, Mapping):
            raise StudyError(f"{path}: expected keys of the configuration, such as seeds: [42]")
        config = merged(config, content)
    return Project(list(configfiles), config, check_study(config, Path("workflow/schemas")))


def locked() -> bool:
    """Tell whether Snakemake holds the current folder: it runs, or was killed."""
    folder = Path(".snakemake/locks")
    return folder.is_dir() and any(folder.iterdir())


def jobs_to_do(project: Project, targets: Sequence[str] = ("all",)) -> list[Job]:
    """Return the jobs that Snakemake would run to make targets.

    Raises:
        StudyError: Snakemake cannot plan them.
    """
    text = _snakemake(project, [*targets, "--dry-run", "--nolock", "--quiet", "host"])
    # The table of counts is complete; what is said of single jobs gives the wildcards of those that have any.
    counts = {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", text, re.MULTILINE)}
    counts.pop("total", None)
    jobs = [Job(rule, wildcards) for rule, wildcards in _described(text) if rule in counts]
    described = Counter(job.rule for job in jobs)
    return jobs + [
        Job(rule, {}) for rule, count in counts.items() for _ in range(count - described[rule])
    ]


def _described(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    rule, wildcards = "", {}
    for line in [*text.splitlines(), "rule end:"]:
        if found := re.match(r"(?:local)?(?:rule|checkpoint) (\w+):$", line):
            if rule:
                yield rule, wildcards
            rule, wildcards = found[1], {}
        elif found := re.match(r" +wildcards: (.+)$", line):
            wildcards = dict(pair.split("=", 1) for pair in found[1].split(", "))


def files_made(project: Project, targets: Sequence[str]) -> set[str]:
    """Return the outputs of all jobs, done or not, that targets take, as paths from the project's folder.

    Raises:
        StudyError: Snakemake cannot plan them.
    """
    lines = _snakemake(project, [*targets, "--summary", "--nolock"]).splitlines()
    start = next(
        (place for place, line in enumerate(lines) if line.startswith("output_file\t")), None
    )
    if start is None:
        raise StudyError("snakemake --summary printed no table; see what it says by itself")
    return {os.path.normpath(line.split("\t")[0]) for line in lines[start + 1 :] if "\t" in line}


def _snakemake(project: Project, arguments: Sequence[str]) -> str:
    """Return what Snakemake prints, on stdout."""
    given = ["--configfile", *project.configfiles] if project.configfiles else []
    result = subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments, *given],
        capture_output=True,
        text=True,
        env=os.environ | KEEP_MEMORY,
    )
    if result.returncode:
        lines = [line for line in (result.stderr + result.stdout).splitlines() if line.strip()]
        said = next(
            (line for line in lines if line.startswith("error: ")),
            lines[-1] if lines else "nothing",
        )
        raise StudyError(f"Snakemake cannot plan the study: {said.removeprefix('error: ')}")
    # Which of the two streams it prints its plan to differs between versions.
    return result.stdout + result.stderr
