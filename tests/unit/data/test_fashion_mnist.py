"""Fashion-MNIST: four files in the IDX format."""

import gzip
import struct

import numpy as np
import pytest
from made_images import write_members

from study.data.datasets import Source, dataset
from study.errors import StudyError


def idx(array: np.ndarray) -> bytes:
    head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return gzip.compress(head + array.astype(np.uint8).tobytes())


def fashion_members(n_labels: int = 12) -> dict[str, bytes]:
    random = np.random.default_rng(1)
    return {
        "train-images-idx3-ubyte.gz": idx(random.integers(0, 256, (12, 28, 28))),
        "train-labels-idx1-ubyte.gz": idx(np.arange(n_labels) % 10),
        "t10k-images-idx3-ubyte.gz": idx(random.integers(0, 256, (3, 28, 28))),
        "t10k-labels-idx1-ubyte.gz": idx(np.array([9, 8, 7])),
    }


def test_fashion_mnist_keeps_its_size_and_gets_three_equal_colours(tmp_path):
    members = fashion_members()
    source = Source(
        archive=tmp_path / "files", checksums=write_members(tmp_path / "files", members)
    )
    dataset("fashion_mnist").fetch(tmp_path / "raw", source)
    data = dataset("fashion_mnist").decode(tmp_path / "raw", source)
    assert (
        data.images.shape == (15, 28, 28, 3) and (data.images[..., 0] == data.images[..., 2]).all()
    )
    grey = np.frombuffer(
        gzip.decompress(members["t10k-images-idx3-ubyte.gz"])[16:], np.uint8
    ).reshape(3, 28, 28)
    assert np.array_equal(data.images[12:, ..., 1], grey)
    assert data.labels[-3:].tolist() == [9, 8, 7] and data.source_split[11:13] == ["train", "test"]
    with pytest.raises(StudyError, match=r"md5 is .* expected 8d4fb7e6"):
        dataset("fashion_mnist").fetch(tmp_path / "again", Source(archive=tmp_path / "files"))
    with pytest.raises(StudyError, match="missing; expected the files"):
        dataset("fashion_mnist").fetch(tmp_path / "again", Source(archive=tmp_path / "nowhere"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train-labels-idx1-ubyte.gz", idx(np.zeros(7)), "12 images and 7 labels"),
        ("train-labels-idx1-ubyte.gz", idx(np.full(12, 10)), "labels 0–9"),
        (
            "train-images-idx3-ubyte.gz",
            idx(np.zeros(12)),
            "not an IDX file of bytes in 3 dimensions",
        ),
        ("train-images-idx3-ubyte.gz", b"<html>", "truncated or damaged"),
        ("train-images-idx3-ubyte.gz", gzip.compress(b""), "not an IDX file"),
    ],
    ids=lambda one: one if isinstance(one, str) else "content",
)
def test_an_idx_file_of_another_shape_is_refused(tmp_path, name, content, message):
    members = fashion_members() | {name: content}
    source = Source(checksums=write_members(tmp_path / "raw", members))
    with pytest.raises(StudyError, match=message):
        dataset("fashion_mnist").decode(tmp_path / "raw", source)
