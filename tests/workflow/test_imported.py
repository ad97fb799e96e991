"""A study of predictions that were made elsewhere alone: compared, judged, verified, bundled."""

import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import FULL, Project, assert_one_clear_line

pytestmark = pytest.mark.workflow

MODELS = [
    {"name": "clip", "predictions": "preds/clip.csv", "saw": "nothing"},
    {"name": "vit", "predictions": "preds/vit_{seed}.npz"},
]


def make_predictions(project: Project) -> Path:
    """Write what the two models say of each image of a study; the second one says it by seed."""
    project.succeeds("results/data/index.csv")
    index = pd.read_csv(project.folder / "results/data/index.csv")
    classes = index.drop_duplicates("label").sort_values("label")["class"].to_list()
    folder = project.folder / "preds"
    folder.mkdir()
    for number, name in enumerate(["clip", "vit_42", "vit_7"]):
        random = np.random.default_rng(number)
        p = random.dirichlet(np.ones(len(classes)), len(index))
        p[np.arange(len(p)), index["label"]] += 0.4
        p /= p.sum(axis=1, keepdims=True)
        if name == "clip":
            table = pd.DataFrame(p, columns=classes).assign(image_id=index["image_id"])
            table.sample(frac=1, random_state=0).to_csv(folder / "clip.csv", index=False)
        else:
            np.savez(
                folder / f"{name}.npz",
                logits=np.log(p),
                classes=classes,
                image_id=index["image_id"],
            )
    return folder


def test_imported_models_are_compared_judge_what_they_may_and_run_again_when_they_change(
    tmp_path, archive
):
    project = Project(
        tmp_path / "project", archive, models=MODELS, overrides={},
        reproduce={"systems": [], "tuned": False},
    )  # fmt: skip
    folder = make_predictions(project)
    jobs = project.succeeds(*FULL)
    assert jobs.count("Rule: import_predictions)") == 8 and "Rule: train)" not in jobs
    results = project.folder / "results"
    summary = pd.read_csv(results / "summary.csv")
    assert (summary["common_test_accuracy"] > 0.5).all() and len(summary) == 8
    pairs = pd.read_csv(results / "comparisons/comparisons.csv")
    # Answers that are the same on all combos are compared with those of other models alone.
    assert set(pairs["compared"]) == {"models"}
    hard = pd.read_csv(results / "hard_examples.csv")
    assert set(hard["n_models_eligible"]) == {1}  # clip saw nothing, and of vit nothing is known
    page = (results / "overview.rst").read_text()
    assert "vit is imported" in page and "test images may be among them" in page
    assert "checks passed" in project.succeeds("verify")
    assert project.planned() == {}
    # Moved they are the same; another file's are others.
    folder.rename(folder.with_name("moved"))
    moved = [model | {"predictions": model["predictions"].replace("preds", "moved")}
             for model in MODELS]  # fmt: skip
    project.configure(project.study | {"models": moved})
    assert not {"import_predictions", "measure", "compare"} & project.planned().keys()
    vit = np.load(project.folder / "moved/vit_7.npz")
    np.savez(project.folder / "moved/vit_7.npz", **dict(vit) | {"logits": vit["logits"] * 2})
    assert {"import_predictions", "measure", "compare"} <= project.planned().keys()
    record = json.loads((results / "runs/v1/vit/seed7/run.json").read_text())
    assert record["imported"]["saw"] == "unknown" and len(record["imported"]["sha256"]) == 64
    # Where the file is gone, what was imported stands in for it, but not for a mistyped one.
    project.configure(project.study | {"models": MODELS})
    assert "going on with what was imported from it" in project.succeeds("--dry-run")
    mistyped = [MODELS[0] | {"predictions": "preds/clipp.csv"}, MODELS[1]]
    project.configure(project.study | {"models": mistyped})
    refused = project.snakemake("--dry-run")
    assert_one_clear_line(refused.stdout + refused.stderr, "preds/clipp.csv")


def test_a_file_that_is_missing_is_named_before_any_job(project):
    project.configure(project.study | {"models": MODELS, "overrides": {}})
    for trained_here in (False, True):
        if trained_here:  # by a recipe that had the name
            for combo, seed in itertools.product(project.study["combos"], project.study["seeds"]):
                folder = project.folder / f"results/runs/{combo}/clip/seed{seed}"
                folder.mkdir(parents=True)
                (folder / "run.json").write_text("{}")
        refused = project.snakemake("--dry-run")
        assert refused.returncode != 0
        assert_one_clear_line(refused.stdout + refused.stderr, "clip", "preds/clip.csv")
