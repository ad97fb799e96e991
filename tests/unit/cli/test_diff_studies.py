"""`study diff` of two studies; between runs that are the same there is no noise of seeds."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from cli_study import printed, study, write_project, write_run
from conftest import ROOT, assert_one_clear_line
from made_index import write_index

from study.data.index import write_image_ids
from study.files import write_json


def write_study(results: Path, weights: dict[int, str], **recorded: object) -> Path:
    """Write a study of one combo and model with a seed for each digest of weights."""
    for seed, digest in weights.items():
        write_run(results, "v1", "m", seed, 6 + seed, sha256={"weights": digest}, **recorded)
    keys = "".join(f"v1,m,{seed}\n" for seed in weights)
    (results / "runs.csv").write_text(f"combo,model,seed\n{keys}")
    return results


@pytest.fixture(scope="module")
def a(tmp_path_factory) -> Path:
    return write_study(tmp_path_factory.mktemp("a"), {1: "a" * 64, 2: "b" * 64})


def diff(*words: object, folder: Path) -> str:
    return " ".join(printed("diff", *words, folder=folder).split())


def test_studies_of_the_same_weights_are_the_same_and_not_undecided(a, tmp_path):
    b = write_study(tmp_path / "b", {1: "a" * 64, 2: "b" * 64}, train_seconds=250.0)
    text = diff(a, b, "--csv", "groups.csv", folder=tmp_path)
    assert "All 2 runs that both have: the same, bit for bit" in text
    assert "same runs" in text and "undecided" not in text and "±" not in text
    (row,) = pd.read_csv(tmp_path / "groups.csv").to_dict("records")
    assert row["n_same"] == row["n_seeds"] == 2 and pd.isna(row["p_holm"])
    alone = diff(a / "runs/v1/m/seed1", b / "runs/v1/m/seed1", folder=tmp_path)
    assert "The same run: its weights are the same, bit for bit (sha256 aaaaaaaa…)" in alone


def test_of_studies_that_share_some_runs_the_others_are_named(a, tmp_path):
    b = write_study(tmp_path / "b", {1: "a" * 64, 2: "c" * 64})
    text = diff(a, b, folder=tmp_path)
    assert (
        "1 of the 2 runs that both have are the same, bit for bit, "
        "by the sha256 of the weights; not v1/m/2." in text
    )
    # The seed that differs is a single one.
    assert "Too few seeds to know the" in text and "same runs" not in text


def test_runs_without_a_digest_are_not_taken_for_the_same(tmp_path):
    a, b = (write_study(tmp_path / name, {1: None, 2: None}) for name in "ab")
    assert "same runs" not in diff(a, b, folder=tmp_path)
    assert "The same run" not in diff(a / "runs/v1/m/seed1", b / "runs/v1/m/seed1", folder=tmp_path)


def test_what_a_training_took_is_never_beyond_the_noise_of_seeds(a, tmp_path):
    slow = {
        "train_seconds": 250.0,
        "total_seconds": 300.0,
        "images_per_s": 1.0,
        "peak_memory_mb": 9000.0,
    }
    b = write_study(tmp_path / "b", {1: "c" * 64, 2: "d" * 64}, **slow)
    text = printed("diff", a / "runs/v1/m/seed1", b / "runs/v1/m/seed2", "--all", folder=tmp_path)
    rows = {line.split()[0]: line for line in text.splitlines() if line[:1].isalpha()}
    for name in slow:
        assert rows[name].split()[-1] == "–", rows[name]
    assert "±" in rows["test_accuracy"]
    text = diff(a, b, "--measure", "train_seconds", folder=tmp_path)
    assert "higher" not in text and "depends on the machine" in text


def test_two_studies_differ_by_groups_and_by_what_only_one_has(tmp_path):
    project = write_project(tmp_path / "project")
    text = printed("diff", ".", ROOT / "results/reference/laptop", folder=project)
    assert (
        "Only in A: v1/cnn2/1" in text and "No combo and model has runs with the same seed" in text
    )
    result = study("diff", ".", "v1/cnn2/1", folder=project)
    assert_one_clear_line(result.stderr, "a run and a study")


def test_of_a_cleaned_study_it_says_what_that_changed(tmp_path):
    a, b = (write_study(tmp_path / name, {1: "a" * 64, 2: "b" * 64}) for name in "ab")
    for results in (a, b):
        write_json(results / "data/manifest.json", {"sha256": {"images.npy": "0" * 64}})
        write_index(results / "data/index.csv", np.arange(40) % 2, ["cat", "dog"])
        for seed in (1, 2):
            write_image_ids(results / f"splits/common/seed{seed}.csv", np.arange(20, 40))
    assert "From A to B" not in diff(a, b, folder=tmp_path)
    moved = pd.read_csv(b / "data/index.csv").assign(given=lambda t: t["label"], left_out="")
    moved.loc[39, ["label", "class"]] = 0, "cat"  # all runs are wrong there by its label
    moved.to_csv(b / "data/corrected.csv", index=False)
    text = diff(a, b, "--csv", "groups.csv", folder=tmp_path)
    assert "From A to B: 1 label corrected (dog → cat 1), 0 images left out." in text
    assert "Intervals are for other seeds and other images of the same source." in text
    (row,) = pd.read_csv(tmp_path / "groups.csv").to_dict("records")
    assert row["paired_difference"] == row["paired_labels"] == pytest.approx(1 / 20)
    assert row["paired_training"] == row["paired_training_high"] == 0
    moved[:-3].to_csv(b / "data/corrected.csv", index=False)
    cut = study("diff", a, b, folder=tmp_path)
    assert_one_clear_line(cut.stderr, "corrected.csv 37, but both studies have the same")


@pytest.mark.parametrize("measure", ["device", "status", "seed", "combo", "acuracy"])
def test_what_is_compared_is_a_number(a, tmp_path, measure):
    result = study("diff", a, a, "--measure", measure, folder=tmp_path)
    line = f"--measure {measure} is no column of numbers; expected one of "
    assert_one_clear_line(result.stderr, line, ", common_test_accuracy, ", "train_seconds")
