"""What a configuration may say of your own images and of shares."""

from copy import deepcopy

import pytest
from conftest import ROOT

from study.config.checks import check_config
from study.config.study import check_study
from study.errors import StudyError
from study.files import read_yaml

CONFIG = read_yaml(ROOT / "config/config.yaml")


CONFIG_SCHEMA = read_yaml(ROOT / "workflow/schemas/config.schema.yaml")


def with_dataset(**changes):
    return deepcopy(CONFIG) | {"dataset": CONFIG["dataset"] | changes}


def with_sizes(*sizes):
    return deepcopy(CONFIG) | {
        "partitions": [{"name": f"v{i}", "size": size} for i, size in enumerate(sizes, 1)],
        "combos": ["v1"],
    }


@pytest.mark.parametrize(
    ("config", "fragment"),
    [
        (with_dataset(name="folder"), "dataset.path is empty; write where your images are"),
        (with_dataset(path="x"),
        "dataset.name is 'cifar10'; for images of your own write name: folder"),
        (with_dataset(name="folder", path=__file__),
        "is a file, expected a folder; for a table write name: csv"),
        (with_dataset(name="csv", path="/"),
        "is a folder, expected a CSV file; write name: folder"),
        (with_dataset(name="folder", path="x") | {"combos": ["official"]},
        "dataset.test_path is empty"),
        (with_dataset(fit="stretch"), "expected one of resize, crop"),
        (with_dataset(image_size=0), "dataset.image_size"),
        (with_sizes(0.5, 0.6), r"ask for 1.1 of the images, expected at most 1; write for example "
         r"partitions: \[\{name: v1, size: 0.4545\}"),
        (with_sizes(0.5, 600), "numbers of images and shares mixed"),
        (with_sizes(600.0),
        r"partitions\[0\].size is 600.0, expected a number of images such as 600 or a share"),
        (with_sizes(0.0), r"partitions\[0\].size"),
    ],
)  # fmt: skip
def test_a_wrong_configuration_says_what_to_write(config, fragment):
    with pytest.raises(StudyError, match=fragment):
        check_config(config, CONFIG_SCHEMA)


def test_shares_and_own_test_images_are_accepted():
    check_config(with_sizes(0.3, 0.3, 0.4), CONFIG_SCHEMA)
    check_config(
        with_dataset(name="folder", path="x", test_path="y") | {"combos": ["official", "v1"]},
        CONFIG_SCHEMA,
    )


@pytest.mark.parametrize(
    ("dataset", "fragment"),
    [
        ({"name": "folder", "path": "x", "image_size": 24},
        "at least 32×32 pixels.*have 24×24; write dataset.image_size: 32 or more"),
        ({"name": "fashion_mnist"}, "at least 32×32 pixels.*have 28×28; take resnet9_tuned out"),
    ],
)  # fmt: skip
def test_a_model_that_needs_larger_images_is_named_with_the_size(dataset, fragment, monkeypatch):
    monkeypatch.chdir(ROOT)
    config = with_dataset(**dataset) | {"models": ["cnn2", "resnet9_tuned"]}
    with pytest.raises(StudyError, match=fragment):
        check_study(config, ROOT)
