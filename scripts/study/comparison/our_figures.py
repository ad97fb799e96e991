"""What our runs, models and searches give for a published figure."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from study.files import read_json, read_table
from study.runs.run import ACCURACY, RECALLS, Run, run_of
from study.runs.tree import ResultsTree


class OurFigures(NamedTuple):
    """Our figures, from a folder of results that may hold runs of other studies too.

    Attributes:
        tree: where they lie.
        models: those to look at.
        seeds: of the runs to look at.
    """

    tree: ResultsTree
    models: Sequence[str]
    seeds: Sequence[int]

    def runs(self, model: str, combo: str) -> list[Run]:
        """Return the measured runs that have a model."""
        if model not in self.models:
            return []
        runs = [run_of(self.tree.folder, combo, model, seed) for seed in self.seeds]
        return [run for run in runs if (run.folder / "metrics.json").exists() and not run.diverged]

    def measured(self, model: str, claim: Mapping[str, Any]) -> tuple[list[float], dict[str, Any]]:
        """Return our figures for a claim, one a run, and facts of these runs.

        The facts are epochs, train_seconds and device; none of a figure that is not of runs.
        """
        measure = claim["measure"]
        if measure in ("parameters", "receptive_field"):
            path = self.tree.layers(model)
            if not path.exists():
                return [], {}
            column = read_table(path)[measure]
            return [float(column.iloc[-1] if measure == "parameters" else column.max())], {}
        if measure == "lr_suggestion":
            path = self.tree.rate_search(claim["combo"], model, self.seeds[0])
            return [read_json(path)["suggestions"]["steepest"]] if path.exists() else [], {}
        figures = {run: _figure(run, claim) for run in self.runs(model, claim["combo"])}
        records = [run.record for run, value in figures.items() if value is not None]
        facts = {}
        if records:
            facts = {
                "epochs": max(record["epochs"] for record in records),
                "train_seconds": float(np.mean([record["train_seconds"] for record in records])),
                "device": ", ".join(sorted({record["device"] for record in records})),
            }
        return [float(value) for value in figures.values() if value is not None], facts

    def curves(self, model: str, combo: str, measured_on: str) -> list[np.ndarray]:
        """Return the accuracy by epoch of each run."""
        column = f"{measured_on}_accuracy"
        return [run.history[column].to_numpy(float) for run in self.runs(model, combo)]


def _figure(run: Run, claim: Mapping[str, Any]) -> float | None:
    """Return a run's figure for a claim about accuracy; None if it has none."""
    if claim["measure"] == "recall":
        return run.metrics[RECALLS][claim["class"]]
    if "at_epoch" in claim:
        return run.history.set_index("epoch")["test_accuracy"].get(claim["at_epoch"])
    recipe = run.record["recipe"]
    if recipe.get("stop_after", math.inf) < recipe["epochs"]:
        return None  # no result of the whole recipe
    return run.metrics[ACCURACY]
