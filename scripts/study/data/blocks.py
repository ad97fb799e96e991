"""Images of an array that may be larger than the memory, a block at a time."""

import mmap
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from study.files import atomic_path

_AT_ONCE = 2**24  # values


def blocks(images: np.ndarray, size: int = 0) -> Iterator[tuple[int, np.ndarray]]:
    """Yield images, N×H×W×C, a block at a time: the number of its first image, and a copy of it.

    Args:
        images: in memory or mapped.
        size: images of a block. Default: as many as take 16 MB as bytes.
    """
    size = size or max(1, _AT_ONCE // max(1, images[:1].size))
    for start in range(0, len(images), size):
        yield start, picked(images, slice(start, start + size))


def picked(images: np.ndarray, which: np.ndarray | slice) -> np.ndarray:
    """Return a copy of some images; what was read of a mapped file leaves the process again."""
    copy = np.array(images[which])
    mapped = getattr(images, "_mmap", None)
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)
    return copy


def write_in_blocks(path: str | Path, images: np.ndarray) -> None:
    """Write an array as .npy, atomically, in the memory of one block.

    Where the array is the whole of a mapped .npy file, the result is a second name of this file, if
    the file system allows it. So the images lie on disk once. Nothing may write into either.
    """
    header = np.lib.format.header_data_from_array_1_0(images) | {"fortran_order": False}
    with atomic_path(path) as temporary:
        if _linked(images, temporary):
            # Renaming one name of a file to another of its names would do nothing.
            Path(path).unlink(missing_ok=True)
            return
        with temporary.open("wb") as stream:
            np.lib.format.write_array_header_1_0(stream, header)
            for _, block in blocks(images):
                stream.write(block.data)


def _linked(images: np.ndarray, path: Path) -> bool:
    """Make `path` another name of the file that `images` is the whole of; say whether it is."""
    source = getattr(images, "filename", None)
    if source is None or np.load(source, mmap_mode="r").shape != images.shape:
        return False
    try:
        os.link(source, path)
    except OSError:  # another disk, or a file system without links
        return False
    os.utime(path)  # made now, as far as a workflow is concerned
    return True
