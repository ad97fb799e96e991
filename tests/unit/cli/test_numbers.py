"""Options that are numbers are above 0, or refused before anything is looked at."""

import pytest

from study.cli.main import main


@pytest.mark.parametrize(
    "words",
    [
        ("plan", "--hours", "nan"),
        ("plan", "--hours", "inf"),
        ("plan", "--hours", "1e308"),
        ("plan", "--hours", "two"),
        ("plan", "--cores", "0"),
        ("plan", "--gpus", "1.5"),
        ("watch", "--every", "nan"),
        ("watch", "--every", "-1"),
    ],
)
def test_what_is_no_number_above_zero_is_refused(words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    said = capsys.readouterr().err.splitlines()[-1]
    assert ended.value.code == 2
    assert f"argument {words[1]}: {words[2]!r} was given, expected a" in said
    assert "number above 0, at most 1,000,000" in said
