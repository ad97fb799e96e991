"""`study plan` on a machine of known speed, told which jobs there are."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from PIL import Image

from study.cli import estimate, plan
from study.cli.main import main
from study.cli.project import Output, find_project

CONFIG = {
    "partitions": [{"name": "v1", "size": 1000}, {"name": "v2", "size": 500}],
    "split": {"train": 0.7, "val": 0.15, "test": 0.15},
    "official": {"val": 0.1},
    "dataset": {"name": "cifar10", "test_path": ""},
}


@pytest.fixture
def planned(tmp_path, monkeypatch, capsys):
    """A function that plans a study, all runs of which are to be trained; returns what is said."""
    for name in ("config", "workflow"):
        shutil.copytree(ROOT / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def outputs(project):
        return [Output(str(run.folder / "run.json"), "train", True) for run in project.runs]

    def measured(asked, processes):
        # A hundred images per second.
        return dict.fromkeys(asked["recipes"], (100.0, asked["num_classes"]))

    monkeypatch.setattr(plan, "jobs_to_do", lambda project: {"train": 3, "predict": 3, "x": 5})
    monkeypatch.setattr(plan, "outputs", outputs)
    monkeypatch.setattr(plan, "measured", measured)

    def planned(study: dict, *words: str) -> str:
        Path("study.yaml").write_text(yaml.safe_dump({"device": "cpu", "models": ["cnn2"]} | study))
        main(["plan", "--configfile", "study.yaml", "--cores", "1", *words])
        return capsys.readouterr().out

    return planned


def test_jobs_images_time_and_disk_are_said(planned):
    # 5 epochs of 14,000 images and a third of 6,000, and a third of 60,000: 4 + 800 + 200 seconds.
    text = planned({"combos": ["v1"], "seeds": [1, 2, 3]})
    assert "11 jobs to do: 5 x, 3 train, 3 predict" in text
    row = next(line.split() for line in text.splitlines() if line.startswith("cnn2"))
    assert row == ["cnn2", "3", "5", "210,000", "100", "50", "minutes"]
    assert "Time: about 50 minutes with 1 job side by side" in text and "Disk: about" in text


def test_every_view_of_an_image_is_predicted(planned):
    # As before, and each image that is predicted twice: 4 + 900 + 400 seconds.
    views = {"overrides": {"cnn2": {"test_time": "flip"}}}
    text = planned({"combos": ["v1"], "seeds": [1, 2, 3]} | views)
    row = next(line.split() for line in text.splitlines() if line.startswith("cnn2"))
    assert row == ["cnn2", "3", "5", "210,000", "100", "65", "minutes"]


def test_of_many_test_images_only_some_are_watched_in_each_epoch(planned):
    whole = {"partitions": [{"name": "v1", "size": 1.0}], "combos": ["v1"], "seeds": [1, 2]}
    split = {"train": 0.9, "val": 0.1, "test": 0.1, "folds": 2}
    # 5 epochs of 27,000 images and a third of 13,000, a third of 60,000: 4 + 1567 + 200 seconds.
    text = planned(whole | {"split": split})
    row = next(line.split() for line in text.splitlines() if line.startswith("cnn2"))
    assert row == ["cnn2", "2", "5", "270,000", "100", "59", "minutes"]


def test_the_seeds_that_fit_into_some_hours_are_proposed(planned):
    study = {"combos": ["v1"], "seeds": [1, 2, 3]}
    assert "The whole study fits into 54 minutes." in planned(study, "--hours", "0.9")
    assert "seeds: [1, 2] in the configuration: about 34 min" in planned(study, "--hours", "0.8")
    with pytest.raises(SystemExit):
        planned(study, "--hours", "0.1")


def test_the_speed_of_an_earlier_run_is_taken_where_there_is_one(planned):
    folder = Path("results/runs/v2/cnn2/seed1")
    folder.mkdir(parents=True)
    architecture = yaml.safe_load(Path("config/models/cnn2.yaml").read_text())["architecture"]
    record = {"recipe": {"architecture": architecture}, "device": "cpu (x)", "parameters": 1}
    (folder / "run.json").write_text(json.dumps(record | {"images_per_s": 350.5}))
    assert "350.5" in planned({"combos": ["v1"]})


def test_classes_of_own_images_are_counted_before_anything_is_decoded(planned, monkeypatch):
    for label in ("cup", "key", "leaf"):
        (Path("photos") / label).mkdir(parents=True)
        for i in range(10):
            Image.new("RGB", (8, 8)).save(f"photos/{label}/{i}.png")
    dataset = {"name": "folder", "path": "photos", "image_size": 16}
    asked = {}
    monkeypatch.setattr(plan, "measured", lambda one, _: asked.update(one) or {"cnn2": (1.0, 1)})
    partitions = [{"name": "v1", "size": 1.0}]
    planned({"dataset": dataset, "partitions": partitions, "combos": ["v1"]})
    assert asked["num_classes"] == 3 and asked["image_shape"] == (16, 16, 3)


def test_the_size_of_a_run_follows_from_its_combo():
    assert estimate.run_size(CONFIG, "v1+v2", 60_000) == (1050, 225, 225)
    assert estimate.run_size(CONFIG, "official", 60_000) == (45_000, 5000, 10_000)
    own = CONFIG | {"dataset": {"name": "folder", "test_path": "tests"}}
    own |= {"partitions": [{"name": "v1", "size": 0.5}]}
    assert estimate.run_size(own, "v1", 600) == (175, 38, 37)


def test_one_long_run_is_not_made_shorter_by_more_cores():
    assert estimate.time_of([100.0, 20.0], 0, 10, 0) == 100
    assert estimate.time_of([100.0, 20.0], 0, 1, 0) == 120


def test_features_are_planned_once_and_probes_as_jobs_that_train_nothing(planned, monkeypatch):
    made = [Output("results/features/finetuned.npy", "embed", True)]
    monkeypatch.setattr(plan, "outputs", lambda project: made)
    monkeypatch.setattr(plan, "jobs_to_do", lambda project: {"embed": 1, "probe": 50})
    text = planned({"models": ["probe"], "combos": ["v1"], "seeds": [1]})
    # 60,000 images at three times the hundred a second, and 51 jobs of 2 seconds.
    assert "Time: about 5 minutes" in text and "trainings" not in text


def rough(project, jobs, gpus=0):
    return estimate.rough_time(project.config, project.study.recipes, jobs, 1, gpus)


def test_the_time_said_at_the_start_is_by_runs_that_are_here_or_by_the_projects_own(planned):
    planned({"combos": ["v1"], "seeds": [1, 2, 3]})
    project, jobs = find_project(["study.yaml"]), {"train": 3, "predict": 3, "x": 5}
    # 2,017 images per second, as the project's file of speeds says of cnn2.
    assert rough(project, jobs) == "about 3 minutes"
    assert rough(project, jobs, gpus=1) == ""
    folder = Path("results/runs/v2/cnn2/seed1")
    folder.mkdir(parents=True)
    architecture = project.study.recipes["cnn2"]["architecture"]
    record = {"recipe": {"architecture": architecture}, "device": "cpu (x)", "parameters": 1}
    (folder / "run.json").write_text(json.dumps(record | {"images_per_s": 100.0}))
    assert rough(project, jobs) == "about 50 minutes"
    of_study = project.config, project.study.recipes
    waiting = [("cnn2", "v1")] * 4
    assert estimate.time_left(*of_study, waiting, [], 2, on_gpu=False) == "about 33 minutes"
    assert estimate.time_left(*of_study, waiting, [600.0], 2, on_gpu=False) == "about 38 minutes"
    assert estimate.time_left(*of_study, [], [600.0], 2, on_gpu=True) == "about 10 minutes"
    assert estimate.time_left(*of_study, waiting, [600.0], 2, on_gpu=True) == ""
    assert estimate.time_left(*of_study, waiting, [], 0, on_gpu=False) == ""


def test_no_time_is_said_of_a_model_whose_speed_nobody_measured(planned):
    planned({"combos": ["v1"], "seeds": [1]})
    project = find_project(["study.yaml"])
    architecture = project.study.recipes["cnn2"]["architecture"]
    assert rough(project, {"train": 1}) == "about 54 seconds"
    architecture["filters"] = 256
    assert rough(project, {"train": 1}) == ""
    architecture |= {"filters": 64, "name": "efficientnet_b0"}
    assert rough(project, {"train": 1}) == ""
