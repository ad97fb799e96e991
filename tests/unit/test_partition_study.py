"""The `study` command runs the library beside the study, whatever else is called so."""

import os
import re
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT, assert_one_clear_line

SCRIPTS = ROOT / "scripts"
COMMAND = f"import sys; sys.path.append({str(SCRIPTS)!r}); import partition_study as p; p.main()"


def study(folder, *path) -> str:
    """Return what the installed command prints in a folder."""
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, "--help"], cwd=folder, capture_output=True, text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, path)), "PYTHONSAFEPATH": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_module_of_that_name_elsewhere_does_not_take_its_place(tmp_path):
    (tmp_path / "study.py").write_text("raise RuntimeError('not the library')\n")
    assert "study COMMAND" in study(tmp_path, tmp_path)


def test_a_copy_of_the_project_has_its_own(tmp_path):
    shutil.copytree(SCRIPTS, tmp_path / "scripts")
    with (tmp_path / "scripts/study/cli/main.py").open("a") as stream:
        stream.write("\n\ndef main():\n    print('the copy')\n")
    assert study(tmp_path) == "the copy\n"
    assert "study COMMAND" in study(tmp_path / "scripts")


def test_in_a_folder_that_is_gone_it_says_so(tmp_path):
    gone = 'rmdir "$PWD"; exec "$0" -c "$1" --help'
    done = subprocess.run(
        ["sh", "-c", gone, sys.executable, COMMAND], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert_one_clear_line(done.stderr, "the current folder is gone; cd to")


def test_set_up_is_done_again_only_where_what_is_there_does_not_fit(tmp_path):
    venv = tmp_path / ".venv"
    (venv / "bin").mkdir(parents=True)
    for name in ("Makefile", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copy(ROOT / "requirements.lock", venv)
    (venv / "made-in").write_text(f"{tmp_path.resolve()}\n")
    (venv / "bin/python").symlink_to("/bin/true")

    def makes_it_anew() -> bool:
        done = subprocess.run(
            ["make", "-n", "setup"], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        return "Setting up" in done.stdout

    assert not makes_it_anew()
    (venv / "bin/python").unlink()
    (venv / "bin/python").symlink_to(tmp_path / "a Python that was upgraded")
    assert makes_it_anew()
    (venv / "bin/python").unlink()
    (venv / "bin/python").symlink_to("/bin/true")
    assert not makes_it_anew()
    (venv / "made-in").write_text("/another/folder\n")
    assert makes_it_anew()


@pytest.fixture
def set_up_with_uv(tmp_path):
    """Return a call of `make setup` with a uv that only notes its words, and these."""
    for name in ("Makefile", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    noted = tmp_path / "noted"
    (tmp_path / "bin").mkdir()
    fake = tmp_path / "bin/uv"
    fake.write_text(f"#!/bin/sh\nmkdir -p .venv/bin\necho \"$*\" >> '{noted}'\n")
    fake.chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}

    def make(*words: str) -> list[str]:
        noted.write_text("")
        command = ["make", "setup", f"PYTHON={sys.executable}", *words]
        subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
        return noted.read_text().splitlines()

    return make


def test_set_up_for_cpus_alone_takes_the_locked_versions_without_gpu_libraries(
    set_up_with_uv, tmp_path
):
    [first] = [words for words in set_up_with_uv("TORCH=cpu") if "--torch-backend cpu" in words]
    assert "--constraint .venv/versions.txt" in first
    versions = (tmp_path / ".venv/versions.txt").read_text().splitlines()
    assert any(line.startswith("torch==") for line in versions) and len(versions) > 50
    assert all(re.fullmatch(r"[\w.-]+==[\w.!+-]+", line) for line in versions)
    # Where none is asked for it stays the one that is there, also when all is made again.
    (tmp_path / ".venv/bin/python").symlink_to("/bin/true")
    assert not set_up_with_uv() and not set_up_with_uv("TORCH=cpu")
    (tmp_path / ".venv/made-in").write_text("/another/folder\n")
    assert any("--torch-backend cpu" in words for words in set_up_with_uv())
    (tmp_path / ".venv/bin/python").symlink_to("/bin/true")
    assert any("--require-hashes" in words for words in set_up_with_uv("TORCH="))
    (tmp_path / ".venv/bin/python").symlink_to("/bin/true")
    assert not set_up_with_uv() and len(set_up_with_uv("TORCH=cpu")) > 2
    with pytest.raises(subprocess.CalledProcessError):
        set_up_with_uv("TORCH=rocm")
