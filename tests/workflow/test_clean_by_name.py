"""`study clean` leaves alone what was asked for by name."""

import subprocess
import sys

import pytest
from conftest import Project

from study.cli import clean
from study.errors import StudyError

pytestmark = pytest.mark.workflow


def cleaned(project: Project, *words: str) -> str:
    environment = project.environment(PYTHONPATH=str(project.folder / "scripts"), COLUMNS="80")
    command = [sys.executable, "-m", "study", "clean", *words]
    result = subprocess.run(
        command, cwd=project.folder, capture_output=True, text=True, env=environment
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_page_of_a_model_that_was_never_trained_stays_and_that_of_one_taken_out_goes(
    tmp_path, finished
):
    project = finished.copied(tmp_path / "project")
    project.succeeds(
        "results/models/cnn3/schedule.svg", "results/partial_summary.csv", "--cores", "2"
    )
    assert "Nothing in results/ is to be deleted" in cleaned(project)
    # As if cnn2 had been taken out for cnn3: its page is not what was asked for by name, but of
    # runs that are gone.
    project.configure(project.study | {"models": ["cnn3"]})
    listed = cleaned(project, "--all")
    assert "results/models/cnn2/" in listed and "results/models/cnn3" not in listed


def test_of_what_one_rule_made_that_stays_which_can_still_be_made(monkeypatch):
    def files_made(project, paths):
        if any("gone" in path for path in paths):
            raise StudyError("no rule to produce it")
        return set(paths)

    monkeypatch.setattr(clean, "files_made", files_made)
    assert clean._makeable(None, ["a", "b", "gone", "c", "gone too"]) == {"a", "b", "c"}
    assert clean._makeable(None, ["gone"]) == set()
