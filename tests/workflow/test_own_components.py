"""The optimizer and the augmentation that CONTRIBUTING.md shows: one file each."""

import json
import subprocess
import sys

import pytest
from conftest import Project, shown_files

pytestmark = pytest.mark.workflow

FILES = shown_files("Add an optimizer") | shown_files("Add an augmentation")
OPTIMIZER = {"name": "signum", "lr": 0.0003, "momentum": 0.95}
AUGMENT = [{"name": "horizontal_flip"}, {"name": "invert", "p": 0.1}]


def test_the_shown_files_are_all_that_a_training_needs(tmp_path, archive):
    assert list(FILES) == [
        "scripts/study/training/optimizers/signum.py",
        "scripts/study/training/augment/invert.py",
    ]
    project = Project(tmp_path / "project", archive, combos=["v1"], seeds=[42])
    overrides = {"epochs": 1, "architecture": {"filters": 16}, "augment": AUGMENT}
    project.configure(project.study | {"overrides": {"cnn2": overrides | {"optimizer": OPTIMIZER}}})
    assert "expected one of" in project.snakemake("--dry-run").stderr
    for name, text in FILES.items():
        (project.folder / name).write_text(text)

    run = "results/runs/v1/cnn2/seed42"
    project.succeeds(f"{run}/metrics.json", "results/models/cnn2/layers.csv", "--cores", "2")
    record = json.loads((project.folder / run / "run.json").read_text())
    assert record["status"] == "ok" and record["epochs"] == 1
    assert (record["recipe"]["optimizer"], record["recipe"]["augment"]) == (OPTIMIZER, AUGMENT)

    project.configure(
        project.study
        | {"overrides": {"cnn2": overrides | {"optimizer": OPTIMIZER | {"momentum": 1}}}}
    )
    assert "optimizer.momentum" in project.snakemake("--dry-run").stderr


def test_their_options_are_documented_from_their_schemas(tmp_path, archive):
    folder = Project(tmp_path / "project", archive).folder
    for name, text in FILES.items():
        (folder / name).write_text(text)
    command = [sys.executable, "scripts/document_config.py", "--readme", "config/README.md"]
    subprocess.run(command, cwd=folder, check=True, env={"PYTHONPATH": str(folder / "scripts")})
    readme = (folder / "config/README.md").read_text()
    assert "`signum` (momentum): Every weight moves by the learning rate" in readme
    assert "`signum`: Momentum. Default: 0.9." in readme
    assert "`invert` (p): Turn the image into its negative." in readme
