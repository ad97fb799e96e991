"""A trained run of another recipe or of other splits is outdated, never ok."""

import json
import os

import pytest
import yaml
from cli_study import printed, write_project, write_run

from study.config.recipes import merged
from study.files import file_digest, read_yaml
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


@pytest.fixture
def finished(tmp_path):
    """A project with four runs and, made after them, the record of the study."""
    folder = write_project(tmp_path / "project")
    results = folder / "results"
    config = merged(read_yaml(folder / "config/config.yaml"), read_yaml(folder / "study.yaml"))
    digests = {"images.npy": "a", "index.csv": "b"}
    (results / "data/manifest.json").write_text(
        json.dumps({"dataset": "cifar10", "sha256": digests})
    )
    files = {f"results/data/{name}": digest for name, digest in digests.items()}
    (results / "study.json").write_text(json.dumps({"config": config, "files": files}))
    return folder


def shown(folder, *configfiles) -> list[str]:
    """Return the lines of the four runs that were trained."""
    words = ("show", "--csv", "--columns", "combo", "model", "seed", "status", "reason")
    lines = printed(*words, "--configfile", "study.yaml", *configfiles, folder=folder).splitlines()
    return [line for line in lines if ",1," in line or ",2," in line]


def test_other_partitions_splits_or_images_than_the_studys_make_runs_outdated(finished):
    assert all(",ok," in line for line in shown(finished))
    (finished / "other.yaml").write_text("partition_seed: 7\n")
    lines = shown(finished, "other.yaml")
    assert len(lines) == 4
    for line in lines:
        assert "outdated,other data: partition_seed changed since it was trained" in line
    watched = printed(
        "watch", "--once", "--configfile", "study.yaml", "other.yaml", folder=finished
    )
    assert "0 of 6 runs trained" in watched and "4 outdated" in watched
    manifest = {"dataset": "cifar10", "sha256": {"images.npy": "other", "index.csv": "b"}}
    (finished / "results/data/manifest.json").write_text(json.dumps(manifest))
    assert all("data/images.npy has changed since it was trained" in x for x in shown(finished))


def test_a_run_that_was_trained_since_is_of_the_last_command(finished):
    config = json.loads((finished / "results/study.json").read_text())["config"]
    (finished / "results/scratch").mkdir()
    record = {"config": config | {"partition_seed": 7}, "configfiles": []}
    (finished / "results/scratch/started.json").write_text(json.dumps(record))
    (finished / "results/data/manifest.json").write_text(
        '{"dataset": "cifar10", "sha256": {"images.npy": "other"}}'
    )
    (finished / "other.yaml").write_text("partition_seed: 7\n")
    run = finished / "results/runs/v1/cnn2/seed1/run.json"
    later = (finished / "results/study.json").stat().st_mtime + 5
    os.utime(run, (later, later))
    assert [",ok," in line for line in shown(finished, "other.yaml")] == [True, False, False, False]
    (finished / "results/study.json").unlink()  # a first command, which has not ended
    assert all(",ok," in line for line in shown(finished, "other.yaml"))
    assert all("other data: partition_seed" in line for line in shown(finished))


def test_predictions_of_others_do_not_depend_on_pixels(finished):
    results = finished / "results"
    recipe = {"architecture": {"name": "predictions", "saw": "nothing", "varies_with": []}}
    write_run(results, "v1", "theirs", 1, 9, recipe=recipe)
    run = run_of(results, "v1", "theirs", 1)
    os.utime(run.folder / "run.json", (1, 1))
    for digests, why in (({"images.npy": "other"}, ""), ({"index.csv": "other"}, "index.csv has")):
        (results / "data/manifest.json").write_text(json.dumps({"sha256": digests}))
        os.utime(results / "data/manifest.json", ns=(len(why), len(why)))
        assert why in why_outdated(run) and bool(why) == bool(why_outdated(run))


def test_what_jobs_take_of_weights_and_images_makes_no_run_outdated():
    asked = {"architecture": {"name": "cnn2", "weights": "a.pth"}, "normalize": "data"}
    taken = {"file": "results/weights/m.safetensors", "sha256": "ab"}
    trained = {"architecture": {"name": "cnn2"}, "normalize": {"mean": [0.5]}}
    record = {"recipe": trained | {"trained_weights": taken}}
    assert recipe_changes(record, asked) == []
    assert recipe_changes(record, asked | {"head_lr": 3}) == ["head_lr none → 3"]
