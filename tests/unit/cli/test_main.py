"""What holds for all commands."""

import pytest
from cli_study import printed, study, write_project
from conftest import assert_one_clear_line, files_below


def test_outside_the_project_a_command_says_where_to_go(tmp_path):
    for command in (
        ("show",),
        ("plan",),
        ("watch", "--once"),
        ("clean",),
        ("diff", "v1/cnn2/1", "v1/cnn2/2"),
    ):
        result = study(*command, folder=tmp_path)
        assert result.returncode == 1
        assert_one_clear_line(result.stderr, str(tmp_path), "not the project's folder")


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_a_terminal_that_is_not_utf_8_shows_what_it_can(tmp_path, encoding):
    result = study("--help", folder=tmp_path, PYTHONIOENCODING=encoding)
    assert result.returncode == 0 and "study COMMAND" in result.stdout
    assert not result.stderr


def test_questions_write_nothing(tmp_path):
    """So they may be asked of results in a folder that is read-only."""
    project = write_project(tmp_path / "project")
    before = files_below(tmp_path)
    for words in (("show",), ("show", "--by-group"), ("watch", "--once")):
        printed(*words, "--configfile", "study.yaml", folder=project)
    printed("diff", "v1/cnn2/1", "v1/cnn3/2", folder=project)
    printed("show", "--results", project / "results", folder=tmp_path)
    assert files_below(tmp_path) == before
