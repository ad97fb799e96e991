"""The second and third command from scratch, in a study whose rate and recipe are searched for."""

import json

import pytest
from conftest import Project

from study.files import read_csv

pytestmark = pytest.mark.workflow


def test_second_then_third_command_from_scratch(tmp_path, archive):
    recipe = {"epochs": 2, "architecture": {"filters": 16}, "optimizer": {"lr": "from lr_find"}}
    keys = {"architecture.filters": [4, 8], "batch_size": [16, 32]}
    tune = {"cnn2": {"method": "grid", "keys": keys, "workers": 2}}
    project = Project(
        tmp_path / "project",
        archive,
        combos=["v2", "official"],
        seeds=[3],
        overrides={"cnn2": recipe},
        tune=tune,
    )
    project.succeeds("results/summary.csv", fresh=True)
    project.succeeds("--report", fresh=True)
    assert (project.folder / "report.html").stat().st_size > 100_000
    partition, official = read_csv(project.folder / "results" / "summary.csv")
    assert (official["combo"], official["n_train"]) == ("official", "270")  # 300 less a tenth
    # It trains on images of the common test, so it has no score there.
    assert (
        partition["common_test_accuracy"]
        and official["test_accuracy"]
        and not official["common_test_accuracy"]
    )
    history = read_csv(
        project.folder / "results" / "runs" / "official" / "cnn2" / "seed3" / "history.csv"
    )
    assert float(history[-1]["test_accuracy"]) == pytest.approx(float(official["test_accuracy"]))
    # Each has a search of its own: official trains on test images of v2.
    assert (
        project.folder / "results" / "lr_find" / "v2" / "cnn2" / "seed3" / "lr_find.svg"
    ).exists()
    suggestion = project.folder / "results/lr_find/official/cnn2/seed3/suggestion.json"
    found = json.loads(suggestion.read_text())
    assert (
        float(history[0]["learning_rate"])
        == found["learning_rate"]
        == found["suggestions"]["steepest"]
    )
    search = project.folder / "results" / "tune" / "official" / "cnn2" / "seed3"
    best = max(read_csv(search / "trials.csv"), key=lambda trial: float(trial["val_accuracy"]))
    record = json.loads((project.folder / "results/runs/official/cnn2/seed3/run.json").read_text())
    assert record["recipe"]["architecture"]["filters"] == int(best["architecture.filters"])
    assert float(history[-1]["val_accuracy"]) == float(best["val_accuracy"])
    assert len(read_csv(search / "trials.csv")) == 4
    assert not list((project.folder / "results/scratch").rglob("tune/**/seed*"))
