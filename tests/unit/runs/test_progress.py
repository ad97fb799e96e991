"""How far a run is: by its epochs, and what it is called whose job was ended by Ctrl-C."""

import json
import os
import signal
import subprocess
import sys

import pytest
from cli_study import write_progress
from conftest import ROOT, clean_environment

from study.files import write_csv
from study.runs.progress import read_progress, state_of_run
from study.runs.run import run_of
from study.runs.tree import ResultsTree

RUN = ("v1", "cnn2", 1)
STOPPED = """\
import sys, time
from study.job import end_in_one_line
with end_in_one_line():
    print("epoch 1/5", file=sys.stderr, flush=True)
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def stopped() -> str:
    """What a job prints that gets Ctrl-C while it works."""
    environment = clean_environment(PYTHONPATH=str(ROOT / "scripts"))
    job = subprocess.Popen(
        [sys.executable, "-c", STOPPED],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        # What starts the tests may ignore Ctrl-C, as `nohup` and `&` do.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    job.stdout.readline()
    os.kill(job.pid, signal.SIGINT)
    _, said = job.communicate(timeout=60)
    assert job.returncode == 1
    return said


def log(results, job: str, text: str) -> None:
    path = results / "logs" / job / "v1" / "cnn2" / "seed1.log"
    path.parent.mkdir(parents=True)
    path.write_text(text)


def test_a_training_that_was_stopped_by_ctrl_c_is_interrupted(tmp_path, stopped):
    log(tmp_path, "train", stopped)
    assert state_of_run(tmp_path, run_of(tmp_path, *RUN)) == (
        "interrupted",
        "by Ctrl-C; the study's command starts again",
    )
    checkpoint = tmp_path / "scratch/train/v1/cnn2/seed1.pt"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(b"")
    assert state_of_run(tmp_path, run_of(tmp_path, *RUN)) == (
        "interrupted",
        "by Ctrl-C; the study's command goes on from its checkpoint",
    )


def test_so_is_one_that_was_still_importing(tmp_path):
    log(
        tmp_path,
        "train",
        'Traceback (most recent call last):\n  File "x", line 1, in <module>\nKeyboardInterrupt\n',
    )
    assert state_of_run(tmp_path, run_of(tmp_path, *RUN))[0] == "interrupted"


def test_a_run_whose_measurement_was_stopped_is_trained(tmp_path, stopped):
    folder = tmp_path / "runs/v1/cnn2/seed1"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"status": "ok"}))
    log(tmp_path, "predict", stopped)
    assert state_of_run(tmp_path, run_of(tmp_path, *RUN)) == ("trained", "")


def test_an_error_is_a_failure_still(tmp_path):
    log(tmp_path, "train", "error: training set is empty\n")
    assert state_of_run(tmp_path, run_of(tmp_path, *RUN)) == ("failed", "training set is empty")


def test_how_far_a_training_is_is_read_from_its_growing_history(tmp_path):
    run = ("v1", "cnn2", 1)
    history = ResultsTree(tmp_path).growing_history(*run)
    assert read_progress(history).epoch == 0
    write_progress(tmp_path, run)
    assert read_progress(history) == (3, 5, 0.5, 16.0, 2)
    write_csv(history, ["epochs"], [])  # as a training that has just begun leaves it
    assert read_progress(history).epoch == 0


@pytest.mark.parametrize(
    ("trained", "reason"),
    [
        ("diverged", "the loss was not finite in epoch 4"),
        ("ok", "the logits of the trained network are not all finite numbers"),
    ],
)
def test_a_run_without_a_model_says_why(tmp_path, trained, reason):
    run = run_of(tmp_path, *RUN)
    run.folder.mkdir(parents=True)
    (run.folder / "run.json").write_text(json.dumps({"status": trained, "epochs": 3, "recipe": {}}))
    (run.folder / "metrics.json").write_text(json.dumps({"status": "diverged"}))
    assert run.diverged
    state, why = state_of_run(tmp_path, run)
    assert state == "diverged" and why.startswith(reason)
