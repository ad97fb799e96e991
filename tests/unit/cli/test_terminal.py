"""A terminal shows what somebody else wrote and obeys none of it."""

import io

import pytest
from rich.console import Console

from study.cli.terminal import exact, say, shown, table

NASTY = "s1\x1b[2J\x1b]0;pwned\x07\r\u202e"


@pytest.fixture
def screen():
    return Console(file=io.StringIO(), width=200, force_terminal=False)


def test_a_line_stays_one_line_without_control_characters(screen):
    say(screen, f"{NASTY}\nerror: made up")
    (line,) = screen.file.getvalue().splitlines()
    assert line.isprintable() and "\\x1b[2J" in line


def test_a_cell_is_shown_escaped(screen):
    table(screen, ["student", "model"], [{"student": NASTY, "model": "a\nb"}], keys=["student"])
    lines = screen.file.getvalue().split("\n")
    assert all(line.isprintable() for line in lines)
    assert shown(NASTY, "student").isprintable() and exact("a\nb").isprintable()
