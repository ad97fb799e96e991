"""Waits for scripts to run, and runs each in a fork of this process, which has libraries loaded.

python server.py SOCKET PYTHON

PYTHON is what Snakemake takes for the Python that runs it, and runs jobs with.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
from pathlib import Path

LIBRARIES = (
    "numpy", "pandas", "torch", "matplotlib.figure", "scipy.stats", "yaml", "PIL.Image",
    "safetensors.torch", "jsonschema", "snakemake.cli", "snakemake_executor_plugin_slurm",
)  # fmt: skip


def serve(path: str, python: str) -> None:
    """Answer until the process that started this one has ended."""
    parent = os.getppid()
    for name in LIBRARIES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"{path}.new")
        listening.listen(64)
        Path(f"{path}.new").rename(path)
        listening.settimeout(2)
        while os.getppid() == parent:
            with contextlib.suppress(TimeoutError):
                connection, _ = listening.accept()
                if os.fork() == 0:
                    listening.close()
                    answer(connection, python)
                connection.close()


def answer(connection: socket.socket, python: str) -> None:
    """Run one script; say with which status it ended. It is killed when who asked is."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    connection.settimeout(None)
    request, streams, _, _ = socket.recv_fds(connection, 1 << 22, 3)
    job = os.fork()
    if job == 0:
        connection.close()
        os.setsid()
        run(json.loads(request), streams, python)
    ended = os.pidfd_open(job)
    ready, _, _ = select.select([ended, connection], [], [])
    if ended not in ready:
        os.killpg(job, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(job, 0)[1])
    with contextlib.suppress(OSError):
        connection.sendall(str(code).encode())
    os._exit(0)


def run(request: dict, streams: list[int], python: str) -> None:
    """Become the process of a script."""
    atexit._clear()  # what libraries want to do at the end of this process
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.closerange(3, 64)
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(n, "w" if n else "r") for n in range(3))
    sys.stderr.reconfigure(line_buffering=True)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = request["arguments"]
    sys.orig_argv = [sys.executable, *sys.argv]
    if not sys.argv[0].endswith(".py"):
        sys.executable = python
    found = request["environment"].get("PYTHONPATH", "").split(os.pathsep)
    outside = sys.path[1:]  # without the folder of this file
    sys.path[:] = [str(Path(sys.argv[0]).parent.absolute()), *filter(None, found), *outside]
    code = 1
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        with contextlib.suppress(Exception):
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve(*sys.argv[1:])
