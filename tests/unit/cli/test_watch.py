"""`study watch`: trainings that run, and how far all runs are."""

import subprocess
import sys
from pathlib import Path

import pytest
from cli_study import printed, write_progress, write_project


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    return write_project(tmp_path_factory.mktemp("cli") / "project")


def test_watch_counts_all_runs_and_says_which_were_interrupted(project):
    log = write_progress(project / "results", ("v1", "cnn2", 3))
    try:
        text = " ".join(
            printed("watch", "--once", "--configfile", "study.yaml", folder=project).split()
        )
    finally:
        log.unlink()
    assert text.startswith(
        "4 of 6 runs trained, 1 interrupted, 1 failed; Snakemake does not run here"
    )
    assert (
        "goes on with them: v1/cnn2/3" in text
        and "failed: v1/cnn3/3: training set is empty" in text
    )


def test_a_running_training_is_watched_with_its_epochs_and_device(project):
    """Something that looks like a training of this project to the operating system."""
    log = write_progress(project / "results", ("v1", "cnn2", 3))
    (project / "scripts").mkdir(exist_ok=True)
    (project / "scripts" / "train.py").write_text("import sys; print(flush=True); sys.stdin.read()")
    options = ["--gpus", "0", "--run", "results/runs/v1/cnn2/seed3/run.json"]
    process = subprocess.Popen(
        [sys.executable, "scripts/train.py", *options],
        cwd=project,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        process.stdout.readline()
        text = printed("watch", "--once", "--configfile", "study.yaml", folder=project)
    finally:
        process.communicate()
        log.unlink()
    (row,) = (line.split() for line in text.splitlines() if line.startswith("v1/cnn2/3"))
    assert row[:2] == ["v1/cnn2/3", "3/5"] and row[-1] == "cpu"
    assert text.startswith("4 of 6 runs trained, 1 running, 1 failed, about 1 second left; ")
