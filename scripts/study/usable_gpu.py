"""Whether torch can use a GPU that is there: asked in a process of its own, and remembered.

Torch takes seconds to ask, and the workflow asks at every start.
"""

import contextlib
import functools
import hashlib
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from study.files import atomic_path

_MEMORY = Path(__file__).parent / "__pycache__" / "usable_gpus.json"
# Answers; with more, the memory begins again.
_MOST_REMEMBERED = 100
# Seconds for which a no is believed: not every way to mend it changes what is known of the machine.
_A_NO_HOLDS = 600
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
    now: Callable[[], float] = time.time,
) -> str:
    """Return in words why torch cannot use a GPU that is there; "" if it can or does not answer.

    Args:
        facts: what the answer rests on, such as torch's version and the driver's. Others ask again.
        ask: returns the answer, None if there is none.
        memory: file of earlier answers.
        now: seconds since some moment in the past.
    """
    key = hashlib.sha256(json.dumps([_QUESTION, *facts]).encode()).hexdigest()[:16]
    answers: dict[str, tuple[str, float]] = {}
    with contextlib.suppress(OSError, ValueError, TypeError):
        answers = dict(json.loads(memory.read_text()))
        why, when = answers.get(key, (None, 0))
        if why == "" or (why and 0 <= now() - when < _A_NO_HOLDS):
            return why
    why = ask()
    if why is not None and not sys.dont_write_bytecode:
        answers = answers if len(answers) < _MOST_REMEMBERED else {}
        # A library may lie where nothing can be written.
        with contextlib.suppress(OSError), atomic_path(memory, lasting=False) as temporary:
            temporary.write_text(json.dumps(answers | {key: (why, now())}))
    return why or ""
