"""One run of a study, the combo × model × seed that it is, and the files that it left."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study.errors import StudyError
from study.files import read_arrays, read_csv, read_json
from study.runs.tree import ResultsTree
from study.wording import counted

if TYPE_CHECKING:  # whoever asks where a run lies need not wait for numpy and pandas
    import numpy as np
    import pandas as pd

    from study.runs.predictions import Predictions
    from study.runs.second_looks import SecondLook

# metrics.json says accuracy and the recall of each class in the words of the DVC study whose format
# it keeps. Every table, figure and page says accuracy and recall.
ACCURACY, RECALLS = "overall_accuracy", "class_accuracy"
# The files that a run has when it is finished.
_FILES = ("run.json", "model.safetensors", "predictions.npz", "metrics.json")


@dataclass(frozen=True)
class Run:
    """A run and its folder. Its files are read when they are asked for; JSON files once.

    Attributes:
        combo: the combo it trains on.
        model: the name of its recipe.
        seed: the seed of its split and of all its random choices.
        folder: where its files lie.
        left_out: bool, N; the images of the study that people left out; None where nobody did.
    """

    combo: str
    model: str
    seed: int
    folder: Path
    left_out: "np.ndarray | None" = field(default=None, compare=False, repr=False)

    @property
    def key(self) -> tuple[str | int, ...]:
        """Return combo, model and seed."""
        return self.combo, self.model, self.seed

    @property
    def named(self) -> dict[str, str | int]:
        """Return combo, model and seed by these names: how the row of a run begins."""
        return {"combo": self.combo, "model": self.model, "seed": self.seed}

    @property
    def name(self) -> str:
        """Return what commands call it, such as "v1/cnn2/42"."""
        return f"{self.combo}/{self.model}/{self.seed}"

    @property
    def tree(self) -> ResultsTree:
        """Return the results of the study that it is of."""
        return ResultsTree(self.folder.parents[3])

    @classmethod
    def parse(cls, name: str, results: str | Path) -> "Run":
        """Return the run of this name; its folder need not exist.

        Args:
            name: combo/model/seed, such as "v1/cnn2/42".
            results: the folder of all results.

        Raises:
            StudyError: the name is not of this form.
        """
        combo, model, seed = [*name.split("/"), "", "", ""][:3]
        if name.count("/") != 2 or not combo or not model or not seed.isdecimal():
            raise StudyError(
                f"{name!r} names no run; expected combo/model/seed, such as v1/cnn2/42"
            )
        return run_of(results, combo, model, int(seed))

    @cached_property
    def record(self) -> dict[str, Any]:
        """Return the content of run.json: what the training was."""
        return read_json(self.folder / "run.json")

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Return the content of metrics.json: how good the model is."""
        return read_json(self.folder / "metrics.json")

    @property
    def diverged(self) -> bool:
        """Whether a measured run has no model: its loss or its logits are no finite numbers."""
        return "diverged" in (self.record["status"], self.metrics["status"])

    @property
    def learns_from_combo(self) -> bool:
        """Whether it was trained on its combo's training images, as all but imported runs were."""
        return self.record.get("imported", {"saw": "combo"})["saw"] == "combo"

    @property
    def history(self) -> "pd.DataFrame":
        """Return the content of history.csv: one row per epoch."""
        from study.runs.history import read_history

        return read_history(self.folder / "history.csv")

    def predictions(self) -> "Predictions":
        """Return the logits of every image, and the part that each played in this run."""
        from study.runs.predictions import load_predictions

        return load_predictions(self.folder / "predictions.npz").without(self.left_out)

    def second_look(self) -> "SecondLook":
        """Return what it says of images over other views and by their neighbours."""
        from study.runs.second_looks import load_second_look

        return load_second_look(self.folder / "predictions.npz")

    def dynamics(self) -> "dict[str, np.ndarray]":
        """Return what the training recorded of its images: arrays by name, `image_id` is one."""
        return read_arrays(self.folder / "dynamics.npz")

    def check_finished(self) -> "Run":
        """Return this run if it has a model that was measured.

        Raises:
            StudyError: a file is missing, or the training diverged.
        """
        for file in _FILES:
            if not (self.folder / file).is_file():
                raise StudyError(
                    f"the run {self.name} is not finished: {self.folder} has no {file}; "
                    "let Snakemake make it"
                )
        if self.diverged:
            raise StudyError(
                f"the run {self.name} diverged, so it has no model; "
                "take another seed or lower its learning rate"
            )
        return self


