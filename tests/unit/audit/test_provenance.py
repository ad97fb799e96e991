"""What produced a result."""

import subprocess

import pytest
import torch

from study.audit import provenance
from study.audit.provenance import circumstances, other_libraries, repository


@pytest.mark.parametrize("owner", ["me", "somebody else, as in a container"])
def test_the_commit_is_that_of_the_project_itself(tmp_path, monkeypatch, owner):
    assert repository(tmp_path) == {"commit": None, "dirty": None, "lock": None}

    def git(*arguments):
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        subprocess.run(
            ["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True
        )

    git("init")
    (tmp_path / "requirements.lock").write_text("a==1\n")
    git("add", "requirements.lock")
    git("commit", "--message", "first")
    if owner != "me":
        monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # git refuses, as by its owner
    clean = repository(tmp_path)
    assert len(clean["commit"]) == 40 and clean["dirty"] is False and len(clean["lock"]) == 64
    for name, commit in (("inner", None), ("0" * 40, "0" * 40)):
        (tmp_path / name).mkdir()
        assert repository(tmp_path / name)["commit"] == commit
    (tmp_path / "requirements.lock").write_bytes(b"a==1\r\n")
    assert repository(tmp_path)["lock"] == clean["lock"]
    (tmp_path / "requirements.lock").write_text("b")
    changed = repository(tmp_path)
    assert (
        changed["commit"] == clean["commit"]
        and changed["dirty"]
        and changed["lock"] != clean["lock"]
    )


@pytest.mark.parametrize(
    ("installed", "named"),
    [
        ({"numpy": "2.4.6", "torch": "2.15.0+cu130"}, []),
        ({"numpy": "1.99.0", "python": "3.11.7"}, ["numpy 1.99.0 (locked: 2.4.6)"]),
    ],
)
def test_other_libraries_than_the_locked_ones_are_named(tmp_path, monkeypatch, installed, named):
    monkeypatch.setattr(provenance, "library_versions", lambda: installed)
    assert other_libraries(tmp_path) == []
    (tmp_path / "requirements.lock").write_text("numpy==2.4.6 \\\n    --hash=x\ntorch==2.15.0\n")
    assert other_libraries(tmp_path) == named


def test_threads_processor_and_libraries_are_circumstances_of_a_training(monkeypatch):
    cpu, seen = torch.device("cpu"), []
    for cpu_model, numpy, threads in (("A", "1", 1), ("A", "1", 2), ("B", "1", 1), ("A", "2", 1)):
        monkeypatch.setattr(provenance, "machine", lambda model=cpu_model: {"cpu": model})
        monkeypatch.setattr(
            provenance, "library_versions", lambda version=numpy: {"numpy": version, "torch": "1"}
        )
        seen.append(tuple(circumstances(cpu, threads)))
    assert len(set(seen)) == 4
