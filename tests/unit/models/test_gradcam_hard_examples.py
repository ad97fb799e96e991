"""gradcam_hard_examples.py: the hardest images in the eyes of a model's best run."""

import html
import re
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import assert_one_clear_line, run_script
from safetensors.torch import save_file

from study.data.index import read_index
from study.files import read_json, write_json
from study.models.build import build_model
from study.runs.gradcam_maps import load_maps
from study.runs.predictions import ROLE_CODES, Predictions, no_predictions, save_predictions

# Accuracy on the run's validation images and on the common test; a run without either diverged.
RUNS = {
    ("v1", 1): (0.5, 0.9),
    ("v1", 2): (0.6, 0.8),
    ("v2", 1): (0.6, 0.7),
    ("v2", 2): (None, None),
    ("official", 1): (None, 0.99),
}


@pytest.fixture(scope="module")
def study(decoded, tmp_path_factory):
    """The folder of runs of an untrained cnn2 with made-up answers, the labels and the logits."""
    folder = tmp_path_factory.mktemp("study")
    index = read_index(decoded / "index.csv")
    n = len(index.labels)
    torch.manual_seed(0)
    architecture = {"name": "cnn2", "filters": 4}
    weights = build_model(**architecture).state_dict()
    recipe = {"architecture": architecture, "normalize": {"mean": [0.5] * 3, "std": [0.25] * 3}}
    roles = np.zeros(n, np.uint8)
    roles[:40], roles[40:60] = ROLE_CODES["train"], ROLE_CODES["test"]
    logits = np.random.default_rng(0).normal(0, 2, (n, 10)).astype(np.float32)
    for (combo, seed), (val, test) in RUNS.items():
        run = folder / "runs" / combo / "cnn2" / f"seed{seed}"
        run.mkdir(parents=True)
        save_file(weights, run / "model.safetensors")
        status = "diverged" if test is None else "ok"
        record = {"recipe": recipe, "classes": index.classes, "image_shape": [32, 32, 3]}
        write_json(run / "run.json", record | {"status": status})
        metrics = {"status": status, "common_test": {"overall_accuracy": test}}
        metrics["val"] = {"n": 9, "overall_accuracy": val}
        write_json(run / "metrics.json", metrics)
        answers = no_predictions(roles, 10) if test is None else Predictions(logits, roles)
        save_predictions(run / "predictions.npz", answers)
    return folder, index.labels, logits


def gradcam(decoded, tmp_path, *options, check=False):
    return run_script(
        "gradcam_hard_examples.py", "--images", decoded / "images.npy",
        "--index", decoded / "index.csv", "--runs", tmp_path / "runs.csv",
        "--top-table", tmp_path / "top.csv", "--model", "cnn2",
        "--maps", tmp_path / "maps.npz", "--figure", tmp_path / "maps.svg", *options, check=check,
    )  # fmt: skip


def texts(figure):
    """Return all that is written in a figure, its lines joined."""
    return html.unescape(" ".join(re.findall(r"<text[^>]*>(.*?)</text>", figure.read_text())))


def copy_of(study, run, tmp_path):
    """Return the folder of a copy of a run, to be changed."""
    return shutil.copytree(study[0] / "runs" / run, tmp_path / "runs" / run)


def test_weights_of_another_network_end_in_one_line(decoded, study, tmp_path):
    other, broken = (copy_of(study, f"v1/cnn2/seed{seed}", tmp_path) for seed in (1, 2))
    record = read_json(other / "run.json")
    record["recipe"]["architecture"]["filters"] = 8
    write_json(other / "run.json", record)
    (broken / "model.safetensors").write_bytes(b"no weights")
    (tmp_path / "top.csv").write_text("image_id\n5\n")
    for run in (other, broken):
        (tmp_path / "runs.csv").write_text(f"combo,model,seed\nv1,cnn2,{run.name[4:]}\n")
        result = gradcam(decoded, tmp_path)
        assert result.returncode == 1
        assert_one_clear_line(result.stderr, "cnn2", "train this run again")
        assert not (tmp_path / "maps.npz").exists()


@pytest.mark.parametrize(
    ("runs", "shown", "who"),
    [
        (
            [("official", 1), ("v1", 1), ("v1", 2), ("v2", 1), ("v2", 2)],
            ("v1", 2),  # v2's run is as good but comes later
            "cnn2's best run (v1, seed 2, validation accuracy 60.0%): ",
        ),
        ([("v2", 1), ("v1", 2)], ("v2", 1), "cnn2's best run (v2, seed 1, validation"),
        (
            [("v2", 2), ("official", 1)],
            ("official", 1),
            "cnn2's first run (official, seed 1; no run has validation images to choose by): ",
        ),
        ([("v2", 2)], None, "cnn2: all its runs diverged"),
    ],
    ids=["the best on validation", "the first of equals", "no validation", "all diverged"],
)
def test_the_hardest_images_are_shown_to_the_best_run(decoded, study, tmp_path, runs, shown, who):
    (tmp_path / "runs").symlink_to(study[0] / "runs")
    listed = [(combo, "cnn2", seed) for combo, seed in runs] + [("v1", "other", 1)]
    table = pd.DataFrame(listed, columns=["combo", "model", "seed"])
    table.to_csv(tmp_path / "runs.csv", index=False)
    pd.DataFrame({"image_id": [300, 5, 41, 7]}).to_csv(tmp_path / "top.csv", index=False)
    gradcam(decoded, tmp_path, "--count", 3, check=True)
    maps = load_maps(tmp_path / "maps.npz")
    assert who in texts(tmp_path / "maps.svg")
    if shown is None:
        assert (maps.combo, maps.seed, len(maps.image_ids)) == ("", -1, 0)
        return
    assert (maps.combo, maps.seed) == shown and maps.image_ids.tolist() == [300, 5, 41]
    assert maps.roles.tolist() == [ROLE_CODES[role] for role in ("unseen", "train", "test")]
    assert maps.maps.shape == (3, 2, 2, 32, 32)
    wrong = (maps.predicted != maps.true).sum()
    title = f"Grad-CAM of the 3 hardest images, {wrong} wrong, 1 trained on"
    assert title in texts(tmp_path / "maps.svg")


def test_the_model_must_have_runs(decoded, tmp_path):
    (tmp_path / "runs.csv").write_text("combo,model,seed\nv1,cnn3,1\n")
    (tmp_path / "top.csv").write_text("image_id\n5\n")
    refused = gradcam(decoded, tmp_path)
    assert_one_clear_line(refused.stderr, "no run of cnn2", "list the runs again")
