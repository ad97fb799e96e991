"""What is known of images before any job runs."""

import pytest

from study.data.datasets.planning import OwnImages, count_images, memory_of_images, own_images
from study.errors import StudyError
from study.files import write_json, write_text


@pytest.mark.parametrize(
    ("n_images", "size", "megabytes"),
    [
        (20_000, 224, (3500 + 3010, 2000)),
        (60_000, 64, (3500 + 737, 1000 + 2949)),
        (500, 32, (4000, 2000)),  # what jobs ask for in any case
    ],
)
def test_memory_follows_from_the_number_and_size_of_images(n_images, size, megabytes):
    training = memory_of_images(n_images, size, base=3500, least=4000)
    pairs = memory_of_images(n_images, min(size, 64), base=1000, least=2000, value_bytes=4)
    assert (training, pairs) == megabytes


@pytest.mark.parametrize("content", ["", "\0" * 40, '{"images": [7', "[7]"])
def test_a_damaged_manifest_stops_no_plan_as_the_command_that_mends_it_plans_too(tmp_path, content):
    config = {
        "dataset": {"name": "cifar10", "checksums": {}},
        "partitions": [{"name": "v1", "size": 100}],
    }
    whole, damaged = tmp_path / "whole.json", tmp_path / "damaged.json"
    write_text(whole, '{"dataset": "cifar10", "images": [7, 32, 32, 3]}')
    write_text(damaged, content)
    assert count_images(config, whole) == 7
    assert count_images(config, damaged) == count_images(config, tmp_path / "none.json") == 60_000


def test_images_that_are_gone_are_those_of_before_unless_the_path_is_another(tmp_path):
    manifest = tmp_path / "manifest.json"
    write_json(manifest, {"dataset": "folder", "sources": {"images": "sha256:ab"}})
    config = {"dataset": {"name": "folder", "path": str(tmp_path / "photo"), "test_path": ""}}
    files = config, manifest, tmp_path / "remembered.json"
    for made_with in (None, config["dataset"]):
        assert own_images(*files, made_with) == OwnImages("ab", False)
    with pytest.raises(StudyError, match="photo"):
        own_images(*files, {"path": str(tmp_path / "photos")})
