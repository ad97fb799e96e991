"""How a job starts, is seen to run, and ends: quietly, or with one line of error."""

import argparse
import contextlib
import errno
import fcntl
import gc
import itertools
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from study.code import require_planned_code
from study.errors import StudyError, escaped, one_line
from study.files import unreadable

# A full disk, a full quota and a file-size limit read the same to a user: there is no room.
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# Bytes; a folder with less room than this is full.
_A_FILE = 1_000_000
# What Ctrl-C leaves in the log of a job; it has not failed.
INTERRUPTED = "interrupted; run the same command again to go on"
# Environment of a process that trains on a CPU. glibc maps and unmaps every large activation at
# each training step unless told to keep the memory, which costs 1.2 to 1.7 times the time. It reads
# this when a process starts; other C libraries ignore it.
KEEP_MEMORY = {
    "GLIBC_TUNABLES": (
        "glibc.malloc.mmap_threshold=4294967296:glibc.malloc.trim_threshold=17179869184:glibc.malloc.top_pad=268435456"
    )
}


def device_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what a job computes on."""
    parser.add_argument(
        "--gpus", type=int, default=0, help="0: on the CPU; 1: on a GPU (default: %(default)s)"
    )
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: %(default)s)")


def print_what_the_terminal_can() -> None:
    """Print ? for letters that a terminal which is not UTF-8 lacks, instead of failing."""
    with contextlib.suppress(AttributeError):  # not a stream of the system's, as in a notebook
        sys.stdout.reconfigure(errors="replace")


class StartAnew(Exception):
    """The job is to be started again, with variables of the environment that it reads.

    For what a process cannot fix in itself, such as the state that an error left on a GPU.
    """

    def __init__(self, reason: str, **variables: str):
        super().__init__(reason)
        self.variables = variables


@contextlib.contextmanager
def starting_anew() -> Iterator[None]:
    """Start this process again, by its own command, where `StartAnew` is raised within."""
    try:
        yield
    except StartAnew as again:
        print(f"note: {again}", file=sys.stderr, flush=True)
        os.execve(sys.executable, sys.orig_argv, os.environ | again.variables)


@contextlib.contextmanager
def end_in_one_line() -> Iterator[None]:
    """Turn failures within that a user can fix into one line on stderr and exit 1."""
    try:
        yield
    except StudyError as error:
        message = str(error)
    except BrokenPipeError:  # whoever read the output, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except (ImportError, MemoryError) as error:
        # So say libraries that are loaded where there is little left.
        if isinstance(error, ImportError) and "failed to map segment" not in str(error):
            raise
        message = (
            f"not enough memory ({error}); close other programs, run fewer jobs at once, or "
            "raise the limit (ulimit -v)"
        )
    except OSError as error:
        if error.errno in _NO_ROOM:
            where = error.filename or _full_folder()
            message = (
                f"no space left while writing {where} ({error.strerror}): nothing was kept of it; "
                "free some space and run the same command again"
            )
        elif error.filename is not None:
            message = (
                f"{error.filename}: {error.strerror}; "
                "check that the path exists and may be accessed"
            )
        else:
            raise
    except KeyboardInterrupt:
        message = INTERRUPTED
    else:
        return
    print(f"error: {escaped(one_line(message))}", file=sys.stderr)
    raise SystemExit(1)


def _full_folder() -> str:
    """Return which folder has no room: the temporary one, if it is it, or that of results."""
    temporary = Path(os.environ.get("TMPDIR", "/tmp"))
    results = "results" if Path("results").is_dir() else "."
    with contextlib.suppress(OSError):
        if shutil.disk_usage(temporary).free < _A_FILE <= shutil.disk_usage(results).free:
            return f"the temporary folder {temporary} (set TMPDIR to use another)"
    return "the results folder"


def run_script(parser: argparse.ArgumentParser, main: Callable[[argparse.Namespace], None]) -> None:
    """Parse the command line and run `main`; failures that a user can fix are one line, exit 1.

    With `--code`, a digest that the workflow gives and the modules that the script imports by a
    name it is given, nothing runs unless the code on disk has that digest: else results would be
    recorded as those of code that did not make them. With `--job`, see `stop_with_ancestors`.
    """
    parser.add_argument(
        "--code",
        metavar="DIGEST[:MODULE…]",
        help="refuse to run unless this is the digest of the code",
    )
    parser.add_argument(
        "--job", action="store_true", help="end when the workflow that started this ends"
    )
    # Importing torch makes 200,000 objects that stay. To look through them for garbage after each
    # 700 more, and once more at the end, is a quarter of the time that the import takes.
    gc.set_threshold(50_000)
    print_what_the_terminal_can()
    arguments = parser.parse_args()
    with end_in_one_line():
        # By its absolute path, as `__file__` is: a script that asks again gets the digest from the
        # cache.
        digest, *modules = (arguments.code or "").split(":")
        if digest:
            require_planned_code(digest, Path(sys.argv[0]).absolute(), *modules)
        _check_inputs(arguments)
        if arguments.job:
            stop_with_ancestors()
        with starting_anew():
            main(arguments)
    gc.freeze()


def _check_inputs(arguments: argparse.Namespace) -> None:
    """Insist that no result that a job is given is empty; what it is to write is not there yet."""
    for value in vars(arguments).values():
        for path in value if isinstance(value, list) else [value]:
            with contextlib.suppress(OSError):  # no path but some text, such as a recipe
                is_result = isinstance(path, str) and "results" in Path(path).parts
                if is_result and not Path(path).stat().st_size:
                    raise unreadable(path, "empty")


def require_one_option(words: Sequence[str]) -> None:
    """Insist that --configfile is given once, because of two Snakemake takes the last alone.

    Args:
        words: of the command line.

    Raises:
        StudyError: it is given more often.
    """
    options = list(itertools.takewhile(lambda word: word != "--", words))
    if sum(word.startswith("--configf") for word in options) > 1:
        raise StudyError(
            "--configfile is given twice, and only the last would count; write it once with all "
            "files: --configfile first.yaml second.yaml"
        )


def stop_with_ancestors(depth: int = 2, every: float = 1.0) -> None:
    """End this process soon after one of its next `depth` ancestors has ended.

    For a job these are the shell and Snakemake: when Snakemake is killed outright, its jobs would
    otherwise train on, beside those of the next call. What was saved before stays.

    Args:
        depth: how many ancestors to watch.
        every: seconds between looks.
    """
    import psutil

    ancestors = psutil.Process().parents()[:depth]

    def watch() -> None:
        pause = threading.Event()
        while all(
            process.is_running() and process.status() != psutil.STATUS_ZOMBIE
            for process in ancestors
        ):
            pause.wait(every)
        print(
            "error: the workflow that started this job is gone; stopping",
            file=sys.stderr,
            flush=True,
        )
        os._exit(1)

    threading.Thread(target=watch, name="ancestors", daemon=True).start()


def hold_log() -> None:
    """Lock the log that this process prints to until it ends, where it is a lockable file."""
    with contextlib.suppress(OSError):
        fcntl.flock(sys.stderr.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


def has_ended(log: Path) -> bool:
    """Tell whether the job that wrote a log is certain to be no longer running."""
    try:
        with log.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:  # held, or a file system without locks
        return False
    return True
