"""What a summary says of one run, from the files in its folder."""

import math
from pathlib import Path
from typing import Any

from study.files import read_json
from study.runs.metrics import METRICS

# Measured on the common test where there is one.
QUALITY = [
    name for name in METRICS if name not in ("overall_accuracy", "accuracy_low", "accuracy_high")
]
# What a training took: that depends on the machine and on what else it did meanwhile, and not on the seed.
RESOURCES = ("train_seconds", "total_seconds", "images_per_s", "peak_memory_mb")


def run_row(folder: Path) -> dict[str, Any]:
    """Return what the summary says of one run, from the files in its folder."""
    metrics, record = read_json(folder / "metrics.json"), read_json(folder / "run.json")
    recipe, common = record["recipe"], metrics["common_test"]
    judged = common if common["n"] else metrics
    row = {
        "status": record["status"],
        "n_train": record["n_train"],
        "n_val": record["n_val"],
        "n_test": metrics["n"],
    }
    row |= {"n_common_test": common["n"], "parameters": record["parameters"]}
    for name, part in (("test", metrics), ("common_test", common)):
        row[f"{name}_accuracy"] = part["overall_accuracy"]
        row |= {f"{name}_accuracy_{end}": part[f"accuracy_{end}"] for end in ("low", "high")}
    row |= {
        f"{part}_accuracy": metrics[part]["overall_accuracy"]
        for part in ("out_of_sample", "train", "val")
    }
    row |= {
        "n_out_of_sample": metrics["out_of_sample"]["n"],
        "measured_on": "common_test" if common["n"] else "test",
    }
    row |= {name: judged[name] for name in QUALITY}
    row |= {
        "temperature": metrics["temperature"],
        "epochs": record["epochs"],
        "kept_epoch": record["kept_epoch"],
        "steps": record["epochs"] * math.ceil(record["n_train"] / recipe["batch_size"]),
        "images_seen": record["epochs"] * record["n_train"],
        "train_seconds": record["train_seconds"],
        "total_seconds": record["total_seconds"],
        "images_per_s": record["images_per_s"],
        "peak_memory_mb": record["peak_memory_mb"],
        "device": record["device"],
        "precision": record["precision"],
        "torch": record["versions"]["torch"],
    }
    return row | {
        f"recall_{name}": judged["class_accuracy"].get(name) for name in record["classes"]
    }
