"""Watch the trainings of a study while it runs: epochs, validation accuracy, time left, and how far all runs are.

It reads what the trainings print and needs nothing of them, so it can be started and ended (Ctrl-C) at any time, over ssh too. A training on
another machine is seen by its log in results/logs.
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

from study.cli.belonging import note_on_other_runs
from study.cli.project import Project, configuration_options, find_project, locked
from study.cli.terminal import console, grid, shown
from study.errors import StudyError
from study.runs.legacy import run_folder
from study.runs.progress import Progress, read_progress, state_of_run
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
        type=float,
        default=2,
        metavar="SECONDS",
        help="look this often (default: %(default)s)",
    )


def answer(arguments: argparse.Namespace) -> None:
    """Show the trainings until Ctrl-C."""
    if arguments.every <= 0:
        raise StudyError(f"--every is {arguments.every:g}, expected seconds above 0")
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
    """Return the table of running trainings with a line about all runs above it and what failed below it."""
    from rich.console import Group
    from rich.text import Text

    processes = dict(_processes(Path.cwd()))
    states: Counter[str] = Counter()
    trainings, failures, stopped = [], [], []
    others = [key for key in processes if key not in project.runs]
    for key in [*project.runs, *others]:
        name = "/".join(map(str, key))
        log = run_folder(project.results / "logs" / "train", *key).with_suffix(".log")
        state, reason = state_of_run(project.results, *key)
        if key in processes or state == "training":
            state = "running"
            trainings.append(_training(project, key, log, processes.get(key), now))
        elif state == "interrupted":
            stopped.append(name)
        elif state == "failed":
            failures.append(f"failed: {name}: {reason}")
        states[state] += key in project.runs
    done = states["ok"] + states["diverged"] + states["trained"]
    words = [f"{done} of {len(project.runs)} runs trained"]
    words += [f"{states[state]} {word}" for state, word in _WORDS.items() if states[state]]
    words += [f"{len(others)} more run that are not part of the study"] if others else []
    parts: list = [Text(", ".join(words) + ("" if locked() else "; Snakemake does not run here"))]
    if trainings:
        parts += [
            Text(""),
            grid(_COLUMNS, [_row(training) for training in trainings], left=["run", "device"]),
        ]
    if stopped:
        parts += [
            Text(""),
            Text(
                f"interrupted, the study's command goes on with them: {', '.join(stopped[:8])}{' …' if len(stopped) > 8 else ''}",
                "yellow",
            ),
        ]
    parts += [Text("")] * bool(failures) + [Text(line, "red") for line in failures]
    return Group(*parts)


_WORDS = {
    "running": "running",
    "waiting": "queued",
    "interrupted": "interrupted",
    "failed": "failed",
    "diverged": "of the trained diverged",
    "trained": "of the trained not measured yet",
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


def _training(
    project: Project, key: tuple[str, str, int], log: Path, process: _Process | None, now: float
) -> _Training:
    """Return how far a training is; its epochs last from the start of its process to the last line of its log, or as long as it says."""
    progress, name = read_progress(log), "/".join(map(str, key))
    device = process.device if process else "elsewhere"
    if not progress.logged:
        planned = project.study.recipes.get(key[1], {}).get("epochs")
        return _Training(name, device, progress, planned, None, None)
    last = log.stat().st_mtime
    seconds = (last - process.since) / progress.logged if process else progress.seconds
    left = max(0.0, (progress.epochs - progress.epoch) * seconds - (now - last))
    return _Training(name, device, progress, progress.epochs, seconds, left)


def _processes(folder: Path) -> Iterator[tuple[tuple[str, str, int], _Process]]:
    """Yield the trainings of this machine that were started in a folder, as combo, model and seed."""
    for process in psutil.process_iter(["cmdline", "create_time"]):
        words = process.info["cmdline"] or []
        if "--run" not in words or not any(word.endswith("scripts/train.py") for word in words[:3]):
            continue
        try:
            if Path(process.cwd()) != folder:
                continue
        except psutil.Error:  # it has ended meanwhile, or is somebody else's
            continue
        values = dict(itertools.pairwise(words))
        parts = Path(values["--run"]).parts
        if parts[:2] == ("results", "runs") and len(parts) == 6:
            device = "cpu" if values.get("--gpus", "0") == "0" else "gpu"
            yield (
                (parts[2], parts[3], int(parts[4].removeprefix("seed"))),
                _Process(device, process.info["create_time"]),
            )
