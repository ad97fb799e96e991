"""`study plan` on a machine of known speed, told which jobs there are: what it says and what it proposes."""

import shutil
from pathlib import Path

import pytest
import yaml
from conftest import ROOT
from PIL import Image

from study.cli import plan
from study.cli.estimates import Speed
from study.cli.main import main
from study.cli.project import Job, find_project

# A hundred images a second and no start: a run of cnn2 on v1, five epochs of 14,000 and of 6,000 images, takes 1,000 seconds.
SPEED = Speed(100, 100, 1_000, 0.0)


@pytest.fixture
def planned(tmp_path, monkeypatch, capsys):
    """A function that plans a study of the project in the current folder, all runs of which are to be trained, and returns what is said."""
    for name in ("config", "workflow"):
        shutil.copytree(ROOT / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(plan, "machine", lambda: {"cpus": 1})

    def jobs(project, targets=("all",)):
        trained = [
            Job("train", dict(zip(("combo", "model", "seed"), map(str, run), strict=True)))
            for run in project.runs
        ]
        return [*trained, Job("find_hard_examples", {}), Job("summarize", {})]

    def speeds(project, models, images, gpus, processes):
        assert images.n_classes == asked.get("classes", images.n_classes)
        return dict.fromkeys(models, SPEED), 1.0

    asked: dict[str, int] = {}
    monkeypatch.setattr(plan, "jobs_to_do", jobs)
    monkeypatch.setattr(plan, "_speeds", speeds)

    def planned(study: dict, *words: str, **expected: int) -> str:
        asked.update(expected)
        Path("study.yaml").write_text(yaml.safe_dump({"device": "cpu", "models": ["cnn2"]} | study))
        main(["plan", "--configfile", "study.yaml", *words])
        return capsys.readouterr().out

    return planned


def test_classes_of_own_images_are_counted_before_anything_is_decoded(planned):
    for label in ("cup", "key", "leaf"):
        (Path("photos") / label).mkdir(parents=True)
        for i in range(10):
            Image.new("RGB", (8, 8)).save(f"photos/{label}/{i}.png")
    dataset = {"name": "folder", "path": "photos", "image_size": 16}
    text = planned(
        {"dataset": dataset, "partitions": [{"name": "v1", "size": 1.0}], "combos": ["v1"]},
        classes=3,
    )
    assert "Time: about" in text and "not decoded yet" not in text


def test_a_study_that_takes_as_many_minutes_as_there_are_fits(planned):
    # Three runs and what follows: 3,020 seconds or, as it is told, 50 minutes.
    assert "The whole study fits into 50 minutes." in planned({"combos": ["v1"]}, "--hours", "0.83")
    assert "# 2 of 3 runs: about 34 minutes" in planned({"combos": ["v1"]}, "--hours", "0.8")


def test_many_cores_do_not_shorten_what_is_done_one_after_the_other(planned):
    study = {"partitions": [{"name": "v1", "size": 100}], "combos": ["v1"]}
    one, many = (planned(study, "--cores", cores) for cores in ("1", "1000"))
    # A run takes 5 seconds, the list of hard examples of 60,000 images and the summary of all 20.
    assert "Time: about 36 seconds" in one and "Time: about 25 seconds" in many


def test_a_part_leaves_out_what_only_the_whole_can_answer(planned):
    study = {
        "combos": ["v1", "v2", "v1+v2"],
        "models": ["cnn2", "cnn3"],
        "seeds": [1, 2],
        "lr_find": {"models": ["cnn3"]},
    }
    claims = [
        {"claim": "More is better", "better": "v1+v2", "than": "v1"},
        {"claim": "Both halves: the same?", "better": "v1", "than": "v2"},
        {"claim": "cnn3 is good", "accuracy_at_least": 0.5, "models": ["cnn3"]},
    ]
    Path("mine.yaml").write_text(yaml.safe_dump(claims))
    text = planned(study | {"claims": "mine.yaml"}, "--hours", "1.2", "--write", "part.yaml")
    part = yaml.safe_load(Path("part.yaml").read_text())
    assert part == {
        "combos": ["v1", "v2"],
        "models": ["cnn2"],
        "claims": "part.claims.yaml",
        "lr_find": {"models": []},
    }
    assert yaml.safe_load(Path("part.claims.yaml").read_text()) == claims[1:2]
    for lost in ("More is better", "cnn3 is good"):
        assert f"# Without the claim that this part cannot answer: {lost}\n" in text
    assert "Both halves" not in text
    find_project(["study.yaml", "part.yaml"])  # which checks it

    Path("mine.yaml").write_text(yaml.safe_dump(claims[:1]))
    planned(study | {"claims": "mine.yaml"}, "--hours", "1.2", "--write", "part.yaml")
    assert yaml.safe_load(Path("part.yaml").read_text())["claims"] == ""
