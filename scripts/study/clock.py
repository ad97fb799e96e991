"""Files that are dated in the future, because the clock was wrong when they were written."""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

# Older than any result, and a date that every archive format knows.
_LONG_AGO = 946684800  # 2000-01-01T00:00:00Z
# Clocks of a machine and of its file server are not quite the same, seconds.
_TOLERANCE = 10


def date_back(folder: str | Path, now: float | None = None) -> int:
    """Date the files and folders below a folder that are from the future back to the year 2000; return how many there were.

    A result from the future would pass for newer than all that it is made from, whatever changes,
    and nothing new could be made from it. One that is older than what it is made from is compared
    by content.

    Args:
        folder: where to look; links are not followed, but what they name is dated back too. What
            may not be changed stays.
        now: seconds since 1970; the clock's by default.
    """
    limit = (time.time() if now is None else now) + _TOLERANCE
    count = 0
    for entry in _entries(folder):
        with contextlib.suppress(OSError):
            for follows in (False, True) if entry.is_symlink() else (True,):
                if entry.stat(follow_symlinks=follows).st_mtime > limit:
                    os.utime(entry.path, (_LONG_AGO, _LONG_AGO), follow_symlinks=follows)
                    count += 1
    return count


def _entries(folder: str | Path) -> Iterator[os.DirEntry]:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _entries(entry.path)
            yield entry
