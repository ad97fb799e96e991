#!/usr/bin/env python
"""Lay this study's results beside what the five systems published."""

import argparse
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from study.command import run
from study.configuration import read_yaml
from study.files import atomic_path, read_json, write_text
from study.plots import reproduction_figure, save_figure
from study.reproduction import reproduction_table
from study.tables import html_page


class Results:
    """The runs in a results folder.

    Args:
        folder: the results folder.
        models: those to look at; others may be of another study.
        seeds: of the runs to look at.
    """

    def __init__(self, folder: Path, models: list[str], seeds: list[int]):
        self.folder, self.models, self.seeds = folder, models, seeds

    def runs(self, model: str, combo: str) -> list[Path]:
        """Return the folders of the runs that are there and did not diverge."""
        if model not in self.models:
            return []
        folders = (self.folder / "runs" / combo / model / f"seed{seed}" for seed in self.seeds)
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
            return [float(layers[measure].iloc[-1] if measure == "parameters" else layers[measure].max())], {}
        if measure == "lr_suggestion":
            path = self.folder / "lr_find" / claim["combo"] / model / f"seed{self.seeds[0]}" / "suggestion.json"
            return ([read_json(path)["suggestions"]["steepest"]], {}) if path.exists() else ([], {})
        values, records = [], []
        for path in self.runs(model, claim["combo"]):
            record, metrics = read_json(path / "run.json"), read_json(path / "metrics.json")
            if measure == "class_recall":
                value = metrics["class_accuracy"][claim["class"]]
            elif "at_epoch" in claim:
                history = pd.read_csv(path / "history.csv").set_index("epoch")["test_accuracy"]
                value = history.get(claim["at_epoch"])
            elif (
                record["recipe"].get("stop_after", math.inf) < record["recipe"]["epochs"]
            ):  # no result of the whole recipe
                value = None
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
            pd.read_csv(path / "history.csv")[f"{measured_on}_accuracy"].to_numpy(float)
            for path in self.runs(model, combo)
        ]


def main(arguments: argparse.Namespace) -> None:
    """Write the table, the page and the figure."""
    published = read_yaml(arguments.published)
    systems = {name: published[name] for name in arguments.systems}
    kinds = ("model", "tuned") if arguments.tuned else ("model",)
    models = [system[kind] for system in systems.values() for kind in kinds]
    results = Results(Path(arguments.results), models, arguments.seeds)
    table = reproduction_table(systems, results.measured)
    counts = table["verdict"].value_counts()
    heading = "Published figures and ours: " + ", ".join(f"{count} {name}" for name, count in counts.items())
    notes = " ".join(
        f"{name}: {system['title']} ({system['source']}; {system['caveat']})." for name, system in systems.items()
    )
    save_figure(reproduction_figure(systems, table, results.curves, heading), arguments.figure)
    write_text(
        arguments.page,
        html_page(
            table,
            heading,
            "ours is the reported recipe, mean and sample standard deviation over our seeds; tuned a recipe of ours with no more "
            "epochs. low and high are the ends of the difference's 95 % interval: Welch's over runs, and where one side is a single "
            f"run the binomial one of its test images, which knows nothing of other seeds. {notes}",
        ),
    )
    with atomic_path(arguments.output) as temporary:
        table.to_csv(temporary, index=False, float_format="%.8g")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--published", required=True, help="published figures, .yaml")
    parser.add_argument("--systems", required=True, nargs="+", help="which of them, such as S0 S1")
    parser.add_argument("--seeds", required=True, nargs="+", type=int, help="seeds of our runs")
    parser.add_argument("--tuned", action="store_true", help="compare the tuned recipes too")
    parser.add_argument("--results", required=True, help="results folder with runs, models and learning-rate searches")
    parser.add_argument("--page", required=True, help="page to write, .html")
    parser.add_argument("--figure", required=True, help="figure to write, .svg or .png")
    parser.add_argument("--output", required=True, help="table to write: a row a published figure, .csv")
    run(parser, main)
