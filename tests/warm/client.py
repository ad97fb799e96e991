"""Stands for `python` where jobs look for it: asks the server, or becomes Python itself.

It is started without the libraries, in 20 ms.
"""

import json
import os
import socket
import sys

PYTHON, SOCKET, *ARGUMENTS = sys.argv[1:]


def main() -> None:
    """Run a script by a fork of the server, anything else by Python."""
    if not (ARGUMENTS and ARGUMENTS[0].endswith((".py", "/snakemake"))):
        os.execv(PYTHON, [PYTHON, *ARGUMENTS])
    folder = os.getcwd()  # noqa: PTH109 - pathlib takes as long as all the rest
    request = {"arguments": ARGUMENTS, "folder": folder, "environment": dict(os.environ)}
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(SOCKET)
        socket.send_fds(connection, [json.dumps(request).encode()], [0, 1, 2])
        code = connection.recv(16)
    if not code:
        sys.exit("the warm process ended")
    number = int(code)
    if number < 0:
        os.kill(os.getpid(), -number)
    sys.exit(number)


main()