def run_of(results: str | Path, combo: str, model: str, seed: int) -> Run:
    """Return a run of the study whose results lie in a folder."""
    return Run(combo, model, seed, ResultsTree(Path(results)).run(combo, model, seed))


def read_runs(path: str | Path, left_out: "np.ndarray | None" = None) -> list[Run]:
    """Return the runs of a study in its order.

    Args:
        path: the list of runs, results/runs.csv; the runs lie in the folder "runs" beside it.
        left_out: see `Run`.
    """
    rows, results = read_csv(path), Path(path).parent
    runs = (run_of(results, row["combo"], row["model"], int(row["seed"])) for row in rows)
    return [replace(run, left_out=left_out) for run in runs]


def run_in(folder: Path) -> Run:
    """Return the run whose files lie in a folder, <combo>/<model>/seed<seed>."""
    return Run(folder.parts[-3], folder.parts[-2], int(folder.name[4:]), folder)


def training_sizes(runs: Iterable[Run]) -> dict[str, int]:
    """Return by combo how many images its runs train on; 0 where none learnt from the combo."""
    sizes: dict[str, int] = {}
    for run in runs:
        known = run.record["n_train"] if run.learns_from_combo else 0
        sizes[run.combo] = max(sizes.get(run.combo, 0), known)
    return sizes


def runs_on_disk(results: str | Path) -> list[Run]:
    """Return all runs that have a folder, finished or not, sorted by their folders."""
    folders = sorted(Path(results).glob("runs/*/*/seed*"))
    return [run_in(folder) for folder in folders if folder.name[4:].isdecimal()]


def find_run(results: str | Path, name: str) -> Run:
    """Return the finished run of this name.

    Raises:
        StudyError: there is no such run, or it is not finished, or it diverged.
    """
    names = [run.name for run in runs_on_disk(results)]
    if name not in names:
        known = ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
        raise StudyError(
            f"there is no run {name!r} in {Path(results, 'runs')}, expected combo/model/seed: "
            f"{f'there are {known}' if names else 'there is none yet'}; "
            "run this in the study's folder"
        )
    return Run.parse(name, results).check_finished()


def require_network(run: Run) -> Run:
    """Return a run if it is not an imported one, which cannot be asked about other images.

    Raises:
        StudyError: it is.
    """
    if "imported" in run.record:
        raise StudyError(
            f"the predictions of {run.name} were made elsewhere, so there is no network that takes "
            "images; name a run of another model"
        )
    return run


def finished(runs: Iterable[Run]) -> tuple[list[Run], list[str]]:
    """Return the runs that have a measured model, and why each of the others has none."""
    usable, reasons = [], []
    for run in runs:
        try:
            usable.append(run.check_finished())
        except StudyError as error:
            reasons.append(str(error))
    return usable, reasons


def best_run(runs: Iterable[Run]) -> Run | None:
    """Return the run with the highest validation accuracy; None if none has validation images.

    Test images choose nothing. Of equals, the run with more validation images comes first, then the
    one that is listed first: among few images many runs are equal.

    Args:
        runs: measured ones; only their metrics.json is read.
    """
    usable = [run for run in runs if run.metrics["val"][ACCURACY] is not None]
    return max(usable, key=validation_score, default=None)


def validation_score(run: Run) -> tuple[float, int]:
    """Return what a measured run is chosen by: accuracy on validation images, and their number."""
    val = run.metrics["val"]
    return val[ACCURACY] or 0.0, val["n"]


def n_of(n: int, n_runs: int) -> str:
    """Return how many of a study's runs count, such as "30 runs" or "29 of 30 runs, 1 diverged"."""
    if n == n_runs:
        return counted(n, "run")
    return f"{n:,} of {counted(n_runs, 'run')}, {n_runs - n:,} diverged"
