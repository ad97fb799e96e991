#!/usr/bin/env python
"""Measure how long the five authors' way and this project's take to the accuracies they published.

Both sides are seconds of one processor core, of training alone: images until the accuracy, over
images per second. The images are those of whole epochs:

- the author's: to the first epoch at which the published curve of test accuracy reaches the
  accuracy of its end, else all epochs of the recipe;
- ours: to the first epoch at which the history of a stored run on the same combo reaches it.

The rates of all recipes are measured here, in turns, see training.py. Eligible for a system are
recipes whose network has no more parameters than the author's, and `fastnet`.
"""

import argparse
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from benchmarks.training import authors_epoch, keep_memory, measured, our_epoch, random_images
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from study.data.names import OFFICIAL
from study.devices import take_device
from study.errors import StudyError
from study.files import read_json, read_yaml, write_table
from study.report.plots.style import (
    STYLE,
    legend_below,
    log_ticks,
    model_looks,
    percent,
    save_figure,
    set_title,
)

_ROOT = Path(__file__).resolve().parents[2]
_CONFIG = _ROOT / "config"
_RUNS = _ROOT / "results/reference/time_to_accuracy"
# In a timed epoch: a batch or more of each author's recipe, one or more of ours.
_IMAGES = {"cnn2": 1024, "cnn3": 1024, "resnet18": 128, "dilated_separable": 512, "resnet9": 128}
_OUR_IMAGES = 2000


class Goal(NamedTuple):
    """What an author published, and how the author came there.

    Attributes:
        model: the author's recipe.
        combo: what it was trained on.
        accuracy: on the test images, the mean of its runs.
        epochs: until then, by the author's way.
        parameters: of the author's network.
        curve: published test accuracies by epoch; may be empty.
    """

    model: str
    combo: str
    accuracy: float
    epochs: int
    parameters: int
    curve: Sequence[float]


class StoredRun(NamedTuple):
    """A real training of ours: its record, run.json, and its test accuracies by epoch."""

    combo: str
    name: str
    record: Mapping[str, Any]
    curve: Sequence[float]


def read_goal(system: Mapping[str, Any]) -> Goal:
    """Return the goal that one system of config/published.yaml sets."""
    claims = [c for c in system["claims"] if not c.keys() & {"at_epoch", "not_comparable"}]
    last = [claim for claim in claims if claim["measure"] == "test_accuracy"][-1]
    accuracy = statistics.mean(last.get("values", [last.get("value")]))
    curves = [c["values"] for c in system.get("curves", []) if c["measured_on"] == "test"]
    return Goal(
        model=system["model"],
        combo=last["combo"],
        accuracy=accuracy,
        epochs=(
            first_epoch(curves[0], accuracy)
            if curves
            else read_yaml(_CONFIG / f"models/{system['model']}.yaml")["epochs"]
        ),
        parameters=next(c["value"] for c in claims if c["measure"] == "parameters"),
        curve=curves[0] if curves else [],
    )


def read_runs(folder: Path) -> list[StoredRun]:
    """Return the runs that lie in <folder>/<combo>/<recipe>/."""
    runs = []
    for path in sorted(folder.glob("*/*/run.json")):
        record, history = read_json(path), pd.read_csv(path.with_name("history.csv"))
        if "test_accuracy" in history:
            curve = list(history["test_accuracy"])
        else:  # that of fastnet, from before tests had a column: one view each, all at the end
            views = record["official_test_accuracy"]
            curve = [*history["val_accuracy"][:-1], views["flip_and_shift"]]
        runs.append(StoredRun(path.parent.parent.name, path.parent.name, record, curve))
    return runs


def first_epoch(curve: Sequence[float], accuracy: float) -> int | None:
    """Return the first epoch, counted from 1, that reaches an accuracy; None: none does."""
    return next((e for e, reached in enumerate(curve, start=1) if reached >= accuracy), None)


