"""How far a run is, from the files that its jobs leave while they run."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from study.files import read_json
from study.job import INTERRUPTED, has_ended
from study.runs.legacy import run_folder

_JOBS = ("train", "predict", "measure")


def state_of_run(results: str | Path, combo: str, model: str, seed: int) -> tuple[str, str]:
    """Return how far a run of a study is, and why, see `run_state`.

    Args:
        results: folder of all results.
        combo: of the run.
        model: of the run.
        seed: of the run.
    """
    run = (combo, model, seed)
    logs = {job: run_folder(Path(results, "logs", job), *run).with_suffix(".log") for job in _JOBS}
    checkpoint = run_folder(Path(results, "scratch", "train"), *run).with_suffix(".pt")
    return run_state(run_folder(Path(results, "runs"), *run), logs, checkpoint)


def run_state(folder: Path, logs: Mapping[str, Path], checkpoint: Path) -> tuple[str, str]:
    """Return how far a run is, and if it failed or was interrupted, why.

    Args:
        folder: of the run.
        logs: what its jobs printed, by the name of the job, in the order in which they run; the first one trains.
        checkpoint: where its training keeps what it needs to go on.

    Returns:
        `ok` or `diverged` (measured), `trained` (not measured yet), `failed` (a job ended with an error), `training`, `interrupted` (its
        training was stopped by Ctrl-C, or ended without a word) or `waiting`; and the reason, or "".
    """
    (_, log), *after = logs.items()
    if (folder / "run.json").exists() and (folder / "metrics.json").exists():
        record = read_json(folder / "run.json")
        diverged = record["status"] == "diverged"
        return record[
            "status"
        ], f"the loss was not finite in epoch {record['epochs'] + 1}" if diverged else ""
    if (folder / "run.json").exists():
        trained = (folder / "run.json").stat().st_mtime
        # An older log is that of an earlier training's job.
        errors = [
            (job, _error(path))
            for job, path in after
            if path.exists() and path.stat().st_mtime >= trained
        ]
        return next(
            (("failed", f"{job}: {error}") for job, error in errors if error), ("trained", "")
        )
    kept = "goes on from its checkpoint" if checkpoint.exists() else "starts anew"
    if error := _error(log):
        return "failed", error
    if _was_interrupted(log):
        return "interrupted", f"by Ctrl-C; the study's command {kept}"
    if not log.exists():
        return ("interrupted", "") if checkpoint.exists() else ("waiting", "")
    if has_ended(log):
        return "interrupted", f"killed, by hand or for want of memory; the study's command {kept}"
    return "training", ""


def _error(log: Path) -> str:
    """Return the last line of a log that says what went wrong, or "" where nothing did, as after Ctrl-C."""
    lines = _lines(log)
    if _was_interrupted(log):
        return ""
    ends = [line for line in lines if line.startswith("error: ")]
    if not ends and any(line.startswith("Traceback ") for line in lines):
        ends = lines[-1:]
    return ends[-1].removeprefix("error: ") if ends else ""


def _was_interrupted(log: Path) -> bool:
    """Tell whether Ctrl-C ended a job, which says so itself or, while it still starts, by Python's words."""
    return bool({f"error: {INTERRUPTED}", "KeyboardInterrupt"} & set(_lines(log)[-1:]))


def _lines(log: Path) -> list[str]:
    return log.read_text(errors="replace").splitlines() if log.exists() else []


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


# As `study.training.trainer.Epoch` writes itself, after its number.
_LINE = re.compile(
    r"^epoch (\d+)/(\d+) .* val loss \S+ accuracy (\S+) .* ([0-9.]+) s  ", re.MULTILINE
)


def read_progress(log: Path) -> Progress:
    """Return how far a training is by what it printed."""
    found = _LINE.findall(log.read_text(errors="replace")) if log.exists() else []
    if not found:
        return Progress(0, None, None, None, 0)
    epoch, epochs, accuracy, _ = found[-1]
    seconds = sum(float(line[3]) for line in found) / len(found)
    return Progress(int(epoch), int(epochs), float(accuracy), seconds, len(found))
