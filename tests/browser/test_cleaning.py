"""A data set is cleaned: look at it in the gallery, correct it, run again, see what that did."""

import re
import shutil

import numpy as np
import pandas as pd
import pytest
from cli_study import printed
from conftest import FULL, Project, assert_one_clear_line
from PIL import Image
from sklearn.datasets import load_digits

pytestmark = [pytest.mark.browser, pytest.mark.workflow]

GALLERY, DRY = ("results/gallery.html", *FULL), ("--dry-run", "--quiet", "host")


def digits(folder) -> None:
    """Write 500 digits, of which one in twenty lies in the folder of another digit.

    The names of these say what they are: 12_is3.png.
    """
    data = load_digits()
    for i in range(500):
        right = int(data.target[i])
        wrong = i % 20 == 7
        place = folder / str((right + 1) % 10 if wrong else right)
        place.mkdir(parents=True, exist_ok=True)
        pixels = (data.images[i] * 15.9).astype(np.uint8)
        Image.fromarray(pixels).save(place / f"{i}{f'_is{right}' if wrong else ''}.png")


@pytest.fixture
def project(tmp_path, archive) -> Project:
    """A study of these on two partitions, not yet run."""
    project = Project(tmp_path / "project", archive)
    digits(project.folder / "digits")
    study = project.study
    study["dataset"] |= {"name": "folder", "path": "digits", "checksums": "", "image_size": 16}
    study["overrides"]["cnn2"] = {"epochs": 1, "architecture": {"filters": 8}}
    partitions = [{"name": name, "size": 250} for name in ("v1", "v2")]
    project.configure(study | {"partitions": partitions, "combos": ["v1", "v2"], "seeds": [7]})
    return project


def ids_of(project: Project, *parts: str) -> set[int]:
    return set(pd.read_csv(project.folder.joinpath("results", *parts))["image_id"])


def mark(page, wrong: pd.DataFrame, left_out: int, output) -> None:
    """Mark images with wrong labels and one to leave out, and save what was said."""
    for image in wrong.itertuples():
        page.locator("[name=find]").fill(f"{image.image_id}")
        page.locator(f"[aria-label^='Image {image.image_id}:']").click()
        page.locator("dialog[open] .verdict").wait_for()
        page.get_by_label("Your verdict", exact=True).select_option("wrong label")
        page.get_by_label("The right label").select_option(re.search(r"_is(\d)", image.file)[1])
        page.keyboard.press("Escape")
    page.locator("[name=find]").fill(f"{left_out}")
    page.locator(f"[aria-label^='Image {left_out}:']").focus()
    page.keyboard.press("x")
    page.locator("#n-verdicts", has_text=f"{len(wrong) + 1} marked").wait_for()
    with page.expect_download() as download:
        page.locator("#save").click()
    download.value.save_as(output)


def confirm(project: Project, image: pd.Series) -> None:
    """Say that an image is fine, by a line that changes nothing but the gallery."""
    said = {"image_id": image["image_id"], "file": image["file"], "sha256": "", "verdict": "fine"}
    table = project.folder / "verdicts.csv"
    lines = pd.read_csv(table, keep_default_na=False, encoding="utf-8-sig")
    more = pd.DataFrame([said | {"label": "", "who": "she", "when": ""}])
    pd.concat([lines, more]).to_csv(table, index=False)
    ran = project.succeeds(*GALLERY)
    assert set(re.findall(r"^(?:local)?rule (\w+):", ran, re.MULTILINE)) == {
        "list_corrections",
        "build_gallery",
    }
    kept = pd.read_csv(project.folder / "results/data/verdicts.csv", keep_default_na=False)
    assert len(kept) == len(lines) + 1 and kept["who"].iloc[-1] == "she"
    table.rename(table.with_name("moved.csv"))  # the copy stands in for a file that is gone
    assert "Nothing to be done" in project.succeeds(*GALLERY)
    table.with_name("moved.csv").rename(table)


