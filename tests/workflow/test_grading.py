"""What a student handed in is graded by what follows from its files, and none of its code runs."""

import json
import os
import shutil

import numpy as np
import pandas as pd
import pytest
import yaml
from cli_study import study
from conftest import assert_one_clear_line
from trap import Trap

pytestmark = pytest.mark.workflow


# What is wrong with what was handed in, by its name.
PROBLEMS = {
    "others_images": "v1: is not what 42 draws",
    "better_logits": "sha256 differs",
    "fewer_seeds": "seeds: is [42], asked was [42, 7]",
    "other_pairs": "near_duplicates: is {'keep_together': True, 'threshold': 1.0}, asked",
    "other_labels": "index.csv: differs from the teacher's",
    "poisoned": "sha256 differs",
    "no_bundle.tar.gz": "truncated or damaged",
    "pipe.tar.gz": "is no regular file",
    "piped": "is no regular file but a named pipe",
    "outside": "lies outside the study",
}


@pytest.fixture(scope="module")
def handed_in(finished, tmp_path_factory):
    """Copies of a finished study, some of them changed."""
    folder = tmp_path_factory.mktemp("handed in")

    def copy(name):
        shutil.copytree(finished.folder / "results", folder / name / "results")
        return folder / name / "results"

    copy("honest")
    moved = copy("others_images") / "partitions"
    first, second = moved / "v1.csv", moved / "v2.csv"
    lines = first.read_text().splitlines()
    first.write_text("\n".join([*lines[:-1], second.read_text().splitlines()[-1]]) + "\n")
    better = copy("better_logits") / "runs" / "v1+v2" / "cnn2" / "seed42" / "predictions.npz"
    with np.load(better) as stored:
        arrays = dict(stored)
    np.savez(better, **arrays | {"logits": np.roll(arrays["logits"], 1, axis=1)})
    record = copy("fewer_seeds") / "study.json"
    content = json.loads(record.read_text())
    content["config"]["seeds"] = [42]
    record.write_text(json.dumps(content))
    record = copy("other_pairs") / "study.json"
    content = json.loads(record.read_text())
    content["config"]["near_duplicates"] = {"threshold": 1.0}
    record.write_text(json.dumps(content))
    with (copy("other_labels") / "data/index.csv").open("a") as stream:
        stream.write("\n" * 1000)
    # A pickle that would leave a trace if it were opened.
    poisoned = copy("poisoned") / "runs" / "v1" / "cnn2" / "seed42" / "predictions.npz"
    trap = np.empty(1, object)
    trap[0] = Trap("SPRUNG")
    np.savez(poisoned, logits=trap, roles=arrays["roles"])
    (folder / "no_bundle.tar.gz").write_bytes(b"not an archive")
    os.mkfifo(folder / "pipe.tar.gz")
    piped = copy("piped") / "study.json"
    piped.unlink()
    os.mkfifo(piped)
    outside = copy("outside") / "study.json"
    content = json.loads(outside.read_text())
    outside.write_text(json.dumps(content | {"files": {"/dev/zero": "0" * 64}}))
    return folder


def grade(finished, *words):
    environment = finished.environment(COLUMNS="1000")
    return study("grade", *words, folder=finished.folder, **environment)


def test_each_submission_gets_a_row_that_says_what_is_wrong(finished, handed_in):
    names = ("honest", *PROBLEMS)
    graded = grade(finished, *(handed_in / name for name in names), "--output", "grades.csv")
    assert graded.returncode == 0, graded.stderr
    table = (
        pd.read_csv(finished.folder / "grades.csv", dtype={"student": str})
        .set_index("submission")
        .fillna("")
    )
    (finished.folder / "grades.csv").unlink()
    assert list(table.index) == list(names)
    honest = table.loc["honest"]
    assert (
        honest["passed"] == honest["checks"] > 30
        and not honest["problem"]
        and not honest["changed_code"]
    )
    assert (honest["student"], honest["runs"], honest["asked"], honest["model"]) == (
        "42",
        4,
        4,
        "cnn2",
    )
    summary = (
        pd.read_csv(finished.folder / "results/summary.csv")
        .groupby("combo")["common_test_accuracy"]
        .mean()
    )
    assert honest["accuracy"] == pytest.approx(summary["v1+v2"], abs=1e-5)
    assert honest["gain"] == pytest.approx(summary["v1+v2"] - summary["v1"], abs=1e-5)
    for name, problem in PROBLEMS.items():
        assert problem in table.loc[name, "problem"], name
        assert table.loc[name, "passed"] < table.loc[name, "checks"]
        assert problem in " ".join(graded.stdout.split())
    assert not (finished.folder / "SPRUNG").exists()
    assert set(table.loc["honest", "same_as"].split()) == {
        "others_images",
        "better_logits",
        "fewer_seeds",
        "other_pairs",
        "other_labels",
        "poisoned",
        "outside",
    }


def test_without_data_of_ones_own_there_is_nothing_to_compare_with(finished, handed_in):
    refused = grade(finished, handed_in / "honest", "--data", "nowhere")
    assert refused.returncode == 1
    assert_one_clear_line(refused.stderr, "nowhere", "snakemake results/data/index.csv")
    refused = grade(finished, handed_in / "honest", "lost.tar.gz", "--output", "grades.csv")
    assert refused.returncode == 1 and not (finished.folder / "grades.csv").exists()
    assert_one_clear_line(refused.stderr, "lost.tar.gz: no such file or folder")


def test_the_assignment_is_not_run_without_an_id(project):
    overlay = yaml.safe_load((project.folder / "config/assignment.yaml").read_text())
    project.configure({"partition_seed": overlay["partition_seed"]}, "mine.yaml")
    refused = project.snakemake("-n", "--configfile", "config/mine.yaml")
    assert refused.returncode == 1
    assert_one_clear_line(
        refused.stderr + refused.stdout, "partition_seed is still 'student-id'", "s1234567"
    )
    project.configure({"partition_seed": "s1234567"}, "mine.yaml")
    project.succeeds(
        "results/partitions/v1.json", "--cores", "1", "--configfile", "config/mine.yaml"
    )
    mine = (project.folder / "results/partitions/v1.csv").read_text()
    record = json.loads((project.folder / "results/partitions/v1.json").read_text())
    assert record["seed"] == "s1234567"
    project.configure({"partition_seed": "s7654321"}, "mine.yaml")
    project.succeeds(
        "results/partitions/v1.json", "--cores", "1", "--configfile", "config/mine.yaml"
    )
    assert (project.folder / "results/partitions/v1.csv").read_text() != mine
