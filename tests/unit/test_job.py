"""How a job ends that cannot go on: one line that names what is wrong."""

import errno
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest
from conftest import ROOT, clean_environment

from study.errors import StudyError
from study.job import end_in_one_line, require_one_option


def last_words(capsys, error: Exception) -> str:
    with pytest.raises(SystemExit), end_in_one_line():
        raise error
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize(
    ("free", "named"),
    [
        ({"/full": 0, "results": 10**9}, "/full (set TMPDIR"),
        ({"/full": 10**9, "results": 0}, "the results folder"),
        ({"/full": 0, "results": 0}, "the results folder"),
    ],
)
def test_the_folder_that_is_full_is_named(tmp_path, monkeypatch, capsys, free, named):
    (tmp_path / "results").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", "/full")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free[str(path)]))
    said = last_words(capsys, OSError(errno.ENOSPC, "No space left on device"))
    assert named in said and "no space left while writing" in said


@pytest.mark.parametrize(
    "error", [MemoryError("no 8 GiB"), ImportError("libtorch.so: failed to map segment")]
)
def test_too_little_memory_is_said_with_what_to_do(capsys, error):
    assert "error: not enough memory" in last_words(capsys, error)


def test_a_name_of_a_file_commands_no_terminal(capsys):
    said = last_words(capsys, FileNotFoundError(2, "No such file", "a\x1b[2J\nb"))
    assert said.isprintable() and "\\x1b[2J" in said


def test_a_job_starts_anew_with_what_it_must_know(tmp_path):
    script = tmp_path / "job.py"
    script.write_text(
        "import argparse, os\n"
        "from study.job import StartAnew, run_script\n"
        "def main(arguments):\n"
        "    if os.environ.get('PLAN') != 'b':\n"
        "        raise StartAnew('plan a failed', PLAN='b')\n"
        "    print('done', arguments.word)\n"
        "parser = argparse.ArgumentParser()\n"
        "parser.add_argument('word')\n"
        "run_script(parser, main)\n"
    )
    environment = clean_environment(PYTHONPATH=str(ROOT / "scripts"))
    done = subprocess.run(
        [sys.executable, script, "a word"], env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "done a word\n")
    assert done.stderr == "note: plan a failed\n"


@pytest.mark.parametrize(
    ("words", "refused"),
    [
        (["--configfile", "a", "b"], False),
        (["--configfile", "a", "--config", "seeds=[1]", "--", "--configfile"], False),
        (["--configfile", "a", "-n", "--configfile", "b"], True),
        (["--configfiles=a", "--configfile", "b"], True),
    ],
)
def test_an_option_of_which_snakemake_takes_the_last_is_refused(words, refused):
    if refused:
        with pytest.raises(StudyError, match="twice"):
            require_one_option(words)
    else:
        require_one_option(words)
