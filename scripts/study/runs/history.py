"""Learning curves of runs, brought together over seeds."""

from pathlib import Path

import pandas as pd

from study.files import read_table

SPLITS, MEASURES = ("train", "val", "test"), ("loss", "accuracy")


def read_history(path: str | Path) -> pd.DataFrame:
    """Return the content of a run's history.csv: one row per epoch."""
    return read_table(path, na_values=["", "nan"])


def seed_bands(histories: pd.DataFrame) -> pd.DataFrame:
    """Return loss and accuracy by epoch: mean, least and most over seeds.

    Args:
        histories: one row per epoch and run, with `combo`, `model`, `seed`, `epoch` and, of each
            split, `<split>_loss` and `<split>_accuracy`; a split may be absent or NaN.

    Returns:
        One row per model, combo, split, measure and epoch, in the order of `histories`: `mean`,
        `lowest`, `highest`, `n` seeds. Epochs in which no run has a value are left out.
    """
    columns = [f"{split}_{measure}" for split in SPLITS for measure in MEASURES]
    keys = ["combo", "model", "seed", "epoch"]
    long = histories.reindex(columns=[*keys, *columns]).melt(keys, columns).dropna(subset="value")
    long[["split", "measure"]] = long.pop("variable").str.split("_", expand=True).to_numpy()
    grouped = long.groupby(["model", "combo", "split", "measure", "epoch"], sort=False)["value"]
    return grouped.agg(mean="mean", lowest="min", highest="max", n="size").reset_index()
