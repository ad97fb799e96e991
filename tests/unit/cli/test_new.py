"""What `study new` proposes for a folder of images."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import ROOT
from PIL import Image

from study.cli import proposal
from study.cli.main import main

SIZES = [(40, 33), (48, 40), (33, 52)]


@pytest.fixture(scope="module")
def proposed(tmp_path_factory) -> str:
    """The text for 400 images of four classes and three sizes, as a first study has them."""
    folder = tmp_path_factory.mktemp("new")
    for k in range(4):
        (folder / "photos" / f"class{k}").mkdir(parents=True)
        for i in range(100):
            Image.new("RGB", SIZES[i % 3]).save(folder / "photos" / f"class{k}" / f"{i}.png")
    main(["new", str(folder / "study.yaml"), "--images", str(folder / "photos")])
    return Path(folder / "study.yaml").read_text()


def test_a_few_hundred_images_are_studied_in_minutes_on_a_cpu(proposed):
    study = yaml.safe_load(proposed)
    size = {
        part["name"]: 400 * part["size"] * study["split"]["train"] for part in study["partitions"]
    }
    seen = sum(
        sum(size[part] for part in combo.split("+"))
        * study["overrides"][model]["epochs"]
        * len(study["seeds"])
        for combo in study["combos"]
        for model in study["models"]
    )
    # A core trains the two small networks at some 1,000 images per second, the large ones at 50.
    assert set(study["models"]) == {"cnn2", "cnn3"} and seen / 1000 < 300
    assert len(study["seeds"]) >= 3


def test_accuracies_are_not_of_a_handful_of_images(proposed):
    study = yaml.safe_load(proposed)
    assert all(400 * part["size"] * study["split"]["test"] >= 50 for part in study["partitions"])


def test_the_sizes_that_it_names_are_those_of_images(proposed):
    named = re.search(r"have (\d+)×(\d+) to (\d+)×(\d+) pixels, the median (\d+)×(\d+)", proposed)
    low, high, middle = np.array(named.groups(), int).reshape(3, 2).tolist()
    assert [tuple(size) for size in (low, middle, high)] == [(40, 33), (33, 52), (48, 40)]


def test_every_number_of_images_gets_shares_that_add_up():
    for n in (16, 100, 389, 2_000, 50_000):
        plan = proposal.planned(n, n // 2, np.array([[32, 32]]))
        assert sum(plan.split.values()) == pytest.approx(1) and sum(plan.shares) == pytest.approx(1)


def test_a_folder_is_made_that_finds_the_rules_and_the_images(tmp_path, monkeypatch, capsys):
    for place in ("photos/cat", "photos/dog", "tests/cat", "tests/dog"):
        (tmp_path / place).mkdir(parents=True)
        for i in range(9):
            Image.new("RGB", (40, 40), (i, len(place), 0)).save(tmp_path / place / f"{i}.png")
    monkeypatch.chdir(tmp_path)
    main(["new", "deep/my study/", "--images", "photos", "--test-images", str(tmp_path / "tests")])
    study = tmp_path / "deep/my study"
    text = (study / "config/config.yaml").read_text()
    assert "# Images have 40×40 pixels (36 looked at).\n" in text
    dataset = yaml.safe_load(text)["dataset"]
    assert dataset["path"] == "../../photos" and dataset["test_path"] == str(tmp_path / "tests")
    assert (study / "workflow/Snakefile").samefile(ROOT / "workflow/Snakefile")
    assert "cd 'deep/my study'\n" in capsys.readouterr().out
    assert sorted(path.name for path in study.parent.iterdir()) == ["my study"]


def test_a_folder_below_a_link_finds_the_images_too(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir(), (tmp_path / "elsewhere/deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    Path("link").symlink_to("../elsewhere/deep", target_is_directory=True)
    for name in ("cat", "dog"):
        Path("photos", name).mkdir(parents=True)
        for i in range(9):
            Image.new("RGB", (40, 40), (i, len(name), 0)).save(f"photos/{name}/{i}.png")
    main(["new", "link/study", "--images", "photos"])
    path = yaml.safe_load(Path("link/study/config/config.yaml").read_text())["dataset"]["path"]
    assert Path("link/study", path).samefile("photos")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["there"], "there exists already"),
        (["file/in it"], "file/in it cannot be made"),
        (["new", "--test-images", "there"], "--test-images was given without --images"),
        (["new", "--images", "there"], "dataset.path: there holds no images"),
    ],
)
def test_what_cannot_be_made_leaves_nothing(tmp_path, monkeypatch, capsys, words, line):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit):
        main(["new", *words])
    assert re.search(f"^error: {line}", capsys.readouterr().err)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "there"]
