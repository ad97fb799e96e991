"""Histories as TensorBoard reads them."""

import sys

import pandas as pd
import pytest
from conftest import run_script

from study.errors import StudyError
from study.files import write_csv, write_json
from study.report import event_files

COLUMNS = [
    "epoch", "learning_rate", "train_loss", "train_accuracy", "val_loss", "val_accuracy",
    "test_loss", "test_accuracy", "seconds", "images_per_s", "chain",
]  # fmt: skip
ROWS = [
    (1, 0.1, 2.5, 0.25, "nan", "nan", 2.0, 0.5, 10.0, 7.0, "a"),
    (2, 0.05, 1.5, 0.5, "nan", "nan", 1.0, 0.75, 20.0, 8.0, "b"),
]


@pytest.fixture
def study(tmp_path):
    write_csv(
        tmp_path / "runs.csv",
        ["combo", "model", "seed"],
        [("v1+v2", "cnn2", 42), ("v1", "cnn2", 7)],
    )
    for place, rows in (("v1+v2/cnn2/seed42", ROWS), ("v1/cnn2/seed7", [])):
        write_csv(tmp_path / "runs" / place / "history.csv", COLUMNS, rows)
        write_json(tmp_path / "runs" / place / "run.json", {"started": "2026-01-01T00:00:00+00:00"})
    return tmp_path


def write(study, name="events"):
    run_script("write_tensorboard.py", "--runs", study / "runs.csv", "--output", study / name)
    return study / name


def test_tensorboard_reads_every_epoch_of_every_run(study):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(write(study) / "v1+v2/cnn2/seed42")).Reload()
    assert sorted(events.Tags()["scalars"]) == [
        "accuracy/test", "accuracy/train", "loss/test", "loss/train",
        "training/images_per_s", "training/learning_rate",
    ]  # fmt: skip
    found = [
        (event.step, event.value, event.wall_time - 1_767_225_600)
        for event in events.Scalars("loss/train")
    ]
    assert found == [(1, 2.5, 10.0), (2, 1.5, 30.0)]
    empty = EventAccumulator(
        str(study / "events/v1/cnn2/seed7")
    ).Reload()  # it diverged in the first epoch
    assert empty.Tags()["scalars"] == []


def test_the_same_histories_give_the_same_files(study):
    one, other = write(study), write(study, "again")
    files = sorted(path.relative_to(one) for path in one.rglob("events.*"))
    assert len(files) == 2 and all(
        (one / name).read_bytes() == (other / name).read_bytes() for name in files
    )


def test_without_tensorboard_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setattr(event_files.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(StudyError, match="python -m pip install 'tensorboard"):
        event_files.require_tensorboard()


def test_writing_them_needs_no_torch(study, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    history = pd.DataFrame([dict(zip(COLUMNS, ROWS[0], strict=True))]).apply(
        pd.to_numeric, errors="coerce"
    )
    assert (
        event_files.write_events(study / "here", history, {"started": "2026-01-01T00:00:00+00:00"})
        .stat()
        .st_size
        > 100
    )
