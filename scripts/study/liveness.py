"""Whether a job is still running, by a lock on its log that the kernel frees when the job ends, however it ends."""

import contextlib
import fcntl
import sys
from pathlib import Path


def hold_log() -> None:
    """Lock what this process prints to, until it ends; nothing happens where that is no file or cannot be locked."""
    with contextlib.suppress(OSError):
        fcntl.flock(sys.stderr.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


def has_ended(log: Path) -> bool:
    """Tell whether the job that wrote a log is certain to be no longer running."""
    try:
        with log.open() as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:  # held, or a file system without locks
        return False
    return True
