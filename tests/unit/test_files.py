"""Files are whole or absent and read back as written; an error has their name."""

import pytest

from study.errors import StudyError
from study.files import atomic_path, read_json, read_yaml, write_json


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


def test_a_key_that_stands_twice_is_refused_though_yaml_takes_the_last(tmp_path):
    (tmp_path / "twice.yaml").write_text(
        "dataset: {name: folder}\nseeds: [1]\ndataset: {skip_broken: true}\n"
    )
    with pytest.raises(
        StudyError, match=r"twice.yaml: .*'dataset' stands there twice, in lines 1 and 3"
    ):
        read_yaml(tmp_path / "twice.yaml")


def test_a_file_that_is_not_yaml_is_named(tmp_path):
    path = tmp_path / "broken.yaml"
    path.write_text("a: [1,\nb: {")
    with pytest.raises(StudyError, match=r"broken.yaml: not valid YAML"):
        read_yaml(path)
