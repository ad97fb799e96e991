#!/usr/bin/env python
"""Draw the learning curves of a model's runs, brought together over seeds."""

import argparse

import pandas as pd

from study.job import run_script
from study.report.plots.curves import learning_curves_figure
from study.report.plots.style import message_figure, save_figure
from study.report.tables import write_table
from study.runs.history import read_history, seed_bands
from study.runs.legacy import read_runs, run_folder


def main(arguments: argparse.Namespace) -> None:
    """Write the figure and the table of what it shows."""
    runs = read_runs(arguments.runs)
    histories = []
    for row in runs[runs["model"] == arguments.model].itertuples():
        history = read_history(
            run_folder(arguments.folder, row.combo, row.model, row.seed) / "history.csv"
        )
        histories.append(history.assign(combo=row.combo, model=row.model, seed=row.seed))
    bands = seed_bands(pd.concat(histories, ignore_index=True))
    write_table(arguments.output, bands, "%.6g")
    save_figure(
        learning_curves_figure(bands, finding(bands, arguments.model))
        if len(bands)
        else message_figure(f"{arguments.model}: no run finished an epoch."),
        arguments.figure,
    )


def finding(bands: pd.DataFrame, model: str) -> str:
    """Return what the curves of one model come to: accuracy at the end, on training and on test images."""
    last = (
        bands[bands["measure"] == "accuracy"]
        .groupby(["combo", "split"], sort=False)
        .last()["mean"]
        .unstack()
    )
    last = last.dropna(subset="test") if "test" in last else last
    if last.empty or "test" not in last:
        return f"{model}: mean over seeds (lines) and range (bands)"
    best = last["test"].idxmax()
    return (
        f"{model}: on {best} the last epoch reaches {last.loc[best, 'test']:.1%} on its test, {last.loc[best, 'train']:.1%} on training images; "
        "mean and range over seeds"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", required=True, help="list of runs: combo, model, seed, .csv")
    parser.add_argument(
        "--folder", required=True, help="where runs lie as <combo>/<model>/seed<seed>/"
    )
    parser.add_argument("--model", required=True, help="whose runs to draw")
    parser.add_argument("--figure", required=True, help="figure to write, .svg or .png")
    parser.add_argument(
        "--output", required=True, help="table to write: what the figure shows, .csv"
    )
    run_script(parser, main)
