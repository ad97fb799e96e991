"""A study of a folder of images: hard names work, and only a changed image re-runs it."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from conftest import FULL, Project
from PIL import Image, ImageDraw

from study.files import file_digest

pytestmark = pytest.mark.workflow

COLOURS = {"Straße 1": "red", '<b>x, "q" $5$': "green", "007": "blue", "NA": "white"}


def shapes(folder, per_class=20):
    """Write images of 48×40 pixels of noise with a square of the class's colour."""
    random = np.random.default_rng(5)
    for place, (name, colour) in enumerate(COLOURS.items()):
        (folder / name).mkdir(parents=True)
        for i in range(per_class if place else per_class * 9 // 10):
            image = Image.fromarray(random.integers(0, 160, (40, 48, 3)).astype(np.uint8))
            left, top = random.integers(2, 20, 2).tolist()
            ImageDraw.Draw(image).rectangle((left, top, left + 20, top + 15), fill=colour)
            image.save(folder / name / f"bild {i}.{('png', 'jpg', 'webp', 'bmp')[i % 4]}")
    return folder


@pytest.fixture(scope="module")
def own(tmp_path_factory, archive) -> Project:
    """A finished study of a folder beside the project; who changes something puts it back."""
    folder = tmp_path_factory.mktemp("own")
    shapes(folder / "my images")
    shapes(folder / "my tests", 4)
    project = Project(folder / "project", archive, figures={"runs": True})
    dataset = project.study["dataset"] | {
        "name": "folder", "path": "../my images", "test_path": "../my tests", "checksums": "",
        "image_size": 24, "fit": "crop",
    }  # fmt: skip
    partitions = [{"name": name, "size": 0.5} for name in ("v1", "v2")]
    project.configure(
        project.study
        | {"dataset": dataset, "partitions": partitions, "combos": ["v1", "official"], "seeds": [7]}
    )
    project.succeeds(*FULL)
    return project


def test_the_study_is_whole_and_names_are_what_they_were(own):
    results = own.folder / "results"
    summary = pd.read_csv(results / "summary.csv")
    assert summary["combo"].tolist() == ["v1", "official"] and summary["n_test"].tolist()[1] == 15
    drawn = [pd.read_csv(path)["image_id"] for path in results.glob("partitions/*.csv")]
    index = pd.read_csv(results / "data/index.csv").set_index("image_id")
    assert set(index.loc[pd.concat(drawn), "source_split"]) == {"train"}
    metrics = json.loads((results / "runs/v1/cnn2/seed7/metrics.json").read_text())
    assert metrics["external_test"]["n"] == 15
    external = summary.set_index("combo")["external_test_accuracy"]
    assert external["official"] == summary["test_accuracy"].iloc[1] and external.notna().all()
    pairs = pd.read_csv(results / "comparisons/comparisons.csv").set_index("measure")
    pair = pairs.loc["external_test_accuracy"]
    assert (pair["a"], pair["b"], pair["n_images"]) == ("v1", "official", 15)
    assert pair["difference"] == pytest.approx(external["official"] - external["v1"], abs=1e-5)
    assert "accuracy" not in pairs.index  # official is tested on other images than v1
    assert "Differences on your test images" in (results / "overview.rst").read_text()
    assert {f"recall_{name}" for name in COLOURS} <= set(summary.columns)
    assert summary[[f"recall_{name}" for name in COLOURS]].notna().all(axis=None)
    hard = pd.read_csv(results / "hard_examples.csv", dtype=str, keep_default_na=False)
    assert set(hard["class"]) == set(COLOURS)
    counts = pd.read_csv(
        results / "data/class_counts.csv", dtype={"class": str}, keep_default_na=False
    )
    assert dict(zip(counts["class"], counts["images"], strict=True)) == dict.fromkeys(
        COLOURS, 24
    ) | {"Straße 1": 21}
    assert "checks passed" in own.succeeds("verify")


def test_pages_show_names_as_text(own):
    own.succeeds("--report")
    report = (own.folder / "report.html").read_text()
    assert "class_counts.html" in report and "problems.html" in report
    for page in ("gallery.html", "hard_examples.html", "data/class_counts.html", "summary.html"):
        text = (own.folder / "results" / page).read_text()
        assert "<b>x" not in text, page
    for figure in (own.folder / "results").rglob("*.svg"):
        text = figure.read_text()
        assert "<b>x" not in text, figure
    matrix = (own.folder / "results/runs/v1/cnn2/seed7/confusion_matrix.svg").read_text()
    assert "$5$" in matrix and "Straße 1" in matrix


def test_touched_and_moved_images_run_nothing_again_and_another_image_everything(own):
    images = own.folder.parent / "my images"
    for path in images.rglob("*.*"):
        path.touch()
    assert own.planned() == {}
    elsewhere = own.folder.parent / "elsewhere"
    shutil.move(images, elsewhere)
    try:
        assert own.planned() == {}  # gone: what was decoded goes on to count
        own.configure({"dataset": {"path": str(elsewhere)}}, "there.yaml")
        there = own.planned("--configfile", "config/there.yaml")
        assert not {"download", "train"} & there.keys()
    finally:
        shutil.move(elsewhere, images)
    assert own.planned() == {}
    added = images / "NA" / "another.png"
    Image.new("RGB", (40, 40), "white").save(added)
    assert {"download": 1, "decode": 1, "partition": 2, "train": 2}.items() <= own.planned().items()
    added.unlink()
    assert own.planned() == {}
    other = images / "NA" / "bild 0.png"
    before = other.read_bytes()
    Image.new("RGB", (40, 40), "white").save(other)
    assert {"download": 1, "decode": 1, "train": 2}.items() <= own.planned().items()
    other.write_bytes(before)
    assert own.planned() == {}


def test_groups_are_kept_whole_verified_and_refused_where_a_class_has_too_few(tmp_path, archive):
    images = shapes(tmp_path / "images")
    for path in images.rglob("bild *"):
        burst, number = divmod(int(path.stem.removeprefix("bild ")), 2)
        path.rename(path.with_name(f"burst{burst}_{number}{path.suffix}"))
    project = Project(tmp_path / "project", archive)
    dataset = project.study["dataset"] | {
        "name": "folder", "path": str(images), "checksums": "", "image_size": 8,
        "group": r"^(.+/burst\d{1,2})_",
    }  # fmt: skip
    partitions = [{"name": name, "size": 0.5} for name in ("v1", "v2")]
    study = project.study | {"dataset": dataset, "partitions": partitions, "combos": ["v1"]}
    folds = {"split": project.study["split"] | {"folds": 2}, "seeds": [7, 8]}
    project.configure(study | folds | {"near_duplicates": {"threshold": 0.1}})
    of_folds = [f"results/splits/v1/seed{seed}.csv" for seed in (7, 8)]
    project.succeeds(*of_folds)
    first, second = (pd.read_csv(project.folder / path).set_index("image_id") for path in of_folds)
    assert (first["role"].eq("test") != second["role"].eq("test")).all()  # each is tested once
    assert first["role"].nunique() == 3 and sorted(first.index) == sorted(second.index)
    project.configure(study | {"near_duplicates": {"threshold": 0.1}})
    splits = [f"results/splits/{name}/seed7.csv" for name in ("v1", "v2")]
    project.succeeds(*splits)
    groups = pd.read_csv(project.folder / "results/data/index.csv", keep_default_na=False)["group"]
    tables = [pd.read_csv(project.folder / path) for path in splits]
    place = pd.concat(
        table["role"] + f" of {path}" for table, path in zip(tables, splits, strict=True)
    ).set_axis(np.concatenate([table["image_id"] for table in tables]))
    assert place.groupby(groups[place.index]).nunique().eq(1).all()
    assert place.groupby(groups[place.index]).size().max() == 2 and place.nunique() == 6
    four = [{"name": f"v{number}", "size": 0.25} for number in range(4)]
    project.configure(study | {"partitions": four})
    refused = project.snakemake("--dry-run")
    line = [x for x in (refused.stdout + refused.stderr).splitlines() if x.startswith("error: ")]
    assert refused.returncode != 0 and len(line) == 1
    assert "the class 'Straße 1' has only 9 groups" in line[0] and "expected at least 12" in line[0]


def test_broken_images_stop_a_study_with_a_list_that_stays(tmp_path, archive):
    broken = shapes(tmp_path / "images") / "007" / "broken.png"
    broken.write_bytes(b"\x89PNG")
    project = Project(tmp_path / "project", archive)
    dataset = project.study["dataset"] | {
        "name": "folder",
        "path": str(tmp_path / "images"),
        "checksums": "",
    }
    study = project.study | {
        "dataset": dataset,
        "partitions": [{"name": "v1", "size": 1.0}],
        "combos": ["v1"],
    }
    project.configure(study)
    target = "results/splits/v1/seed7.csv"
    refused = project.snakemake(target)
    text = refused.stdout + refused.stderr
    assert refused.returncode != 0 and "Traceback" not in text
    assert (
        "error: 1 image cannot be used, listed with reasons in results/data/problems.csv; "
        "the first is 007/broken.png" in text
    )
    (problem,) = pd.read_csv(project.folder / "results/data/problems.csv").to_dict("records")
    assert problem["kind"] == "unusable" and problem["class"] == 7
    project.configure(study | {"dataset": dataset | {"skip_broken": True}})
    project.succeeds(target)
    assert json.loads((project.folder / "results/data/manifest.json").read_text())["images"] == [
        78,
        32,
        32,
        3,
    ]
    before = file_digest(project.folder / "results/data/images.npy")
    broken.unlink()
    project.configure(study)
    project.succeeds(target)
    assert file_digest(project.folder / "results/data/images.npy") == before
    project.configure(
        study | {"dataset": dataset | {"path": str(tmp_path / "nowhere")}}, "gone.yaml"
    )
    (project.folder / "results/data/manifest.json").unlink()
    refused = project.snakemake(target, "--configfile", "config/gone.yaml")
    errors = [
        line
        for line in (refused.stdout + refused.stderr).splitlines()
        if line.startswith("error: ")
    ]
    assert (
        refused.returncode != 0
        and len(errors) == 1
        and "does not exist; expected a folder" in errors[0]
    )


def test_a_model_that_saw_a_test_image_is_imported_once_the_image_is_left_out(own):
    project = own.copied(own.folder.with_name("corrected"))
    index = pd.read_csv(project.folder / "results/data/index.csv", dtype={"class": str})
    seen = index[(index["source_split"] == "test") & (index["class"] == "007")].iloc[0]
    roles = np.where(index["image_id"] == seen["image_id"], "train", "unseen")
    table = pd.DataFrame(0.25, index=index.index, columns=[*COLOURS])
    table.assign(image_id=index["image_id"], role=roles).to_csv(
        project.folder / "clip.csv", index=False
    )
    (project.folder / "verdicts.csv").write_text(
        "image_id,file,sha256,verdict,label,who,when\n"
        f"{seen['image_id']},{seen['file']},,leave out,,,\n"
    )
    models = [{"name": "clip", "predictions": "clip.csv"}]
    dataset = project.study["dataset"] | {"corrections": "verdicts.csv"}
    project.configure(project.study | {"models": models, "dataset": dataset})
    project.succeeds("results/runs/v1/clip/seed7/run.json")
