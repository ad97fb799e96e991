"""What a model card says of the data; tests/unit/models/test_export.py reads whole cards."""

import pytest

from study.data.datasets import dataset
from study.report.model_card import _licence


def manifest(name: str, **changes: str) -> dict:
    """Return the manifest of a data set of official files, except the changed ones."""
    files = dataset(name).md5 | changes
    return {"dataset": name, "sources": {file: f"md5:{digest}" for file, digest in files.items()}}


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "fashion_mnist", "digits"])
def test_the_licence_is_that_of_the_data_sets_record(name):
    assert _licence(manifest(name)) == dataset(name).licence
    assert "not known" not in dataset(name).licence


def test_other_files_under_the_name_of_a_data_set_have_no_known_licence():
    assert _licence(manifest("cifar10", test_batch="0" * 32)).startswith("not known to the project")
    assert _licence({"dataset": "folder", "sources": {}}).startswith("not known to the project")