def time_to_accuracy(
    goals: Mapping[str, Goal],
    runs: Sequence[StoredRun],
    authors_rates: Mapping[str, float],
    our_rates: Mapping[tuple[str, str], float],
) -> pd.DataFrame:
    """Return one row per system: the author's way beside the fastest eligible run of ours.

    Args:
        goals: by system.
        runs: of ours.
        authors_rates: images per second, by recipe.
        our_rates: images per second, by combo and recipe.

    Raises:
        StudyError: no eligible run reaches the accuracy.
    """
    rows = []
    for system, goal in goals.items():
        candidates = []
        for run in runs:
            smaller = run.record["parameters"] <= goal.parameters
            fastnet = run.record["recipe"]["architecture"]["name"] == "fastnet"
            epoch = first_epoch(run.curve, goal.accuracy)
            if run.combo == goal.combo and (smaller or fastnet) and epoch:
                rate = our_rates[run.combo, run.name]
                candidates.append((epoch * run.record["n_train"] / rate, epoch, rate, run))
        if not candidates:
            raise StudyError(f"{system}: no run on {goal.combo} reaches {goal.accuracy:.2%}")
        seconds, epoch, rate, run = min(candidates, key=lambda candidate: candidate[0])
        images = run.record["n_train"]  # the combo's, so the author's too
        authors_seconds = goal.epochs * images / authors_rates[goal.model]
        rows.append(
            {
                "system": system,
                "combo": goal.combo,
                "accuracy": goal.accuracy,
                "authors_recipe": goal.model,
                "authors_parameters": goal.parameters,
                "authors_epochs": goal.epochs,
                "authors_images_per_s": authors_rates[goal.model],
                "authors_seconds": authors_seconds,
                "recipe": run.name,
                "parameters": run.record["parameters"],
                "epochs": epoch,
                "reached": run.curve[epoch - 1],
                "images_per_s": rate,
                "seconds": seconds,
                "times_as_fast": authors_seconds / seconds,
            }
        )
    return pd.DataFrame(rows)


def accuracy_over_time_figure(
    goals: Mapping[str, Goal],
    runs: Sequence[StoredRun],
    authors_rates: Mapping[str, float],
    our_rates: Mapping[tuple[str, str], float],
) -> Figure:
    """Return test accuracy over seconds of one core on the official split, a line a recipe.

    Args:
        goals: see `time_to_accuracy`, as the others.
        runs: of ours.
        authors_rates: images per second, by recipe.
        our_rates: images per second, by combo and recipe.
    """
    goals = {system: goal for system, goal in goals.items() if goal.combo == OFFICIAL}
    runs = [run for run in runs if run.combo == OFFICIAL]
    table = time_to_accuracy(goals, runs, authors_rates, our_rates)["times_as_fast"]
    images = runs[0].record["n_train"]
    lines = {
        f"{goal.model}, {system}'s author": (goal.curve, images / authors_rates[goal.model], "--")
        for system, goal in goals.items()
    } | {
        f"{run.name}, ours": (run.curve, images / our_rates[run.combo, run.name], "-")
        for run in runs
    }
    looks = model_looks(list(lines))
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(8, 4.6))
        for name, (curve, seconds, style) in lines.items():
            times = [seconds * epoch for epoch in range(1, len(curve) + 1)]
            axes.plot(times, curve, style, **looks[name], markersize=4, label=name)
        axes.set(xscale="log", xlabel="Training, seconds of one core", ylabel="Test accuracy")
        axes.set_xticks(log_ticks(*axes.get_xlim()))
        axes.xaxis.set_major_formatter("{x:,g}")
        axes.xaxis.minorticks_off()
        axes.yaxis.set_major_formatter(percent)
        axes.grid(color="0.9")
        axes.set_axisbelow(True)
        legend_below(figure, axes.get_legend_handles_labels()[0])
        title = f"On CIFAR-10, {table.min():.0f} to {table.max():.0f} times as fast to the accuracy"
        set_title(figure, f"{title} that the authors of {', '.join(goals)} published")
    return figure


def measured_rates(
    goals: Mapping[str, Goal], runs: Sequence[StoredRun], rounds: int
) -> tuple[dict[str, float], dict[tuple[str, str], float]]:
    """Return images per second of one core, of each author's recipe and of each run of ours."""
    device = take_device(0, 1)
    sides, counts = {}, {}
    for model in (goal.model for goal in goals.values()):
        recipe = read_yaml(_CONFIG / f"models/{model}.yaml")
        recipe["batch_size"] = min(recipe["batch_size"], 128)  # as `make bench`
        counts[model] = _IMAGES[model]
        sides[model] = authors_epoch(model, recipe, random_images(counts[model], device), 0)
    for run in runs:
        side = run.combo, run.name
        counts[side] = _OUR_IMAGES
        sides[side] = our_epoch(run.record["recipe"], random_images(_OUR_IMAGES, device))
    rates = measured(sides, counts, rounds, time.process_time)
    return (
        {side: rate for side, rate in rates.items() if isinstance(side, str)},
        {side: rate for side, rate in rates.items() if not isinstance(side, str)},
    )


def main() -> None:
    """Write the table and, beside it, the figure; print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--rounds", type=int, default=5, help="rounds that count (default: %(default)s)"
    )
    parser.add_argument("--output", required=True, type=Path, help="table to write, .csv")
    arguments = parser.parse_args()
    keep_memory()
    published = read_yaml(_CONFIG / "published.yaml")
    goals = {system: read_goal(content) for system, content in published.items()}
    runs = read_runs(_RUNS)
    rates = measured_rates(goals, runs, arguments.rounds)
    table = time_to_accuracy(goals, runs, *rates)
    write_table(arguments.output, table)
    figure = accuracy_over_time_figure(goals, runs, *rates)
    save_figure(figure, arguments.output.with_suffix(".svg"))
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
