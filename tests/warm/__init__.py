"""Processes forked from one that has the libraries: `python` and `snakemake` without their imports.

Importing torch, pandas and Snakemake is most of the time of a tiny study. All else is as in a
process of its own: arguments, folder, environment, output, exit status, and what is imported of
the project. Tests of how processes start, end and are killed start their own (`fresh`).
"""

import atexit
import functools
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

_HERE = Path(__file__).parent


@functools.cache
def folder() -> Path:
    """Return a folder with both commands, whose server runs as long as this process."""
    made = Path(tempfile.mkdtemp(prefix="warm"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    socket = made / "socket"
    ask = [sys.executable, "-I", "-S", _HERE / "client.py", sys.executable, socket]
    snakemake = Path(sys.executable).with_name("snakemake")
    for name, command in (("python", ask), ("snakemake", [*ask, snakemake])):
        (made / name).write_text(f'#!/bin/sh\nexec {shlex.join(map(str, command))} "$@"\n')
        (made / name).chmod(0o755)
    server = subprocess.Popen([sys.executable, _HERE / "server.py", socket, made / "python"])
    while not socket.exists():
        assert server.poll() is None, "the server of warm processes ended"
        time.sleep(0.02)
    return made


def needs_a_fresh_process(environment: Mapping[str, str]) -> bool:
    """Tell whether there are variables that Python or a library reads when it is imported.

    Also where the system, which is not Linux, cannot wait for a process and a socket at once.
    """
    read = ("PYTHON", "MPL", "MATPLOTLIBRC", "TORCH_")
    return not hasattr(os, "pidfd_open") or any(name.startswith(read) for name in environment)
