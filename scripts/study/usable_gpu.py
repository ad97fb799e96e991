"""Whether torch can use a GPU that is there: asked in a process of its own, and remembered.

Torch takes seconds to ask, and the workflow asks at every start. Only a yes is remembered: not
every way to mend a no changes what is known of the machine.
"""

import contextlib
import functools
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from study.files import write_cache

_MEMORY = Path(__file__).parent / "__pycache__" / "usable_gpus.json"
# Machines; the latest.
_MOST_REMEMBERED = 100
# Seconds for an answer.
_PATIENCE = 60
# Prints why a GPU cannot be used, and nothing where it can. One that is full or taken at the moment
# can; one that is older than torch's kernels cannot, and torch itself notices that late.
_QUESTION = """
import torch
if torch.cuda.is_available():
    try:
        torch.ones(1, device="cuda") + 1
    except RuntimeError as error:
        if "no kernel image" in str(error) or "invalid device function" in str(error):
            print(error)
else:
    try:
        torch.cuda.init()
    except Exception as error:
        print(error)
    else:
        print("torch.cuda.is_available() is false")
"""


def ask_torch() -> str | None:
    """Return in words why torch cannot use a GPU, "" if it can, None if there is no answer."""
    command = [sys.executable, "-P", "-c", _QUESTION]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_PATIENCE, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    # The first sentence says why; the others send the reader to pages.
    return None if done.returncode else re.split(r"\.\s|\n", done.stdout.strip())[0].rstrip(".")


@functools.cache
def why_unusable(
    facts: tuple[str, ...],
    ask: Callable[[], str | None] = ask_torch,
    memory: Path = _MEMORY,
) -> str:
    """Return in words why torch cannot use a GPU that is there; "" if it can or does not answer.

    Args:
        facts: what the answer rests on, such as torch's version and the driver's. Others ask again.
        ask: returns the answer, None if there is none.
        memory: file of the facts under which it could.
    """
    key = hashlib.sha256(json.dumps([_QUESTION, *facts]).encode()).hexdigest()[:16]
    known: list[str] = []
    with contextlib.suppress(OSError, ValueError, TypeError):
        known = list(json.loads(memory.read_text()))
    if key in known:
        return ""
    why = ask()
    if why == "":
        write_cache(memory, [*known[1 - _MOST_REMEMBERED :], key])
    return why or ""
