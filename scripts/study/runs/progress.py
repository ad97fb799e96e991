"""How far a run is, from the files that its jobs leave while they run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from study.files import read_csv
from study.job import INTERRUPTED, has_ended
from study.runs.chance import NO_BETTER
from study.runs.outdated import why_outdated
from study.runs.run import ACCURACY, Run
from study.runs.tree import ResultsTree

_JOBS = ("train", "predict", "measure")


def state_of_run(
    results: str | Path,
    run: Run,
    recipe: Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | None = None,
) -> tuple[str, str]:
    """Return how far a run is, and why if it diverged, failed or was interrupted.

    Args:
        results: folder of all results.
        run: of this study.
        recipe: that the configuration has for its model. Default: the one in results/recipes/.
        config: the whole configuration. Default: it is not asked whether it wants other images.

    Returns:
        The status, and the reason or "". The status is one of:

        - `ok`, `no better than chance` or `diverged`: measured;
        - `trained`: not measured yet;
        - `outdated`: trained by another recipe, or on other data than the study's;
        - `failed`: a job ended with an error;
        - `interrupted`: its training was stopped by Ctrl-C, or ended without a message;
        - `training` or `waiting`.
    """
    tree = ResultsTree(Path(results))
    if (run.folder / "run.json").exists():
        outdated = why_outdated(run, recipe, config)
        return ("outdated", outdated) if outdated else _state_when_trained(tree, run)
    log, checkpoint = tree.log("train", *run.key), tree.checkpoint(*run.key)
    kept = "goes on from its checkpoint" if checkpoint.exists() else "starts again"
    if error := _error(log):
        return "failed", error
    if _was_interrupted(log):
        return "interrupted", f"by Ctrl-C; the study's command {kept}"
    if not log.exists():
        return ("interrupted", "") if checkpoint.exists() else ("waiting", "")
    if has_ended(log):
        return "interrupted", f"killed, by hand or for want of memory; the study's command {kept}"
    return "training", ""


def _state_when_trained(tree: ResultsTree, run: Run) -> tuple[str, str]:
    if (run.folder / "metrics.json").exists():
        if run.diverged:
            return "diverged", _why_diverged(run)
        status = run.metrics["status"]
        return status, _accuracy(run) if status == NO_BETTER else ""
    trained = (run.folder / "run.json").stat().st_mtime
    for job in _JOBS[1:]:
        log = tree.log(job, *run.key)
        # An older log is that of an earlier training's job.
        if log.exists() and log.stat().st_mtime >= trained and (error := _error(log)):
            return "failed", f"{job}: {error}"
    return "trained", ""


def _why_diverged(run: Run) -> str:
    if run.record["status"] == "diverged":
        return f"the loss was not finite in epoch {run.record['epochs'] + 1}"
    return "the logits of the trained network are not all finite numbers; lower its learning rate"


def _accuracy(run: Run) -> str:
    seen = run.metrics["out_of_sample"]
    return (
        f"{seen[ACCURACY]:.1%} of {seen['n']:,} images that it never saw are right, "
        "no more than by guessing or always naming the largest class; look at its learning rate"
    )


def _error(log: Path) -> str:
    """Return the last line of a log that says what went wrong; "" if nothing did, or Ctrl-C."""
    lines = _lines(log)
    if _was_interrupted(log):
        return ""
    ends = [line for line in lines if line.startswith("error: ")]
    if not ends and any(line.startswith("Traceback ") for line in lines):
        ends = lines[-1:]
    return ends[-1].removeprefix("error: ") if ends else ""


def _was_interrupted(log: Path) -> bool:
    """Tell whether Ctrl-C ended a job.

    The job says so itself or, while it still starts, by Python's words.
    """
    return bool({f"error: {INTERRUPTED}", "KeyboardInterrupt"} & set(_lines(log)[-1:]))


def _lines(log: Path) -> list[str]:
    return log.read_text("utf-8", "replace").splitlines() if log.exists() else []


class Progress(NamedTuple):
    """How far a training is that is not finished.

    Attributes:
        epoch: the last one that is finished; 0 before.
        epochs: of the whole training; None before the first is finished.
        val_accuracy: after that epoch; NaN without validation images.
        seconds: that an epoch's training takes, the mean so far; None before.
        since_start: epochs that its process trained; fewer than `epoch` after an interruption.
    """

    epoch: int = 0
    epochs: int | None = None
    val_accuracy: float | None = None
    seconds: float | None = None
    since_start: int = 0


def read_progress(history: Path) -> Progress:
    """Return how far a training is by its growing history, see `ResultsTree.growing_history`.

    Args:
        history: one row per epoch, as in history.csv, after the columns `epochs` of the whole
            training and `resumed_after`, the last epoch before its process started; the file may
            be missing.
    """
    rows = read_csv(history) if history.is_file() else []
    if not rows:
        return Progress()
    last = rows[-1]
    epoch = int(last["epoch"])
    seconds = sum(float(row["seconds"]) for row in rows) / len(rows)
    return Progress(
        epoch,
        int(last["epochs"]),
        float(last["val_accuracy"]),
        seconds,
        epoch - int(last["resumed_after"]),
    )
