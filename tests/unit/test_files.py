"""Files are whole or absent, and read back as they were written."""

import pytest

from study.files import atomic_path, read_json, write_json


def test_an_output_is_whole_or_absent(tmp_path):
    path = tmp_path / "out.txt"
    with pytest.raises(ZeroDivisionError), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
    path.write_text("before")
    with pytest.raises(ZeroDivisionError), atomic_path(path) as temporary:
        raise ZeroDivisionError
    assert path.read_text() == "before"


def test_json_has_no_nan(tmp_path):
    write_json(tmp_path / "x.json", {"a": [float("nan"), 1.5], "b": float("inf")})
    assert read_json(tmp_path / "x.json") == {"a": [None, 1.5], "b": None}
