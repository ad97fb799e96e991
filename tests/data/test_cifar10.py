"""The real CIFAR-10, where it is present."""

import hashlib
import time

import numpy as np
import pytest
from conftest import real_archive

from study.data.datasets import Source, dataset
from study.data.datasets.cifar10 import CIFAR10
from study.data.partitions import draw_partitions

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(
        real_archive() is None, reason="no CIFAR-10 archive (CIFAR10_ARCHIVE or ../shared/data)"
    ),
]


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cifar10") / "raw"
    dataset("cifar10").fetch(folder, Source(archive=real_archive()))
    return folder


@pytest.fixture(scope="module")
def data(raw):
    return dataset("cifar10").decode(raw, Source())


def test_the_members_have_the_official_md5s(raw):
    for name in CIFAR10.md5:
        assert hashlib.md5((raw / name).read_bytes()).hexdigest() == CIFAR10.md5[name]


def test_numbers_order_and_classes_are_those_of_cifar10(data):
    assert (
        data.images.shape == (dataset("cifar10").n_images, 32, 32, 3)
        and data.images.dtype == np.uint8
    )
    counts = np.bincount(data.labels[:10_000], minlength=10)
    assert counts.tolist() == [1005, 974, 1032, 1016, 999, 937, 1030, 1001, 1025, 981]
    assert np.bincount(data.labels).tolist() == [6000] * 10
    assert data.classes == [
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    ]
    assert data.classes[data.labels[0]] == "frog" and data.classes[data.labels[50_000]] == "cat"
    assert data.source_split == ["train"] * 50_000 + ["test"] * 10_000
    assert data.files[0] == "data_batch_1/leptodactylus_pentadactylus_s_000004.png"


def test_the_colours_are_right(data):
    """The published channel means of the training images: .4914 .4822 .4465."""
    means = data.images[:50_000].reshape(-1, 3).mean(axis=0) / 255
    assert means == pytest.approx([0.4914, 0.4822, 0.4465], abs=1e-4)


def test_three_partitions_of_twenty_thousand_are_balanced(data):
    for image_ids in draw_partitions(
        data.labels, {"v1": 20_000, "v2": 20_000, "v3": 20_000}, 42
    ).values():
        assert np.bincount(data.labels[image_ids]).tolist() == [2000] * 10


def test_decoding_takes_seconds(raw):
    start = time.perf_counter()
    dataset("cifar10").decode(raw, Source())
    assert time.perf_counter() - start < 10  # about one second on an idle core
