"""What is known of images before any job runs."""

import json

import pytest

from study.data.datasets.planning import memory_of_images


@pytest.mark.parametrize(
    ("n_images", "size", "megabytes"),
    [
        (20_000, 224, (3500 + 3010, 2000)),
        (60_000, 64, (3500 + 737, 1000 + 2949)),
        (500, 32, (4000, 2000)),  # what jobs ask for in any case
    ],
)
def test_memory_follows_from_the_number_and_size_of_images(tmp_path, n_images, size, megabytes):
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"images": [n_images, size, size, 3]}))
    config = {"dataset": {"name": "folder", "image_size": size}}
    training = memory_of_images(config, manifest, base=3500, least=4000)
    pairs = memory_of_images(config, manifest, base=1000, least=2000, side=64, value_bytes=4)
    assert (training, pairs) == megabytes
