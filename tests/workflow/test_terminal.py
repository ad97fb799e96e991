"""What `study plan` and `study clean` say is what Snakemake does."""

import json
import re
import subprocess

import cli_study
import pytest
from conftest import FULL, Project, assert_one_clear_line

pytestmark = pytest.mark.workflow


def study(project: Project, *words: str) -> subprocess.CompletedProcess:
    """Run the project's own `study` in its folder."""
    return cli_study.study(*words, folder=project.folder, **project.environment())


def test_a_study_is_planned_before_it_runs(project):
    project.configure({"seeds": list(range(8))}, "many.yaml")
    given = ("--configfile", "config/many.yaml")
    result = study(project, "plan", "--cores", "1", "--hours", "0.03", *given)
    assert result.returncode == 0, result.stderr
    words = " ".join(result.stdout.split())
    assert "16 train, 16 predict" in words
    # Two epochs of 70 and of 141 training images, with eight seeds each.
    assert "cnn2 16 2 3,376 " in words
    assert "Time: about" in words and "Disk: about" in words
    proposed = re.search(r"seeds: (\[[0-9, ]+\]) in the configuration", words)[1]
    assert 1 <= len(json.loads(proposed)) < 8
    result = study(project, "plan", "--hours", "0.001")
    assert_one_clear_line(result.stderr, "not even one seed fits")


def test_only_trainings_that_are_to_be_done_are_planned(tmp_path, finished):
    project = finished.copied(tmp_path / "project")
    assert "Nothing to be done" in study(project, "plan").stdout
    project.configure(project.study | {"seeds": [42, 7, 8]})
    words = " ".join(study(project, "plan", "--cores", "1").stdout.split())
    assert "2 train, " in words and "cnn2 2 2 422 " in words


def test_clean_deletes_what_the_study_no_longer_takes_and_nothing_else(tmp_path, finished):
    project = finished.copied(tmp_path / "project")
    results = project.folder / "results"
    assert "Nothing in results/ is to be deleted" in study(project, "clean").stdout
    project.configure(project.study | {"combos": ["v1"], "seeds": [42]})
    project.succeeds(*FULL)
    (results / "runs" / "v1+v2" / "notes.txt").write_text("mine")
    listed = study(project, "clean").stdout
    assert "results/runs/v1+v2/cnn2/" in listed and "results/runs/v1/cnn2/seed7/" in listed
    assert "Of no job, and kept" in listed and "results/runs/v1+v2/notes.txt" in listed
    assert (results / "runs" / "v1+v2" / "cnn2" / "seed42" / "run.json").exists()

    lock = project.folder / ".snakemake" / "locks" / "0.output.lock"
    lock.write_text("")
    assert_one_clear_line(
        study(project, "clean", "--delete").stderr, "Snakemake runs here", "--unlock"
    )
    lock.unlink()
    before = {path for path in results.rglob("*") if path.is_file()}
    assert study(project, "clean", "--delete").returncode == 0
    gone = before - {path for path in results.rglob("*") if path.is_file()}
    assert gone and all("seed7" in path.as_posix() or "v1+v2/" in path.as_posix() for path in gone)
    assert (results / "runs" / "v1+v2" / "notes.txt").exists() and (results / "README.md").exists()
    assert "Nothing to be done" in project.succeeds("--dry-run", *FULL)
    assert "Nothing in results/ is to be deleted" in study(project, "clean").stdout
