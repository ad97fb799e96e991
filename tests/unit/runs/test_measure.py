"""A run is measured and drawn by two scripts."""

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, run_script
from made_up_run import history
from scipy.special import softmax

from study.code import code_files
from study.data.index import read_index, write_image_ids
from study.files import read_json, write_json
from study.runs.gradcam_maps import no_maps, save_maps
from study.runs.predictions import ROLE_CODES, Predictions, no_predictions, save_predictions


def measure_and_draw(decoded, tmp_path, predictions):
    """Write what the two scripts write of a run that trained for four epochs."""
    save_predictions(tmp_path / "predictions.npz", predictions)
    write_image_ids(tmp_path / "common.csv", np.flatnonzero(predictions.has_role("test")))
    write_json(tmp_path / "run.json", {"status": "ok", "kept_epoch": 4})
    (tmp_path / "none.csv").write_text("image_id,other_id\n")
    save_maps(tmp_path / "maps.npz", no_maps(why_none="it has none"))
    measured = (
        "--predictions", tmp_path / "predictions.npz", "--index", decoded / "index.csv",
        "--metrics", tmp_path / "m.json", "--misclassified", tmp_path / "wrong.csv",
    )  # fmt: skip
    run_script(
        "measure.py", *measured, "--common-test", tmp_path / "common.csv",
        "--duplicates", tmp_path / "none.csv", "--report", tmp_path / "r.txt",
        "--classification-report", tmp_path / "c.json",
    )  # fmt: skip
    run_script(
        "draw_run.py", *measured, "--images", decoded / "images.npy", "--title", "cnn2",
        "--history", tmp_path / "history.csv", "--run", tmp_path / "run.json",
        "--mistakes", tmp_path / "wrong.svg", "--curves", tmp_path / "curves.svg",
        "--confusion-matrix", tmp_path / "c.svg",
        "--maps", tmp_path / "maps.npz", "--gradcam", tmp_path / "gradcam.svg",
    )  # fmt: skip


@pytest.mark.parametrize("without", [(), ("val",)], ids=["with validation", "without"])
def test_an_evaluation_lists_the_surest_mistakes_first_and_draws_them(decoded, tmp_path, without):
    labels = read_index(decoded / "index.csv").labels
    roles = np.resize(np.array([1, 2, 3, 3], np.uint8), len(labels))
    logits = np.random.default_rng(0).normal(0, 2, (len(labels), 10)).astype(np.float32)
    split = {name: np.flatnonzero(roles == ROLE_CODES[name]) for name in ("train", "val", "test")}
    lacking = {f"val_{measure}": np.nan for measure in ("loss", "accuracy") if without}
    history(**lacking).to_csv(tmp_path / "history.csv", index=False)
    measure_and_draw(decoded, tmp_path, Predictions(logits, roles))
    wrong = pd.read_csv(tmp_path / "wrong.csv")
    expected = split["test"][logits[split["test"]].argmax(1) != labels[split["test"]]]
    assert sorted(wrong["image_id"]) == expected.tolist() != wrong["image_id"].tolist()
    assert wrong["confidence"].is_monotonic_decreasing
    assert wrong["confidence"].to_numpy() == pytest.approx(
        softmax(logits[wrong["image_id"]], 1).max(1), abs=1e-6
    )
    assert all(
        "<svg" in (tmp_path / f"{name}.svg").read_text() for name in ("wrong", "curves", "c")
    )
    right = read_json(tmp_path / "m.json")["overall_accuracy"]
    assert "cnn2: it has none" in (tmp_path / "gradcam.svg").read_text()
    text = (tmp_path / "c.svg").read_text()
    assert f"cnn2: {right:.1%} of {len(split['test'])} test images right" in text


def test_a_run_whose_weights_answer_no_numbers_was_trained_to_its_last_epoch(decoded, tmp_path):
    n = len(read_index(decoded / "index.csv").labels)
    roles = np.resize(np.array([1, 2, 3, 3], np.uint8), n)
    history().to_csv(tmp_path / "history.csv", index=False)
    measure_and_draw(decoded, tmp_path, no_predictions(roles, 10))
    curves, matrix = ((tmp_path / name).read_text() for name in ("curves.svg", "c.svg"))
    assert "in epoch 4 of 4, which is kept" in curves and "diverged" not in curves
    assert "its answers are no finite numbers" in matrix


def test_numbers_are_measured_without_anything_that_draws():
    files = {path.relative_to(ROOT).as_posix() for path in code_files(ROOT / "scripts/measure.py")}
    assert "scripts/study/runs/metrics.py" in files
    assert not [name for name in files if name.startswith("scripts/study/report")]
