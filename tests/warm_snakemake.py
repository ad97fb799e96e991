"""Calls of Snakemake by processes forked from one that has imported it: two seconds less each.

All else is as in a process of its own: folder, environment, arguments, output, exit status.
"""

import atexit
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

_CONTEXT = multiprocessing.get_context("forkserver")
# The command's own module, and plugins that it would import at each call.
_CONTEXT.set_forkserver_preload(["snakemake.cli", "snakemake_executor_plugin_slurm", "jsonschema"])

_OURS = {"", *(str(Path(__file__).parents[1] / name) for name in (".", "tests", "scripts"))}


def call(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], timeout: float
) -> subprocess.CompletedProcess:
    """Run `snakemake` and return what it printed."""
    with tempfile.TemporaryDirectory() as printed:
        streams = [Path(printed, name) for name in ("stdout", "stderr")]
        process = _CONTEXT.Process(
            target=_snakemake, args=(list(arguments), folder, dict(environment), streams)
        )
        process.start()
        process.join(timeout)
        if process.is_alive():
            process.kill()
            raise subprocess.TimeoutExpired(["snakemake", *arguments], timeout)
        texts = [stream.read_text() for stream in streams]
    return subprocess.CompletedProcess(["snakemake", *arguments], process.exitcode, *texts)


def _snakemake(
    arguments: list[str], folder: Path, environment: dict[str, str], streams: list[Path]
) -> None:
    from snakemake.cli import main

    for number, stream in enumerate(streams, 1):
        os.dup2(os.open(stream, os.O_WRONLY | os.O_CREAT), number)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", buffering=1) for number in (1, 2))
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["snakemake", *arguments]
    # Modules are found where the command finds them: none of this project's or its tests'.
    sys.path[:] = [path for path in sys.path if path not in _OURS]
    try:
        main()
    finally:
        sys.stdout.flush()
        atexit._run_exitfuncs()
