"""Studies that are killed, fail in part, or find their runs in a cache."""

import csv
import os
import shutil
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
from cli_study import printed
from conftest import FULL, Project, wait_for

from study.files import file_digest, read_csv
from study.runs.chance import MEASURED

pytestmark = pytest.mark.workflow


def test_a_killed_study_is_finished_by_the_same_command(tmp_path, archive):
    epochs = {"cnn2": {"epochs": 400, "architecture": {"filters": 16}}}
    study, command = {"combos": ["v1"], "seeds": [3]}, ("results/summary.csv", *FULL)
    project = Project(tmp_path / "project", archive, overrides=epochs, **study)
    process = subprocess.Popen(
        ["snakemake", *command], cwd=project.folder, env=project.environment(),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    log = project.folder / "results" / "logs" / "train" / "v1" / "cnn2" / "seed3.log"
    wait_for("the training starts", lambda: log.exists() and "epoch 1/400" in log.read_text())
    assert process.poll() is None
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()

    blocked = project.snakemake(*command)
    assert blocked.returncode != 0 and "--unlock" in blocked.stdout + blocked.stderr
    project.succeeds("--unlock")
    project.succeeds(*command)
    assert "resumed after epoch" in log.read_text()
    assert (
        len(read_csv(project.folder / "results" / "runs" / "v1" / "cnn2" / "seed3" / "history.csv"))
        == 400
    )
    assert not list((project.folder / "results" / "scratch" / "train").rglob("*.pt"))
    assert len(read_csv(project.folder / "results" / "summary.csv")) == 1
    assert not list((project.folder / "results").rglob("*.partial*"))


def test_a_cache_gives_back_every_run_without_training(tmp_path, archive):
    project = Project(tmp_path / "project", archive, combos=["v1"], seeds=[42])
    (tmp_path / "cache").mkdir()
    cached = {"SNAKEMAKE_OUTPUT_CACHE": str(tmp_path / "cache")}
    project.succeeds(*FULL, "--cache", **cached)
    results = project.folder / "results"

    def digests():
        return {
            path.parent: file_digest(path) for path in results.glob("runs/**/model.safetensors")
        }

    before, summary = digests(), read_csv(results / "summary.csv")
    assert len(before) == 1
    shutil.rmtree(results)
    shutil.rmtree(project.folder / ".snakemake")
    project.succeeds(*FULL, "--cache", **cached)
    assert digests() == before
    assert not any(path.stat().st_size for path in results.glob("logs/train/**/*.log"))
    assert read_csv(results / "summary.csv") == summary  # times too
    assert "checks passed" in project.succeeds("verify")
    # Another seed is another run.
    project.configure(project.study | {"seeds": [8]})
    project.succeeds("results/runs/v1/cnn2/seed8/run.json", "--cache", **cached)
    assert (results / "logs/train/v1/cnn2/seed8.log").exists() and not set(
        digests().values()
    ) <= set(before.values())


def test_a_study_that_is_killed_again_and_again_ends_with_the_same_results(
    tmp_path, archive, finished
):
    long = os.environ.get("LONG_TESTS")
    project = Project(tmp_path / "project", archive, **({} if long else {"combos": ["v1"]}))
    random = np.random.default_rng(0)
    for _ in range(50 if long else 3):
        process = subprocess.Popen(
            ["snakemake", *FULL], cwd=project.folder, env=project.environment(),
            start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            process.wait(timeout=random.uniform(1, 15))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        project.succeeds("--unlock")
    project.succeeds(*FULL, fresh=True)
    theirs, ours = finished.folder / "results", project.folder / "results"
    made = ("model.safetensors", "predictions.npz", "dynamics.npz")
    names = [path.relative_to(ours) for path in ours.glob("runs/**/*") if path.name in made]
    assert len(names) == (12 if long else 6)
    names += [Path("data/near_duplicates.csv")]
    if long:
        names += [Path("hard_examples.csv"), Path("comparisons/comparisons.csv")]
    for name in names:
        assert (ours / name).read_bytes() == (theirs / name).read_bytes(), name
    assert not list(ours.rglob("*.partial*"))
    assert "checks passed" in project.succeeds("verify")


def test_a_run_that_fails_stops_no_other_and_says_why(tmp_path, archive):
    project = Project(tmp_path / "project", archive, combos=["v1"])
    train = project.folder / "scripts" / "train.py"
    unlucky = (
        "    if arguments.seed == 7:\n"
        '        raise SystemExit("error: no luck with this one")\n'
        "    if arguments.job:\n"
    )
    train.write_text(train.read_text().replace("    if arguments.job:\n", unlucky, 1))
    failed = project.snakemake(*FULL)
    assert failed.returncode != 0 and "no luck" in failed.stdout + failed.stderr
    results = project.folder / "results"

    def shown():
        return list(csv.DictReader(printed("show", "--csv", folder=project.folder).splitlines()))

    done, missing = shown()
    assert done["status"] in MEASURED
    assert (missing["status"], missing["reason"]) == ("failed", "no luck with this one")
    assert 0 < float(done["test_accuracy"]) <= 1 and not missing["test_accuracy"]
    assert not (results / "summary.csv").exists()
    (results / "logs" / "train" / "v1" / "cnn2" / "seed7.log").unlink()
    assert shown()[1]["status"] == "waiting"
