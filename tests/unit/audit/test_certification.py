"""What training a run once more says of it."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from conftest import run_script
from made_index import write_index

from study.audit.certification import certificate
from study.runs.predictions import Predictions, roles_in_run, save_predictions

LABELS = np.array([0, 1, 0, 1])


def trained(folder, *, logits, chain=("a", "b", "c"), start="s", weights="w", torch="2.11.0"):
    """Write what certificates read of a run whose test images are the last three."""
    folder.mkdir(parents=True)
    record = {
        "sha256": {"weights": weights},
        "versions": {"torch": torch, "numpy": "2"},
        "threads": 1,
        "initial_weights": start,
    }
    (folder / "run.json").write_text(json.dumps(record))
    pd.DataFrame({"epoch": range(1, len(chain) + 1), "chain": chain}).to_csv(
        folder / "history.csv", index=False
    )
    roles = roles_in_run(
        4, {"train": np.array([0]), "val": np.array([], int), "test": np.array([1, 2, 3])}
    )
    save_predictions(folder / "predictions.npz", Predictions(np.array(logits, np.float32), roles))
    return folder


RIGHT = [[1, 0], [0, 1], [1, 0], [0, 1]]
ONE_WRONG = [[1, 0], [0, 1], [0, 1], [0, 1]]


@pytest.fixture
def first(tmp_path):
    return trained(tmp_path / "first", logits=RIGHT)


def test_the_same_weights_and_logits_are_level_a(first, tmp_path):
    found = certificate(first, trained(tmp_path / "again", logits=RIGHT), LABELS, math.nan)
    assert (found.level, found.first_divergence, found.n_different, found.changed) == (
        "A",
        "",
        0,
        [],
    )
    assert found.test_accuracy == found.test_accuracy_again == 1


def test_other_weights_that_predict_the_same_are_level_b(first, tmp_path):
    again = trained(
        tmp_path / "again",
        logits=[[2, 0], *RIGHT[1:]],
        chain=("a", "x", "y"),
        weights="v",
        torch="2.15.0",
    )
    found = certificate(first, again, LABELS, math.nan)
    assert (found.level, found.first_divergence, found.largest_logit_difference) == (
        "B",
        "epoch 2",
        1,
    )
    assert found.changed == ["versions.torch 2.11.0 → 2.15.0"]


@pytest.mark.parametrize(("noise", "level"), [(0.34, "C"), (0.33, "none"), (math.nan, "none")])
def test_other_predictions_are_held_against_the_noise_of_seeds(first, tmp_path, noise, level):
    again = trained(tmp_path / "again", logits=ONE_WRONG, start="t", weights="v")
    found = certificate(first, again, LABELS, noise)
    assert (found.level, found.n_different, found.first_divergence) == (level, 1, "initial weights")
    assert found.test_accuracy_again == pytest.approx(2 / 3)


def test_a_training_that_diverges_the_second_time_is_not_the_same(first, tmp_path):
    again = trained(tmp_path / "again", logits=np.full((4, 2), np.nan), chain=("a",), weights="v")
    found = certificate(first, again, LABELS, 1.0)
    assert (found.level, found.first_divergence) == ("none", "epoch 2") and math.isnan(
        found.test_accuracy_again
    )
    lost = trained(tmp_path / "lost", logits=np.full((4, 2), np.nan), chain=("a",), weights="v")
    assert certificate(again, lost, LABELS, math.nan).level == "A"


def test_the_table_says_where_two_trainings_part(tmp_path):
    trained(tmp_path / "runs/v1/a/seed1", logits=RIGHT)
    trained(tmp_path / "certify/v1/a/seed1", logits=ONE_WRONG, chain=("a", "b", "z"), weights="v")
    summary = pd.DataFrame(
        {"combo": ["v1"] * 3 + ["v2"] * 3 + ["v1"], "model": ["a"] * 6 + ["b"]}
        | {"test_accuracy": [0.60, 0.62, 0.64, 0.7, 0.7, np.nan, 0.9]}
    )
    summary.to_csv(tmp_path / "s.csv", index=False)
    write_index(tmp_path / "index.csv", LABELS, "xy")
    arguments = (
        "certify.py", "--runs", "v1/a/1", "--summary", tmp_path / "s.csv",
        "--index", tmp_path / "index.csv",
        "--page", tmp_path / "page.html", "--output", tmp_path / "t.csv",
    )  # fmt: skip
    printed = run_script(*arguments).stdout
    assert (
        "none  v1/a/1" in printed
        and "first difference: epoch 3; 1 of 4 predictions differ" in printed
    )
    row = pd.read_csv(tmp_path / "t.csv", keep_default_na=False).iloc[0]
    # Of the model alone: squares 0.0008 and 0, 2 and 1 degrees of freedom; t of three is 3.182.
    assert row["seed_noise"] == pytest.approx(3.182446 * math.sqrt(2 * 0.0008 / 3), rel=1e-4)
    assert row["level"] == "none"
    assert "1 run trained once more" in (tmp_path / "page.html").read_text()
