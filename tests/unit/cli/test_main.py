"""What holds for all commands."""

import pytest
from cli_study import study
from conftest import assert_one_clear_line


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
