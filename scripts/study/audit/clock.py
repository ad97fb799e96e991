"""Files that are dated in the future, because the clock was wrong when they were written."""

import contextlib
import os
import time
from pathlib import Path

# 2000-01-01T00:00:00Z: older than any result, and a date that every archive format knows.
_LONG_AGO = 946684800
# Seconds by which the clocks of a machine and of its file server may differ.
_TOLERANCE = 10


def date_back(folder: str | Path, now: float | None = None) -> int:
    """Date everything below a folder that is from the future back to 2000; return how much it was.

    Snakemake refuses the output of a job that is older than an input: it deletes the output, so
    that no job can use a result from the future. And such a result passes for newer than what it
    is made from, whatever changes. One that is older is compared by content.

    Args:
        folder: where to look. Links are not followed, but what they name is dated back too.
        now: seconds since 1970; default: the clock's.
    """
    limit = (time.time() if now is None else now) + _TOLERANCE
    count = 0
    for parent, folders, files in os.walk(folder):
        for path in (Path(parent, name) for name in (*folders, *files)):
            for follows in (False, True) if path.is_symlink() else (True,):
                with contextlib.suppress(OSError):  # what may not be changed stays
                    if path.stat(follow_symlinks=follows).st_mtime > limit:
                        os.utime(path, (_LONG_AGO, _LONG_AGO), follow_symlinks=follows)
                        count += 1
    return count
