"""How far a run is, from the files that its training leaves while it runs."""

import re
from pathlib import Path
from typing import NamedTuple

from study.files import read_json


def run_state(folder: Path, log: Path, checkpoint: Path) -> tuple[str, str]:
    """Return how far a run is, and if it failed, why.

    Args:
        folder: of the run.
        log: what its training printed.
        checkpoint: where its training keeps what it needs to go on.

    Returns:
        `ok` or `diverged` (measured), `trained` (not measured yet), `failed` (its training ended with an error), `training` (running, or
        interrupted with a checkpoint) or `waiting`; and the error, or "".
    """
    if (folder / "metrics.json").exists():
        return read_json(folder / "metrics.json")["status"], ""
    if (folder / "run.json").exists():
        return "trained", ""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    ends = [line for line in lines if line.startswith("error: ")] or (
        lines[-1:] if "Traceback" in "".join(lines) else []
    )
    if ends:
        return "failed", ends[-1].removeprefix("error: ")
    return ("training" if checkpoint.exists() or lines else "waiting"), ""


class Progress(NamedTuple):
    """What the log of a training says.

    Attributes:
        epoch: the last one that is finished; 0 before.
        epochs: of the whole training; None before the first is finished.
        val_accuracy: after that epoch; NaN without validation images.
        seconds: that an epoch's training took, the mean of those in the log; None before.
        logged: epochs in the log; fewer than `epoch` after an interruption.
    """

    epoch: int
    epochs: int | None
    val_accuracy: float | None
    seconds: float | None
    logged: int


# As `study.training.Epoch` writes itself, after its number.
_LINE = re.compile(r"^epoch (\d+)/(\d+) .* val loss \S+ accuracy (\S+) .* ([0-9.]+) s  ", re.MULTILINE)


def read_progress(log: Path) -> Progress:
    """Return how far a training is by what it printed."""
    found = _LINE.findall(log.read_text(errors="replace")) if log.exists() else []
    if not found:
        return Progress(0, None, None, None, 0)
    epoch, epochs, accuracy, _ = found[-1]
    seconds = sum(float(line[3]) for line in found) / len(found)
    return Progress(int(epoch), int(epochs), float(accuracy), seconds, len(found))
