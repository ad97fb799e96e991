"""What is wrong with a file is said with its name."""

import pytest

from study.errors import StudyError
from study.files import read_yaml


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
