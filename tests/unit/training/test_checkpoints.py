"""Checkpoints that a crash damaged: training goes on from the one before, to the same bits."""

import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from conftest import ROOT, clean_environment, run_script
from small_trainings import flags
from trap import Trap

from study.files import atomic_path, file_digest, read_csv
from study.training.checkpoints import load_checkpoint, remove_checkpoints, save_checkpoint

CPU = torch.device("cpu")


@pytest.fixture
def saved(tmp_path):
    """The path of two checkpoints, of step 1 and then of step 2."""
    path = tmp_path / "c.pt"
    for step in (1, 2):
        save_checkpoint(path, "key", {"step": step, "weights": torch.arange(1000.0)})
    return path


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def empty(content: bytes) -> bytes:
    return b""


def flipped(content: bytes) -> bytes:
    """One bit of a weight is another; torch.load alone takes it for right."""
    place = content.index(np.arange(1000.0, dtype=np.float32)[100:].tobytes())
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def noise(content: bytes) -> bytes:
    return np.random.default_rng(0).bytes(len(content))


@pytest.mark.parametrize("damage", [cut, empty, flipped, noise])
def test_a_damaged_checkpoint_falls_back_to_the_one_before_in_one_line(saved, damage, capsys):
    saved.write_bytes(damage(saved.read_bytes()))
    assert load_checkpoint(saved, "key", CPU)["step"] == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(
        r"c\.pt: (unreadable|damaged) checkpoint .*; going on from the one before$", line
    )
    # The next checkpoint does not replace the good one by the damaged one.
    save_checkpoint(saved, "key", {"step": 2})
    saved.write_bytes(b"")
    assert load_checkpoint(saved, "key", CPU)["step"] == 1


def test_a_kill_between_two_checkpoints_loses_one_at_most(saved):
    saved.unlink()
    assert load_checkpoint(saved, "key", CPU)["step"] == 1


def test_two_damaged_checkpoints_start_again_in_one_line(saved, capsys):
    for path in saved.parent.iterdir():
        path.write_bytes(b"")
    assert load_checkpoint(saved, "key", CPU) is None
    assert capsys.readouterr().err.count("\n") == 1


def test_what_killed_writers_left_goes_with_the_next_write_and_that_of_living_ones_stays(saved):
    ended = subprocess.Popen(["true"])
    ended.wait()
    left, living = (saved.with_name(f".c.{pid}.partial.pt") for pid in (ended.pid, os.getppid()))
    other = saved.with_name(f".c.before.{ended.pid}.partial.pt")
    for path in (left, living, other):
        path.write_bytes(b"half")
    folder = saved.with_name(f".c.{ended.pid}.partial.d")
    (folder / "a").mkdir(parents=True)
    save_checkpoint(saved, "key", {"step": 3})
    assert not left.exists() and living.exists() and other.exists() and folder.exists()
    with atomic_path(folder.with_name("c.d")) as temporary:
        temporary.mkdir()
    assert not folder.exists()
    living.unlink()
    other.unlink()
    left.write_bytes(b"half")
    remove_checkpoints(saved)
    assert [path.name for path in saved.parent.iterdir()] == ["c.d"]


@pytest.fixture(scope="module")
def training(decoded, tmp_path_factory):
    """The arguments of a training in a folder, and what it ends with when nothing disturbs it."""
    folder = tmp_path_factory.mktemp("training")
    (folder / "recipe.yaml").write_text((ROOT / "config/models/cnn2.yaml").read_text())
    (folder / "split.csv").write_text(
        "image_id,role\n"
        + "".join(f"{i},{('train', 'train', 'val', 'test')[i % 4]}\n" for i in range(150))
    )
    (folder / "tuned.yaml").write_text("epochs: 100\narchitecture: {filters: 4}\n")

    def arguments(output):
        return flags(
            images=decoded / "images.npy",
            index=decoded / "index.csv",
            splits=folder / "split.csv",
            recipe=folder / "recipe.yaml",
            tuned=folder / "tuned.yaml",
            seed=3,
            checkpoint=output / "scratch" / "c.pt",
            weights=output / "model.safetensors",
            history=output / "history.csv",
            dynamics=output / "dynamics.npz",
            run=output / "run.json",
        )

    undisturbed = folder / "undisturbed"
    run_script("train.py", *arguments(undisturbed))
    return arguments, undisturbed


def test_a_training_whose_last_checkpoint_is_damaged_ends_with_the_same_bits(training, tmp_path):
    arguments, undisturbed = training
    command = [sys.executable, ROOT / "scripts" / "train.py", *map(str, arguments(tmp_path))]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env=clean_environment()
    ) as process:
        for line in process.stderr:
            if line.startswith("epoch 5/"):
                process.send_signal(signal.SIGKILL)
    history = read_csv(tmp_path / "scratch" / "c.history.csv")  # what can be watched meanwhile
    assert [int(row["epoch"]) for row in history] == list(range(1, len(history) + 1))
    assert len(history) >= 4
    assert {(row["epochs"], row["resumed_after"]) for row in history} == {("100", "0")}
    newest = tmp_path / "scratch" / "c.pt"
    newest.write_bytes(cut(newest.read_bytes()))
    (newest.with_name(f".c.{process.pid}.partial.pt")).write_bytes(b"half")
    assert not (tmp_path / "run.json").exists()
    again = run_script("train.py", *arguments(tmp_path))
    assert "going on from the one before" in again.stderr and "resumed after epoch" in again.stderr
    for name in ("model.safetensors", "dynamics.npz"):
        assert file_digest(tmp_path / name) == file_digest(undisturbed / name), name
    assert not list((tmp_path / "scratch").iterdir())


def test_a_damaged_or_foreign_checkpoint_is_passed_over(tmp_path, capsys):
    path, device = tmp_path / "c.pt", torch.device("cpu")
    assert load_checkpoint(path, "key", device) is None
    save_checkpoint(path, "key", {"x": torch.ones(2)})
    assert load_checkpoint(path, "key", device)["x"].tolist() == [1, 1]
    assert load_checkpoint(path, "other", device) is None
    assert "another recipe, data, code" in capsys.readouterr().err
    path.write_bytes(path.read_bytes()[:-100])
    assert load_checkpoint(path, "key", device) is None
    assert "unreadable checkpoint" in capsys.readouterr().err


def test_a_checkpoint_with_code_in_it_is_not_run(tmp_path):
    torch.save({"key": "key", "state": Trap(tmp_path / "sprung")}, tmp_path / "c.pt")
    assert load_checkpoint(tmp_path / "c.pt", "key", torch.device("cpu")) is None
    assert not (tmp_path / "sprung").exists()