def test_only_what_corrections_concern_runs_again_and_diff_shows_the_effect(
    project, open_page, tmp_path
):
    project.succeeds(*GALLERY)
    results = project.folder / "results"
    page = open_page(results / "gallery.html")
    index = pd.read_csv(results / "data/index.csv")
    in_v1 = index["image_id"].isin(ids_of(project, "partitions/v1.csv"))
    hard = pd.read_csv(results / "hard_examples.csv").set_index("image_id")["n_wrong"]
    shown = index["image_id"].map(hard) > 0
    planted = index["file"].str.contains("_is")
    wrong, left_out = index[planted & in_v1 & shown][:10], index[~planted & in_v1 & shown].iloc[0]
    assert len(wrong) == 10
    mark(page, wrong, left_out["image_id"], project.folder / "verdicts.csv")

    before = shutil.copytree(results, tmp_path / "before")
    names = ("model.safetensors", "predictions.npz")
    kept = {
        path: path.read_bytes() for name in names for path in results.glob(f"runs/v2/*/*/{name}")
    }
    assert len(kept) == 2
    study = project.study
    project.configure(study | {"dataset": study["dataset"] | {"corrections": "verdicts.csv"}})
    ran = project.succeeds(*GALLERY)
    assert all(ran.count(f"rule {name}:") == 1 for name in ("split", "train", "predict"))
    for name in ("decode", "partition", "find_duplicates"):
        assert f"rule {name}:" not in ran
    assert {path: path.read_bytes() for path in kept} == kept
    assert "Nothing to be done" in project.succeeds(*GALLERY)
    confirm(project, index[~planted & shown].iloc[-1])
    split = pd.read_csv(results / "splits/v1/seed7.csv").set_index("image_id")
    assert split["label"].notna().sum() == 10 and left_out["image_id"] not in split.index
    old = pd.read_csv(before / "splits/v1/seed7.csv").set_index("image_id")["role"]
    assert old.drop(left_out["image_id"]).equals(split["role"])
    table = pd.read_csv(results / "hard_examples.csv").set_index("image_id")
    said = wrong["file"].str.extract(r"_is(\d)")[0].astype(int).tolist()
    assert table.loc[wrong["image_id"], "class"].tolist() == said
    assert table.loc[left_out["image_id"], "n_eligible"] == 0
    project.succeeds("results/data/corrections.html")
    assert "10 labels corrected (" in (results / "data/corrections.html").read_text()

    words = ("diff", before, "results", "--csv", "groups.csv")
    text = " ".join(printed(*words, folder=project.folder).split())
    assert "From A to B: 10 labels corrected (" in text and "1 image left out (0 1)" in text
    groups = pd.read_csv(project.folder / "groups.csv").set_index("combo")
    effect = groups["paired_labels"] + groups["paired_training"]
    assert groups["paired_difference"].to_numpy() == pytest.approx(effect.to_numpy(), abs=1e-5)
    # Nothing was trained again on v2: its old answers are scored by the new labels.
    assert groups.loc["v2", "paired_training"] == groups.loc["v2", "paired_training_high"] == 0
    assert groups.loc["v1", "paired_training_high"] > groups.loc["v1", "paired_training_low"]


def test_a_study_that_is_corrected_from_the_start_plans_nothing_afterwards(project):
    study, verdicts = project.study, project.folder / "verdicts.csv"
    project.configure(study | {"dataset": study["dataset"] | {"corrections": "verdicts.csv"}})
    splits = [f"results/splits/{part}/seed7.csv" for part in ("v1", "v2")]
    refused = project.snakemake(*splits, *DRY)
    assert_one_clear_line(refused.stdout + refused.stderr, "dataset.corrections", "no file")
    said = {"image_id": 0, "sha256": "0" * 64, "verdict": "leave out", "label": "", "who": "me"}
    row = pd.DataFrame([said | {"file": "0/0.png", "when": ""}])
    row.to_csv(verdicts, index=False)
    refused = project.snakemake(*splits, *FULL)
    text = "0/0.png is another image here than the one that was looked at"
    assert text in refused.stdout + refused.stderr
    assert not (project.folder / "results/partitions").exists()  # nothing is made of other data
    row.assign(sha256="").to_csv(verdicts, index=False)
    project.succeeds(*splits, *FULL)
    assert "Nothing to be done" in project.succeeds(*splits, *DRY)
    parts = [ids_of(project, f"splits/{part}/seed7.csv") for part in ("v1", "v2")]
    index = pd.read_csv(project.folder / "results/data/index.csv").set_index("image_id")["file"]
    assert 0 not in parts[0] | parts[1] and index[0] == "0/0.png"
    more = row.assign(sha256="", file=index[min(parts[1])])
    pd.concat([row.assign(sha256=""), more]).to_csv(verdicts, index=False)
    plan = project.succeeds(*splits, *DRY)
    assert plan.count("rule split:") == 1 and "wildcards: part=v2, seed=7" in plan
