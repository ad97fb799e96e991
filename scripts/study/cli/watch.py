"""Watch the trainings of a study while it runs: epochs, validation accuracy, time left, all runs.

It reads the histories that trainings write after each epoch and needs nothing else of them, so it
can be started and ended (Ctrl-C) at any time, over ssh too. A training on another machine is seen
by its log and history below results/.
"""

import argparse
import itertools
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import psutil

from study.audit.replaced import locked
from study.cli.belonging import note_on_other_runs
from study.cli.estimate import time_left
from study.cli.numbers import above_zero
from study.cli.project import Project, configuration_options, find_project
from study.cli.terminal import console, grid, shown
from study.config.imports import trains_network
from study.errors import escaped
from study.runs.chance import MEASURED, NO_BETTER
from study.runs.progress import Progress, read_progress, state_of_run
from study.runs.run import Run, run_in
from study.runs.tree import ResultsTree
from study.wording import duration

if TYPE_CHECKING:
    from rich.console import Group


class _Process(NamedTuple):
    """A training on this machine: what it computes on, and since when (seconds since 1970)."""

    device: str
    since: float


class _Training(NamedTuple):
    """A training that runs."""

    name: str
    device: str
    progress: Progress
    epochs: int | None
    seconds: float | None
    left: float | None


def options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    configuration_options(parser)
    parser.add_argument("--once", action="store_true", help="print how far everything is, and end")
    parser.add_argument(
        "--every",
        type=above_zero(float),
        default=2,
        metavar="SECONDS",
        help="look this often (default: %(default)s)",
    )


def answer(arguments: argparse.Namespace) -> None:
    """Show the trainings until Ctrl-C."""
    project = find_project(arguments.configfile)
    where = console()
    if note := note_on_other_runs(project):
        print(f"note: {note}", file=sys.stderr)
    if arguments.once or not where.is_terminal:
        where.print(_view(project, time.time()))
        return
    from rich.live import Live

    try:
        with Live(_view(project, time.time()), console=where, auto_refresh=False) as live:
            while True:
                time.sleep(arguments.every)
                live.update(_view(project, time.time()), refresh=True)
    except KeyboardInterrupt:
        return


def _view(project: Project, now: float) -> "Group":
    """Return a line about all runs, the table of running trainings, and what stopped or failed."""
    from rich.console import Group
    from rich.text import Text

    processes = dict(_processes(project.results))
    asked = dict.fromkeys(project.runs)
    others = [run for run in processes if run not in asked]
    states: Counter[str] = Counter()
    trainings, to_train, failures, stopped = [], [], [], []
    for run in [*asked, *others]:
        recipe = project.study.recipes.get(run.model)
        state, reason = state_of_run(project.results, run, recipe, project.config)
        if run in processes or state == "training":
            state = "running"
            trainings.append(_training(project, run, processes.get(run), now))
        elif state == "interrupted":
            stopped.append(run.name)
        elif state == "failed":
            failures.append(f"failed: {run.name}: {reason}")
        known = state == "running" and trainings[-1].left is not None
        if state in _TO_TRAIN and not known and run in asked and trains_network(recipe):
            to_train.append((run.model, run.combo))
        states[state] += run in asked
    done = sum(states[state] for state in (*MEASURED, "diverged", "trained"))
    words = [f"{done} of {len(asked)} runs trained"]
    words += [f"{states[state]} {word}" for state, word in _WORDS.items() if states[state]]
    words += [f"{len(others)} more run that are not part of the study"] if others else []
    left = time_left(
        *(project.config, project.study.recipes, to_train),
        [training.left for training in trainings if training.left is not None],
        at_once=len(trainings),
        on_gpu=any(training.device == "gpu" for training in trainings),
    )
    words += [f"{left} left"] if left else []
    parts: list = [Text(", ".join(words) + ("" if locked() else "; Snakemake does not run here"))]
    if trainings:
        rows = [_row(training) for training in trainings]
        parts += [Text(""), grid(_COLUMNS, rows, left=["run", "device"])]
    if stopped:
        names = ", ".join(stopped[:8]) + (" …" if len(stopped) > 8 else "")
        line = f"interrupted, the study's command goes on with them: {names}"
        parts += [Text(""), Text(escaped(line), "yellow")]
    parts += [Text("")] * bool(failures) + [Text(escaped(line), "red") for line in failures]
    return Group(*parts)


_TO_TRAIN = ("running", "waiting", "interrupted", "outdated")
_WORDS = {
    "running": "running",
    "waiting": "queued",
    "interrupted": "interrupted",
    "failed": "failed",
    "outdated": "outdated",
    "diverged": "diverged",
    NO_BETTER: "no better than chance",
    "trained": "still to be measured",
}
_COLUMNS = ["run", "epoch", "val_accuracy", "s/epoch", "time left", "device"]


def _row(training: _Training) -> dict[str, str]:
    progress = training.progress
    return {
        "run": training.name,
        "epoch": f"{progress.epoch}/{training.epochs or '?'}",
        "val_accuracy": shown(progress.val_accuracy),
        "s/epoch": shown(training.seconds),
        "time left": "–" if training.left is None else duration(training.left),
        "device": training.device,
    }


def _training(project: Project, run: Run, process: _Process | None, now: float) -> _Training:
    """Return how far a training is.

    An epoch lasts as long as the mean since the start of its process. Where the process is
    elsewhere or has just started, it lasts as long as the history says.
    """
    history = ResultsTree(project.results).growing_history(*run.key)
    progress = read_progress(history)
    device = process.device if process else "elsewhere"
    if not progress.epoch:
        planned = project.study.recipes.get(run.model, {}).get("epochs")
        return _Training(run.name, device, progress, planned, None, None)
    last = history.stat().st_mtime
    seconds = progress.seconds
    if process and progress.since_start > 0:
        seconds = (last - process.since) / progress.since_start
    left = max(0.0, (progress.epochs - progress.epoch) * seconds - (now - last))
    return _Training(run.name, device, progress, progress.epochs, seconds, left)


def _processes(results: Path) -> Iterator[tuple[Run, _Process]]:
    """Yield the trainings of this machine that were started in the current folder."""
    for process in psutil.process_iter(["cmdline", "create_time"]):
        words = process.info["cmdline"] or []
        if "--run" not in words or not any(word.endswith("scripts/train.py") for word in words[:3]):
            continue
        try:
            if Path(process.cwd()) != Path.cwd():
                continue
        except psutil.Error:  # it has ended meanwhile, or is somebody else's
            continue
        values = dict(itertools.pairwise(words))
        folder = Path(values["--run"]).parent
        if folder.is_relative_to(results / "runs") and len(folder.parts) == 5:
            device = "cpu" if values.get("--gpus", "0") == "0" else "gpu"
            yield run_in(folder), _Process(device, process.info["create_time"])
