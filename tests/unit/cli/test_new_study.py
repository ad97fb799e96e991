"""`study new`: a ready configuration for your own images."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import ROOT, assert_one_clear_line
from made_images import coloured
from PIL import Image

from study.cli import proposal
from study.cli.main import main
from study.cli.project import find_project
from study.data.datasets.listing import list_images
from study.files import read_yaml, write_csv


def test_a_new_study_is_ready_to_run_and_never_replaces_one(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    images, target = coloured(tmp_path / "my: images #1", 24), tmp_path / "my study.yaml"
    main(["new", str(target), "--images", str(images)])
    told = capsys.readouterr().out
    assert (
        "72 images of 3 classes" in told and f"snakemake --report --configfile '{target}'" in told
    )
    study = yaml.safe_load(target.read_text())
    assert study["dataset"] == {
        "name": "folder", "path": str(images), "image_size": 32, "fit": "crop",
        "skip_broken": False,
    }  # fmt: skip
    assert [part["size"] for part in study["partitions"]] == [1.0]
    assert study["combos"] == ["v1"] and len(study["seeds"]) >= 3
    before = target.read_text()
    with pytest.raises(SystemExit):
        main(["new", str(target), "--images", str(images)])
    assert_one_clear_line(capsys.readouterr().err, "exists already")
    assert target.read_text() == before


def test_a_new_study_without_images_is_a_folder_for_one_of_cifar10(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    main(["new", "my_study"])
    told = capsys.readouterr().out
    assert "CIFAR-10" in told and "cd my_study\n" in told
    assert list(tmp_path.iterdir()) == [tmp_path / "my_study"]
    monkeypatch.chdir("my_study")
    # The study in it is the project's own, by the project's rules.
    assert find_project([]).config == read_yaml(ROOT / "config/config.yaml")
    assert Path("workflow/Snakefile").samefile(ROOT / "workflow/Snakefile")


def test_a_new_study_fits_its_images(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    coloured(tmp_path / "images", 9), coloured(tmp_path / "tests", 2)
    for folder in ("images", "tests"):
        rows = [(image.file, image.label) for image in list_images(tmp_path / folder).images]
        write_csv(tmp_path / folder / "labels.csv", ["path", "label"], rows)
    tables = [str(tmp_path / folder / "labels.csv") for folder in ("images", "tests")]
    main(["new", str(tmp_path / "s.yaml"), "--images", tables[0], "--test-images", tables[1]])
    study = yaml.safe_load((tmp_path / "s.yaml").read_text())
    assert study["dataset"]["name"] == "csv" and study["combos"] == ["v1", "official"]
    assert study["partitions"] == [{"name": "v1", "size": 1.0}]
    sizes = np.array([[500, 400], [640, 480], [800, 800]])
    assert proposal.planned(90_000, 900, sizes)[:2] == (64, "crop")
    assert proposal.planned(90_000, 900, np.array([[50, 50]]))[:2] == (48, "resize")
    many, some, few = (proposal.planned(n, n // 10, sizes) for n in (90_000, 1_600, 100))
    assert [len(plan.shares) for plan in (many, some, few)] == [3, 2, 1]
    assert many.epochs < some.epochs < few.epochs
    # Where partitions are small, more of them is for testing.
    assert many.split["test"] < few.split["test"]


def test_a_new_study_of_too_few_images_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["new", str(tmp_path / "s.yaml"), "--images", str(coloured(tmp_path / "images", 3))])
    assert_one_clear_line(capsys.readouterr().err, "has 3 images, expected at least 8")
    assert not (tmp_path / "s.yaml").exists()


def test_a_new_study_takes_train_and_test_for_what_they_are(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("study.cli.new.reads_heif", lambda: False)
    for part in ("train", "valid", "test"):
        coloured(tmp_path / "set" / part, 9)
    (tmp_path / "set" / "train" / "été" / "a.heic").touch()
    (tmp_path / "set" / "train" / "été" / "film.mov").touch()
    main(["new", str(tmp_path / "s.yaml"), "--images", str(tmp_path / "set")])
    text, told = (tmp_path / "s.yaml").read_text(), capsys.readouterr()
    study = yaml.safe_load(text)
    assert study["dataset"]["path"] == str(tmp_path / "set" / "train")
    assert study["dataset"]["test_path"] == str(tmp_path / "set" / "test")
    assert "official" in study["combos"]
    assert "holds train/, valid/ and test/, not classes" in told.err
    assert "valid/ left out" in told.err and "Straße 1" in told.out
    assert "1 .heic (photographs of a phone) cannot be read here" in told.err
    assert "left alone (1 .mov)" in text


@pytest.mark.parametrize(("n_groups", "n_partitions"), [(4, 1), (7, 2)])
def test_partitions_have_groups_for_each_role_where_names_suggest_groups(
    tmp_path, n_groups, n_partitions, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for kind, group, i in itertools.product(("ill", "well"), range(n_groups), range(30)):
        picture = tmp_path / "images" / kind / f"{kind}{group}" / f"{i}.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 32), (group, i, len(kind))).save(picture)
    main(["new", "s.yaml", "--images", "images"])
    assert len(read_yaml("s.yaml")["partitions"]) == n_partitions
