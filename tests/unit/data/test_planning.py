"""What is known of images before any job runs."""

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
def test_memory_follows_from_the_number_and_size_of_images(n_images, size, megabytes):
    training = memory_of_images(n_images, size, base=3500, least=4000)
    pairs = memory_of_images(n_images, min(size, 64), base=1000, least=2000, value_bytes=4)
    assert (training, pairs) == megabytes
