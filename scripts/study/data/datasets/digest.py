"""A digest of your own images: the workflow asks at every start, so each file is read once."""

import contextlib
import hashlib
import json
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from study.data.datasets.image_kinds import HEIF, reads_heif
from study.data.datasets.image_names import Listed
from study.data.datasets.listing import Listing
from study.files import recorded, write_text

# A file system may not tell two changes apart that are closer than this, in seconds.
_RACY = 2
_ANNOUNCED = 200_000_000  # bytes that take some seconds to read


def digest_of_images(listing: Listing, remembered: str | Path | None = None) -> str:
    """Return a digest of which images there are and what they contain.

    Times and the place of the folder do not count.

    Args:
        listing: of the images.
        remembered: file that keeps the digests of files with their sizes and times, as git's index
            does, so that files are read once; may be missing.

    Returns:
        Sixty-four hexadecimal digits, sha256.
    """
    known = recorded(remembered) if remembered else {}
    status = {str(image.path): _status(image.path) for image in listing.images}
    new = {
        path for path, seen in status.items() if seen and known.get(path, [None])[:-1] != list(seen)
    }
    size = sum(status[path][0] for path in new)
    if size > _ANNOUNCED:
        print(
            f"reading {len(new):,} new or changed images, {size / 1e9:.1f} GB",
            file=sys.stderr,
            flush=True,
        )
    digests = {
        path: _content_digest(path) if path in new else known[path][-1] if seen else None
        for path, seen in status.items()
    }
    # What was changed just now may change once more without another time.
    limit = time.time_ns() - _RACY * 10**9
    kept = {
        path: [*seen, digests[path]]
        for path, seen in status.items()
        if seen and max(seen[1:]) < limit
    }
    if remembered is not None and new:
        with contextlib.suppress(OSError):  # else the files are read again next time
            write_text(remembered, json.dumps(kept))
    return combined_digest((image, digests[str(image.path)]) for image in listing.images)


def combined_digest(contents: Iterator[tuple[Listed, str | None]]) -> str:
    """Return the digest of images with the sha256 of their contents; None if not readable."""
    whole = hashlib.sha256()
    for image, content in contents:
        # Once pillow-heif is installed, a phone's photographs are read, which is another data set.
        unread = ["unread"] if image.path.suffix.lower() in HEIF and not reads_heif() else []
        group = [{"group": image.group}] if image.group else []
        whole.update(json.dumps([*image[:3], content, *unread, *group]).encode() + b"\n")
    return whole.hexdigest()


def _status(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):  # a named pipe is waited for without end
        return None
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _content_digest(path: str) -> str | None:
    try:
        with Path(path).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return None
