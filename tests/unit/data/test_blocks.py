"""Images larger than the memory: all of them, in order, and no more than a block at a time."""

import os
from pathlib import Path
from unittest.mock import Mock

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
    images, path = stored
    write_in_blocks(tmp_path / "other.npy", images)
    assert (tmp_path / "other.npy").read_bytes() == path.read_bytes()


def test_what_was_there_stays_until_all_is_written(stored, tmp_path, monkeypatch):
    other = tmp_path / "other.npy"
    other.write_bytes(b"before")
    monkeypatch.setattr("study.data.blocks.blocks", Mock(side_effect=OSError(28, "disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_in_blocks(other, stored[0])
    assert other.read_bytes() == b"before"


def test_images_that_are_a_whole_file_lie_on_disk_once(stored, tmp_path, monkeypatch):
    images, path = stored
    os.utime(path, (0, 0))
    whole, other, part = np.load(path, mmap_mode="r"), tmp_path / "other.npy", tmp_path / "part.npy"
    for _ in range(2):
        write_in_blocks(other, whole)
        assert sorted(tmp_path.iterdir()) == [path, other]
    assert other.samefile(path) and other.stat().st_mtime > 1
    write_in_blocks(part, whole[:60])
    assert not part.samefile(path) and np.array_equal(np.load(part), images[:60])

    monkeypatch.setattr("os.link", Mock(side_effect=OSError))  # as between two disks
    write_in_blocks(other, whole)
    assert not other.samefile(path) and other.read_bytes() == path.read_bytes()


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
