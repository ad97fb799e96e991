"""A study of probes on the features of a small network: to its summary, and nothing twice."""

import json
import os
import shutil

import pandas as pd
import pytest
import torch
from conftest import Project, assert_one_clear_line, run_script
from safetensors.torch import save_file

from study.models.build import build_model

pytestmark = pytest.mark.workflow


def test_probes_go_from_a_file_of_weights_to_the_summary_and_a_moved_file_runs_nothing(
    tmp_path, archive
):
    torch.manual_seed(0)
    weights = tmp_path / "net.safetensors"
    save_file(build_model("cnn2", filters=4, num_classes=7).state_dict(), weights)
    backbone = {"architecture": {"name": "cnn2", "filters": 4, "weights": str(weights)}}
    backbone |= {"normalize": {"mean": [0.5] * 3, "std": [0.5] * 3}, "input_size": 32}
    project = Project(
        *(tmp_path / "project", archive),
        combos=["v1"],
        models=["probe"],
        overrides={"finetuned": backbone},
        reproduce={"systems": [], "tuned": False},
    )
    jobs = project.succeeds("--cores", "2")
    results = project.folder / "results"
    summary = pd.read_csv(results / "summary.csv")
    assert len(summary) == 2 and (summary["common_test_accuracy"] > 0.5).all()
    assert (summary["parameters"] > 0).all() and (summary["multiply_adds"] > 0).all()
    assert jobs.count("Rule: embed)") == 1 and "Rule: train)" not in jobs
    assert jobs.count("Rule: probe)") == 2
    assert "probe reads features of finetuned" in (results / "overview.rst").read_text()
    assert not list(results.glob("models/*"))
    verified = project.succeeds("verify")
    assert "checks passed" in verified and "at random, or all, of 2 of 2 runs" in verified

    # Moved and touched, they are the same weights; another file's are others.
    moved = tmp_path / "elsewhere.safetensors"
    shutil.move(weights, moved)
    os.utime(moved)
    assert not {"take_weights", "embed", "probe", "measure"} & to_do(project, backbone, moved)
    torch.manual_seed(1)
    save_file(build_model("cnn2", filters=4, num_classes=7).state_dict(), weights)
    assert {"take_weights", "embed", "probe", "measure"} <= to_do(project, backbone, weights)
    to_do(project, backbone, moved)
    # How many blocks are trained is looked at where some are.
    for models, last in ((["finetuned"], 4), (["probe"], 0)):  # the study's own comes last
        project.configure(project.study | {"models": models})
        planned = project.succeeds("--dry-run", "--printshellcmds", "--quiet", "host", "--forceall")
        assert f"--last {last} " in planned
    certified = project.succeeds("certify", "--cores", "2")
    assert certified.count("A     v1/probe/42: identical bits") == 1
    _refuses_features_that_are_not_the_studys(project, results)


def to_do(project, backbone, weights) -> set[str]:
    """Return the rules whose jobs a study with this file of weights has to do."""
    architecture = backbone["architecture"] | {"weights": str(weights)}
    overrides = {"finetuned": backbone | {"architecture": architecture}}
    project.configure(project.study | {"overrides": overrides})
    return set(project.planned())


def _refuses_features_that_are_not_the_studys(project, results):
    run = results / "runs/v1/probe/seed42"
    record = json.loads((results / "features/finetuned.json").read_text())
    outputs = ("weights", "history", "dynamics", "run", "predictions", "maps")
    for key, fragment in (("images", "features of other images"), ("sha256", "not the features")):
        other = results / "other.json"
        other.write_text(json.dumps(record | {key: "0" * 64}))
        words = [
            *("--features", results / "features/finetuned.npy", "--record", other, "--seed", 42),
            *("--data", results / "data/manifest.json", "--index", results / "data/index.csv"),
            *("--splits", results / "splits/v1/seed42.csv"),
            *("--recipe", results / "recipes/probe.yaml"),
            *(word for name in outputs for word in (f"--{name}", project.folder / f"new.{name}")),
        ]
        refused = run_script("probe.py", *words, check=False, cwd=project.folder)
        assert refused.returncode == 1 and run.is_dir()
        assert_one_clear_line(refused.stderr, fragment, "delete this file and run the same command")
        assert not list(project.folder.glob("new.*"))
