"""Runs that are finished and can be used: found by name, or as the best of all."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from study.errors import StudyError
from study.files import read_json
from study.runs.legacy import run_folder


class FinishedRun(NamedTuple):
    """A run that was trained and measured, and did not diverge.

    Attributes:
        combo: that it trained on.
        model: its recipe's name.
        seed: of its random choices.
        folder: where its files lie.
        record: content of its run.json.
        metrics: content of its metrics.json.
    """

    combo: str
    model: str
    seed: int
    folder: Path
    record: dict[str, Any]
    metrics: dict[str, Any]

    @property
    def name(self) -> str:
        """Return what commands call it, such as "v1/cnn2/42"."""
        return f"{self.combo}/{self.model}/{self.seed}"


def finished_run(runs: Path, name: str) -> FinishedRun:
    """Return the run of this name.

    Args:
        runs: the folder of all runs.
        name: combo/model/seed.

    Raises:
        StudyError: there is no such run, or it is not finished, or it diverged.
    """
    there = _names(runs)
    if name not in there:
        known = (
            f"there are {', '.join(there[:5])}{' …' if len(there) > 5 else ''}"
            if there
            else "there is none yet"
        )
        raise StudyError(
            f"there is no run {name!r} in {runs}, expected combo/model/seed: {known}; run this in the study's folder"
        )
    return _read(runs, name)


def _names(runs: Path) -> list[str]:
    """Return the names of all runs that have a folder, sorted."""
    return [
        f"{path.parts[-3]}/{path.parts[-2]}/{path.name[4:]}"
        for path in sorted(runs.glob("*/*/seed*"))
    ]


def _read(runs: Path, name: str) -> FinishedRun:
    combo, model, seed = name.split("/")
    folder = run_folder(runs, combo, model, int(seed))
    for file in ("run.json", "model.safetensors", "predictions.npz", "metrics.json"):
        if not (folder / file).is_file():
            raise StudyError(
                f"the run {name} is not finished: {folder} has no {file}; let Snakemake make it"
            )
    record, metrics = (read_json(folder / file) for file in ("run.json", "metrics.json"))
    if record["status"] == "diverged" or metrics["status"] == "diverged":
        raise StudyError(
            f"the run {name} diverged, so it has no model; take another seed or lower its learning rate"
        )
    return FinishedRun(combo, model, int(seed), folder, record, metrics)


def finished_seeds(runs: Path, combo: str, model: str) -> tuple[list[FinishedRun], list[str]]:
    """Return the runs of all seeds of a combo and model, by seed, and why the others cannot be used.

    Raises:
        StudyError: none can.
    """
    found, reasons = [], []
    for seed in sorted(int(path.name[4:]) for path in (runs / combo / model).glob("seed*")):
        try:
            found.append(_read(runs, f"{combo}/{model}/{seed}"))
        except StudyError as error:
            reasons.append(str(error))
    if not found:
        raise StudyError(
            f"{runs} has no finished run of {model} on {combo}{': ' if reasons else ''}{'; '.join(reasons)}"
        )
    return found, reasons


def best_run(runs: Path) -> FinishedRun:
    """Return the run with the highest accuracy on its validation images; of equals the one with the smallest loss on more of them.

    Runs of different combos have other validation images: among few, many are equal, and those with more of them know more.

    Raises:
        StudyError: no run is finished, or none has validation images.
    """
    if not (finished := list(_finished(runs))):
        raise StudyError(
            f"there is no finished run in {runs}; run this in the folder of a study that has been run"
        )
    found = [run for run in finished if run.metrics["val"]["overall_accuracy"] is not None]
    if not found:
        raise StudyError(
            f"no finished run in {runs} has validation images to choose by; name one: --run v1/cnn2/42"
        )
    return max(found, key=_goodness)


def _goodness(run: FinishedRun) -> tuple[float, int, float]:
    val = run.metrics["val"]
    return val["overall_accuracy"], val.get("n", 0), -val.get("nll", 0.0)


def _finished(runs: Path) -> Iterator[FinishedRun]:
    for name in _names(runs):
        try:
            yield _read(runs, name)
        except StudyError:
            continue
