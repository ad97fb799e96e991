"""How a job ends that cannot go on: one line that names what is wrong."""

import errno
import shutil
from types import SimpleNamespace

import pytest

from study.errors import StudyError
from study.job import end_in_one_line, require_one_option


def last_words(capsys, error: OSError) -> str:
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


def test_a_name_of_a_file_commands_no_terminal(capsys):
    said = last_words(capsys, FileNotFoundError(2, "No such file", "a\x1b[2J\nb"))
    assert said.isprintable() and "\\x1b[2J" in said


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
