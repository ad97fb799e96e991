"""`study clean` leaves alone what was asked for by name."""

import pytest
from cli_study import printed
from conftest import Project

pytestmark = pytest.mark.workflow


def cleaned(project: Project, *words: str) -> str:
    return printed("clean", *words, folder=project.folder, **project.environment())


def test_the_page_of_a_model_that_was_never_trained_stays_and_that_of_one_taken_out_goes(
    tmp_path, finished
):
    project = finished.copied(tmp_path / "project")
    project.succeeds("results/models/cnn3/schedule.svg", "--cores", "2")
    assert "Nothing in results/ is to be deleted" in cleaned(project)
    # As if cnn2 had been taken out for cnn3: its page is of runs that are gone.
    project.configure(project.study | {"models": ["cnn3"]})
    listed = cleaned(project)
    assert "results/models/cnn2/" in listed and "results/models/cnn3" not in listed


def test_bundles_that_killed_pushes_left_are_listed_and_deleted(tmp_path, finished):
    project = finished.copied(tmp_path / "project")
    (project.folder / "results").rename(tmp_path / "on another disk")
    (project.folder / "results").symlink_to(tmp_path / "on another disk")
    left = project.folder / "results/scratch/bundle_x/study.tar.gz"
    left.parent.mkdir(parents=True)
    left.write_bytes(bytes(3_000_000))
    kept = project.folder / "results/scratch/images.json"
    kept.write_text("{}")
    waiting = project.folder / "results/.unbundle.4194304.partial/new/results/summary.csv"
    waiting.parent.mkdir(parents=True)
    waiting.write_text("half")
    listed = cleaned(project)
    assert "results/scratch/bundle_x" in listed and "results/.unbundle" in listed
    cleaned(project, "--delete")
    assert not left.parent.exists() and kept.exists()
    assert not (project.folder / "results/.unbundle.4194304.partial").exists()
