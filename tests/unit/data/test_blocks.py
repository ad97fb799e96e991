"""Images larger than the memory: all of them, in order, and no more than a block at a time."""

from pathlib import Path

import numpy as np
import pytest

from study.data.blocks import blocks, write_in_blocks
from study.devices import system_text


@pytest.fixture
def stored(tmp_path):
    """The file of 100 images of 64×64 pixels in four colours."""
    images = np.random.default_rng(0).integers(0, 256, (100, 64, 64, 4), np.uint8)
    np.save(tmp_path / "images.npy", images)
    return images, tmp_path / "images.npy"


def test_blocks_are_copies_of_all_images_in_order(stored):
    images, path = stored
    for array in (images, np.load(path, mmap_mode="r"), np.load(path, mmap_mode="r")[:60]):
        parts = list(blocks(array, 7))
        assert [start for start, _ in parts] == list(range(0, len(array), 7))
        assert np.array_equal(np.concatenate([part for _, part in parts]), array)
        assert all(part.flags.writeable for _, part in parts)


def test_a_written_array_is_that_of_numpy(stored, tmp_path):
    path = stored[1]
    write_in_blocks(tmp_path / "other.npy", np.load(path, mmap_mode="r"))
    assert (tmp_path / "other.npy").read_bytes() == path.read_bytes()


@pytest.mark.skipif(not system_text(Path("/proc/self/status")), reason="needs Linux's /proc")
def test_what_was_read_of_a_file_leaves_the_process(tmp_path):
    np.save(tmp_path / "large.npy", np.ones((640, 256, 256, 3), np.uint8))
    images, most = np.load(tmp_path / "large.npy", mmap_mode="r"), 0
    before = mapped_megabytes()
    for _, part in blocks(images):
        most = max(most, mapped_megabytes() - before)
        assert part.nbytes <= 2**24
    assert most < images.nbytes / 1e6 / 3


def mapped_megabytes():
    lines = dict(line.split(":") for line in system_text(Path("/proc/self/status")).splitlines())
    return int(lines["RssFile"].split()[0]) / 1e3
