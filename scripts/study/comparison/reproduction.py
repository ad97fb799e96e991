"""Published figures beside ours: differences with intervals, and verdicts."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import t as student_t

from study.files import read_json
from study.runs.history import read_history
from study.runs.legacy import run_folder

_ACCURACIES = ("test_accuracy", "class_recall")


class Difference(NamedTuple):
    """A difference of two means with a confidence interval; the ends are NaN where it has no uncertainty that is known."""

    value: float
    low: float
    high: float


def difference(
    ours: Sequence[float], published: Sequence[float], n_test: int | None, confidence: float = 0.95
) -> Difference:
    """Return mean(ours) - mean(published) with Welch's interval over runs.

    Where one side is a single run its variance is unknown, and the binomial variance of an accuracy on `n_test` images stands
    for it: p(1 - p)/n_test, with as many degrees of freedom. It leaves out what another seed would change, so that interval is
    too narrow rather than too wide.

    Args:
        ours: accuracies of our runs, shares of 1.
        published: the published ones.
        n_test: images behind a published accuracy.
        confidence: of the interval.
    """
    value = float(np.mean(ours) - np.mean(published))
    if n_test is None:
        return Difference(value, math.nan, math.nan)
    variances, freedoms = [], []
    for values in (ours, published):
        if len(values) > 1:
            variances.append(float(np.var(values, ddof=1)) / len(values))
            freedoms.append(len(values) - 1)
        else:
            variances.append(float(values[0] * (1 - values[0])) / n_test)
            freedoms.append(n_test - 1)
    variance = sum(variances)
    if variance == 0:
        return Difference(value, value, value)
    freedom = variance**2 / sum(v**2 / f for v, f in zip(variances, freedoms, strict=True))
    half = float(student_t.ppf((1 + confidence) / 2, freedom)) * math.sqrt(variance)
    return Difference(value, value - half, value + half)


def verdict(claim: Mapping[str, Any], ours: Sequence[float]) -> str:
    """Return what a comparison says.

    "reproduced" within the claim's tolerance; beyond it "better" or "worse", or "undecided" where the difference's interval holds
    zero: too few runs or images to tell. For a learning rate and for counts, beyond the tolerance is "different". "not run"
    without results of ours.
    """
    if not len(ours):
        return "not run"
    mean, published = float(np.mean(ours)), float(np.mean(published_values(claim)))
    if claim["measure"] == "lr_suggestion":
        ratio = max(mean / published, published / mean)
        return "reproduced" if ratio <= claim["tolerance"] else "different"
    if abs(mean - published) <= claim["tolerance"] + 1e-12:
        return "reproduced"
    if claim["measure"] not in _ACCURACIES:
        return "different"
    gap = difference(ours, published_values(claim), claim.get("n_test"))
    if gap.low <= 0 <= gap.high:
        return "undecided"
    return "better" if gap.value > 0 else "worse"


def published_values(claim: Mapping[str, Any]) -> list[float]:
    """Return the published figures of a claim, one a run."""
    return list(claim["values"]) if "values" in claim else [claim["value"]]


def measured_on(claim: Mapping[str, Any]) -> str:
    """Return in words what a claim measures."""
    measure = claim["measure"].replace("_", " ")
    if "class" in claim:
        measure += f", {claim['class']}"
    return measure + (f" after epoch {claim['at_epoch']}" if "at_epoch" in claim else "")


def reproduction_table(
    systems: Mapping[str, Mapping[str, Any]],
    measured: Callable[[str, Mapping[str, Any]], tuple[list[float], dict[str, Any]]],
) -> pd.DataFrame:
    """Return a row for each claim: the published figure, ours by the reported and by the tuned recipe, and the verdict.

    Args:
        systems: content of config/published.yaml, those to compare.
        measured: gives, for a model and a claim, our figures, one a run, and facts of these runs (epochs, seconds, device).

    Returns:
        Columns system, model, combo, measure, published (mean), published_runs, ours, ours_sd, ours_runs, difference, low, high
        (of a 95 % interval), verdict, tuned, tuned_sd, tuned_runs, tuned_difference, epochs, train_seconds, device, note.
        Accuracies are shares of 1; missing figures are NaN.
    """
    rows = []
    for name, system in systems.items():
        for claim in system["claims"]:
            published = published_values(claim)
            ours, facts = measured(system["model"], claim)
            # A tuned recipe has its own number of epochs, hence nothing to set beside a figure of some epoch, or of the network.
            final = (
                claim["measure"] in _ACCURACIES
                and "at_epoch" not in claim
                and "not_comparable" not in claim
            )
            tuned = measured(system["tuned"], claim)[0] if final else []
            reason = claim.get("not_comparable")
            gap = (
                difference(ours, published, claim.get("n_test"))
                if ours
                else Difference(*[math.nan] * 3)
            )
            rows.append(
                {
                    "system": name,
                    "model": system["model"],
                    "combo": claim.get("combo", ""),
                    "measure": measured_on(claim),
                    "published": float(np.mean(published)),
                    "published_runs": len(published),
                    "ours": _mean(ours),
                    "ours_sd": _sd(ours),
                    "ours_runs": len(ours),
                    "difference": gap.value,
                    "low": gap.low,
                    "high": gap.high,
                    "verdict": "not comparable" if reason else verdict(claim, ours),
                    "tuned": _mean(tuned),
                    "tuned_sd": _sd(tuned),
                    "tuned_runs": len(tuned),
                    "tuned_difference": _mean(tuned) - float(np.mean(published)),
                    "epochs": facts.get("epochs"),
                    "train_seconds": facts.get("train_seconds"),
                    "device": facts.get("device", ""),
                    "note": reason or "",
                }
            )
    return pd.DataFrame(rows)


class Results:
    """The runs in a results folder.

    Args:
        folder: the results folder.
        models: those to look at; others may be of another study.
        seeds: of the runs to look at.
    """

    def __init__(self, folder: str | Path, models: Sequence[str], seeds: Sequence[int]):
        self.folder, self.models, self.seeds = Path(folder), models, seeds

    def runs(self, model: str, combo: str) -> list[Path]:
        """Return the folders of the runs that are there and did not diverge."""
        if model not in self.models:
            return []
        folders = (run_folder(self.folder / "runs", combo, model, seed) for seed in self.seeds)
        return [
            path
            for path in folders
            if (path / "metrics.json").exists() and read_json(path / "run.json")["status"] == "ok"
        ]

    def measured(self, model: str, claim: Mapping[str, Any]) -> tuple[list[float], dict[str, Any]]:
        """Return our figures for a claim, one a run, and facts of these runs."""
        measure = claim["measure"]
        if measure in ("parameters", "receptive_field"):
            path = self.folder / "models" / model / "layers.csv"
            if not path.exists():
                return [], {}
            layers = pd.read_csv(path)
            return [
                float(
                    layers[measure].iloc[-1] if measure == "parameters" else layers[measure].max()
                )
            ], {}
        if measure == "lr_suggestion":
            path = (
                self.folder
                / "lr_find"
                / claim["combo"]
                / model
                / f"seed{self.seeds[0]}"
                / "suggestion.json"
            )
            return ([read_json(path)["suggestions"]["steepest"]], {}) if path.exists() else ([], {})
        values, records = [], []
        for path in self.runs(model, claim["combo"]):
            record, metrics = read_json(path / "run.json"), read_json(path / "metrics.json")
            if measure == "class_recall":
                value = metrics["class_accuracy"][claim["class"]]
            elif "at_epoch" in claim:
                history = read_history(path / "history.csv").set_index("epoch")["test_accuracy"]
                value = history.get(claim["at_epoch"])
            elif record["recipe"].get("stop_after", math.inf) < record["recipe"]["epochs"]:
                value = None  # no result of the whole recipe
            else:
                value = metrics["overall_accuracy"]
            if value is not None:
                values.append(float(value))
                records.append(record)
        facts = {}
        if records:
            facts = {
                "epochs": max(record["epochs"] for record in records),
                "train_seconds": float(np.mean([record["train_seconds"] for record in records])),
                "device": ", ".join(sorted({record["device"] for record in records})),
            }
        return values, facts

    def curves(self, model: str, combo: str, measured_on: str) -> list[np.ndarray]:
        """Return the accuracy by epoch of each run."""
        return [
            read_history(path / "history.csv")[f"{measured_on}_accuracy"].to_numpy(float)
            for path in self.runs(model, combo)
        ]


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else math.nan


def _sd(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
