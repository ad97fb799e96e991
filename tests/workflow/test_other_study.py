"""No command replaces or deletes what another study has made, unless it is told to."""

import shutil

import pytest
from cli_study import study
from conftest import Project, assert_one_clear_line

from study.files import file_digest

pytestmark = pytest.mark.workflow


def digests(project: Project) -> dict[str, str]:
    """Return the sha256 of every file of the results."""
    results = project.folder / "results"
    files = sorted(path for path in results.rglob("*") if path.is_file())
    return {str(path.relative_to(results)): file_digest(path) for path in files}


def test_commands_of_other_studies_are_refused_and_change_nothing(finished, tmp_path):
    project = finished.copied(tmp_path / "project")
    # As before it was finished: what the command noted at its start is all that is known of it.
    (project.folder / "results/study.json").unlink()
    own = project.study
    other = ("--configfile", "config/other.yaml")
    project.configure(own | {"partition_seed": 7, "seeds": [42]}, "other.yaml")
    before = digests(project)

    def is_refused(result, *words: str) -> None:
        assert result.returncode != 0
        assert_one_clear_line(result.stdout + result.stderr, "results/ holds a study of", *words)
        assert digests(project) == before

    is_refused(project.snakemake("--cores", "2", *other), "made without --configfile", "overwrite")
    is_refused(project.snakemake("--report", *other), "type `snakemake`")
    is_refused(project.snakemake("--cores", "2", "--configfile", "config/demo.yaml"), "cifar10")
    cleaned = study(
        "clean", "--yes", *other, folder=project.folder, **project.environment()
    )  # it has one run of each combo in common
    is_refused(cleaned, "nothing was deleted", "type `study clean`")
    project.configure(own | {"dataset": own["dataset"] | {"name": "digits", "checksums": ""}})
    is_refused(project.snakemake("--cores", "2"), "cifar10", "before it changed")
    # Images that were deleted to save room.
    project.configure(own)
    shutil.rmtree(project.folder / "results/data")
    before = digests(project)
    is_refused(project.snakemake("--cores", "2", "--configfile", "config/demo.yaml"), "cifar10")

    assert "train" in project.planned(*other, "--config", "overwrite=true")
    assert digests(project) == before
