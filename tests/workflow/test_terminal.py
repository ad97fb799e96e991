"""What `study plan` and `study clean` say is what Snakemake does."""

import re
import subprocess
import sys

import pytest
import yaml
from conftest import FULL, Project, assert_one_clear_line

pytestmark = pytest.mark.workflow


def study(project: Project, *words: str) -> subprocess.CompletedProcess:
    """Run the project's own `study` in its folder."""
    environment = project.environment(PYTHONPATH=str(project.folder / "scripts"), COLUMNS="80")
    command = [sys.executable, "-m", "study", *words]
    return subprocess.run(
        command, cwd=project.folder, capture_output=True, text=True, env=environment
    )


def test_a_study_is_planned_before_it_runs_and_in_part(project):
    seeds = list(range(40))
    project.configure({"seeds": seeds}, "many.yaml")
    given = ("--configfile", "config/many.yaml")
    result = study(
        project, "plan", "--cores", "1", "--hours", "0.13", "--write", "part.yaml", *given
    )
    assert result.returncode == 0, result.stderr
    words = " ".join(result.stdout.split())
    assert "80 train, 80 predict" in words
    # Two epochs of 70 and of 141 training images, with forty seeds each.
    assert "cnn2 80 2 13,018 16,880 " in words
    assert "Time: about" in words and "Disk: about" in words
    part = yaml.safe_load((project.folder / "part.yaml").read_text())
    assert part == {"seeds": seeds[: len(part["seeds"])]} and 2 <= len(part["seeds"]) < 40
    assert f"{2 * len(part['seeds'])} of 80 runs" in words
    output = project.succeeds("--dry-run", *given, "part.yaml")
    assert len(re.findall("^rule train:", output, re.MULTILINE)) == 2 * len(part["seeds"])
    result = study(project, "plan", "--hours", "0.001")
    assert_one_clear_line(result.stderr, "no part of the study fits")


def test_clean_deletes_what_the_study_no_longer_takes_and_nothing_else(tmp_path, finished):
    project = finished.copied(tmp_path / "project")
    results = project.folder / "results"
    assert "Nothing in results/ is to be deleted" in study(project, "clean").stdout
    project.configure(project.study | {"combos": ["v1"], "seeds": [42]})
    project.succeeds(*FULL)
    (results / "runs" / "v1+v2" / "notes.txt").write_text("mine")
    listed = study(project, "clean").stdout
    assert "results/runs/v1+v2/cnn2/" in listed and "results/runs/v1/cnn2/seed7/" in listed
    assert "Not made by Snakemake, and kept" in listed and "results/runs/v1+v2/notes.txt" in listed
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
