"""A trained run of another recipe or of other splits is outdated, never ok."""

import pytest
import yaml
from cli_study import printed, write_project, write_run

from study.files import file_digest
from study.runs.outdated import recipe_changes, why_outdated
from study.runs.run import run_of

RECIPE = {"epochs": 3, "optimizer": {"name": "sgd", "lr": 0.1}}


@pytest.mark.parametrize(
    ("trained", "planned", "changes"),
    [
        ({}, RECIPE, []),
        ({}, RECIPE | {"epochs": 4}, ["epochs 3 → 4"]),
        ({}, RECIPE | {"ema": 0.9}, ["ema none → 0.9"]),
        ({}, RECIPE | {"optimizer": {"name": "sgd", "lr": "from lr_find"}}, []),
        ({"tuned": {"epochs": 3}}, RECIPE | {"epochs": 9}, []),
    ],
)
def test_recipes_are_compared_with_what_searches_found(trained, planned, changes):
    assert recipe_changes({"recipe": RECIPE} | trained, planned) == changes


@pytest.mark.parametrize("trained", [{"name": "probe", "features": "f"}, {"name": "predictions"}])
def test_a_run_that_trained_no_network_is_compared_with_one_that_does(trained):
    record = {"recipe": {"architecture": trained}}
    planned = {"architecture": {"name": "cnn2"}, "normalize": "data"}
    planned["optimizer"] = {"name": "sgd", "lr": "from lr_find"}
    changes = recipe_changes(record, planned)
    assert changes[0] == f"architecture.name {trained['name']} → cnn2"
    assert changes[-1] == "optimizer.lr none → from lr_find"


def test_changed_splits_make_a_run_outdated(tmp_path):
    split = tmp_path / "results/splits/v1/seed1.csv"
    split.parent.mkdir(parents=True)
    split.write_text("image_id,role\n0,train\n")
    parents = {"results/splits/v1/seed1.csv": file_digest(split), "results/gone.csv": "0"}
    write_run(tmp_path / "results", "v1", "cnn2", 1, 9, parents=parents)
    run = run_of(tmp_path / "results", "v1", "cnn2", 1)
    assert why_outdated(run) == ""
    split.write_text("image_id,role\n0,test\n")
    assert why_outdated(run).endswith("seed1.csv has changed since it was trained")


def test_show_watch_and_diff_say_that_a_run_is_outdated(tmp_path):
    folder = write_project(tmp_path / "project")
    longer = yaml.safe_load((folder / "study.yaml").read_text())
    longer["overrides"]["cnn2"]["epochs"] = 30
    (folder / "longer.yaml").write_text(yaml.safe_dump(longer))
    shown = printed("show", "--csv", "--configfile", "longer.yaml", folder=folder)
    assert "v1,cnn2,1,outdated" in shown and "another recipe: epochs 3 → 30" in shown
    assert "v1,cnn3,1,ok" in shown
    watched = printed("watch", "--once", "--configfile", "longer.yaml", folder=folder)
    assert "2 of 6 runs trained" in watched and "2 outdated" in watched
    recipe = folder / "results/recipes/cnn2.yaml"
    recipe.parent.mkdir()
    recipe.write_text("epochs: 30\n")
    diff = printed("diff", "v1/cnn2/1", "v1/cnn3/1", folder=folder)
    assert "outdated (another recipe: " in diff


def test_what_jobs_take_of_weights_and_images_makes_no_run_outdated():
    asked = {"architecture": {"name": "cnn2", "weights": "a.pth"}, "normalize": "data"}
    taken = {"file": "results/weights/m.safetensors", "sha256": "ab"}
    trained = {"architecture": {"name": "cnn2"}, "normalize": {"mean": [0.5]}}
    record = {"recipe": trained | {"trained_weights": taken}}
    assert recipe_changes(record, asked) == []
    assert recipe_changes(record, asked | {"head_lr": 3}) == ["head_lr none → 3"]
