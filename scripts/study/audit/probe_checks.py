"""Checks of runs on stored features, which train no network: their record and their answers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from study.audit.checks import opened
from study.config.probes import features_of
from study.files import read_array, read_json
from study.runs.run import Run
from study.runs.tree import ResultsTree


def features_record(run: Run) -> str:
    """Return where the record of a run's features lies, below the folder of results."""
    return f"features/{features_of(run.record['recipe'])}.json"


def features_differ(run: Run, tree: ResultsTree, digest: Callable[[Path], str]) -> str:
    """Return how the features that a run was fitted on differ from those that are there, or ""."""
    there = opened(read_json, tree / features_record(run))
    if run.record["features"] != there:
        return "was fitted on other features"
    if opened(digest, _array(run, tree)) != there["sha256"]:
        return "was fitted on features that are not those in the folder"
    return ""


def recipe_differs(run: Run, recipe: dict[str, Any]) -> str:
    """Return how a run's recipe differs from the study's, or ""."""
    features = run.record["features"]
    weights = {"file": features_of(recipe), "sha256": features["weights"]}
    same = run.record["recipe"] == recipe | {"trained_weights": weights}
    return "" if same else "was fitted by another recipe"


def answers_of_features(run: Run, tree: ResultsTree, image_ids: np.ndarray) -> np.ndarray | None:
    """Return the logits, float32 n×K, that a run's weights give for images' features.

    None for a vote of neighbours, which has no weights.

    Args:
        run: of a logistic regression.
        tree: where the features lie.
        image_ids: int64, n.
    """
    from safetensors.numpy import load_file

    arrays = opened(load_file, run.folder / "model.safetensors")
    if "weight" not in arrays:
        return None
    features = opened(read_array, _array(run, tree))[image_ids].astype(np.float32)
    return features @ arrays["weight"].T + arrays["bias"]


def _array(run: Run, tree: ResultsTree) -> Path:
    return tree / features_record(run).replace(".json", ".npy")
