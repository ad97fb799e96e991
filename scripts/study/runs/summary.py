"""What a summary says of one run, from the files in its folder."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from study.config.imports import trains_network
from study.data.names import EXTERNAL
from study.files import read_table
from study.runs.metrics import METRICS
from study.runs.run import ACCURACY, RECALLS, Run

# Measured on the common test where there is one.
QUALITY = [name for name in METRICS if name not in (ACCURACY, "accuracy_low", "accuracy_high")]
# What a training took: it depends on the machine and what else that did, not on the seed.
RESOURCES = ("train_seconds", "total_seconds", "images_per_s", "peak_memory_mb")


def run_row(run: Run) -> dict[str, Any]:
    """Return what the summary says of one run, from its metrics.json and run.json."""
    metrics, record = run.metrics, run.record
    recipe, common, n_train = record["recipe"], metrics["common_test"], record["n_train"]
    epochs, size = record["epochs"], n_train or 0
    judged = common if common["n"] else metrics
    row = {
        "status": metrics["status"],
        "n_train": n_train,
        "n_val": record["n_val"],
        "n_test": metrics["n"],
        "n_common_test": common["n"],
        "parameters": record["parameters"],
    }
    parts = {"test": metrics, "common_test": common}
    if EXTERNAL in metrics:
        parts |= {EXTERNAL: metrics[EXTERNAL]}
        row[f"n_{EXTERNAL}"] = metrics[EXTERNAL]["n"]
    for name, part in parts.items():
        row[f"{name}_accuracy"] = part[ACCURACY]
        row |= {f"{name}_accuracy_{end}": part[f"accuracy_{end}"] for end in ("low", "high")}
    row |= {
        f"{part}_accuracy": metrics[part][ACCURACY] for part in ("out_of_sample", "train", "val")
    }
    row |= {
        "n_out_of_sample": metrics["out_of_sample"]["n"],
        "measured_on": "common_test" if common["n"] else "test",
        # A run that was measured before a metric was added lacks it until it is measured again.
        **{name: judged.get(name) for name in QUALITY},
        "temperature": metrics["temperature"],
        "epochs": epochs,
        "kept_epoch": record["kept_epoch"],
        # A probe is fitted to all images at once; an imported run was trained elsewhere.
        "steps": epochs * math.ceil(size / recipe.get("batch_size", size or 1)),
        "images_seen": epochs * size,
        **{name: record[name] for name in RESOURCES},
        "device": record["device"],
        "precision": record["precision"],
        "torch": record["versions"]["torch"],
    }
    return row | {f"recall_{name}": judged[RECALLS].get(name) for name in record["classes"]}


def multiply_adds_of(run: Run) -> int | None:
    """Return how many multiply-adds a run's model takes for one image; None of an imported one.

    Of a network the table of its layers says so, of a probe the run.
    """
    if not trains_network(run.record["recipe"]):
        return run.record["multiply_adds"]
    layers = read_table(run.tree.layers(run.model), index_col="name")
    return int(layers.at["total", "multiply_adds"])


def summary_table(runs: Iterable[Run], multiply_adds: Mapping[str, int]) -> pd.DataFrame:
    """Return one row per run: combo, model, seed and what `run_row` says.

    Args:
        runs: of the study.
        multiply_adds: of each model, see `multiply_adds_of`.
    """
    # Of a copy: what is read of one run does not stay while the next ones are read.
    rows = [run.named | run_row(replace(run)) for run in runs]
    table = pd.DataFrame(rows)
    table.insert(
        table.columns.get_loc("parameters") + 1, "multiply_adds", table["model"].map(multiply_adds)
    )
    return table
