"""What is said of an imported model's training decides what its runs may judge."""

import numpy as np
import pytest

from study.runs.metrics import run_metrics
from study.runs.predictions import Predictions, load_predictions, save_predictions
from study.runs.untrained import imported_roles

IDS = {"train": np.arange(4), "val": np.array([4]), "test": np.arange(5, 8)}
LABELS = np.arange(10) % 2
STATED = np.array(["unseen"] * 7 + ["test", "train", "val"])


@pytest.mark.parametrize(
    ("saw", "stated", "roles", "judges"),
    [
        ("combo", None, [1, 1, 1, 1, 2, 3, 3, 3, 0, 0], [5, 6, 7, 8, 9]),
        ("nothing", None, [0, 0, 0, 0, 0, 3, 3, 3, 0, 0], range(10)),
        ("unknown", None, [4, 4, 4, 4, 4, 3, 3, 3, 4, 4], []),
        ("unknown", STATED, [0, 0, 0, 0, 0, 3, 3, 3, 1, 2], range(8)),
    ],
)
def test_roles_follow_from_what_the_model_saw(tmp_path, saw, stated, roles, judges):
    found = imported_roles(saw, 10, IDS, stated)
    assert list(found) == roles
    logits = 5 * np.eye(2, dtype=np.float32)[LABELS]
    save_predictions(tmp_path / "p.npz", Predictions(logits, found, "digest"))
    predictions = load_predictions(tmp_path / "p.npz")
    assert predictions.imported == "digest"
    assert list(np.flatnonzero(predictions.may_judge())) == list(judges)
    metrics = run_metrics(predictions, LABELS, ["a", "b"], IDS["test"])
    # All are compared; who is unknown judges nothing.
    assert metrics["common_test"]["n"] == 3 and metrics["out_of_sample"]["n"] == len(judges)
