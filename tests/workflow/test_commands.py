"""The commands as a user types them, on a tiny archive, in pristine copies of the project."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import FULL, ROOT, Project, assert_one_clear_line, run_script

from study.audit.coverage import not_covered
from study.code import code_digest
from study.files import read_csv
from study.report.glossary import columns, meaning

pytestmark = pytest.mark.workflow

# Of all the columns; those that readers of earlier summaries know.
SUMMARY_COLUMNS = [
    "combo", "model", "seed", "status", "n_train", "parameters", "test_accuracy",
    "common_test_accuracy", "macro_f1",
    "nll", "epochs", "train_seconds", "images_per_s", "device", "out_of_sample_accuracy", "ece",
    "temperature", "ece_scaled",
    "recall_cat",
]  # fmt: skip


def without_network() -> tuple[str, ...]:
    """Return a command prefix that takes the network away, where this machine allows it."""
    prefix = ("unshare", "--net", "--map-root-user")
    allowed = (
        shutil.which(prefix[0])
        and subprocess.run([*prefix, "true"], capture_output=True).returncode == 0
    )
    return prefix if allowed else ()


def test_the_first_command_makes_the_whole_results_tree(finished):
    results = finished.folder / "results"
    summary = read_csv(results / "summary.csv")
    assert set(SUMMARY_COLUMNS) <= set(summary[0])
    assert all(row[column] for row in summary for column in SUMMARY_COLUMNS)
    assert [(row["combo"], row["model"], row["seed"]) for row in summary] == [
        ("v1", "cnn2", "42"), ("v1", "cnn2", "7"), ("v1+v2", "cnn2", "42"), ("v1+v2", "cnn2", "7"),
    ]  # fmt: skip
    assert [int(row["n_train"]) for row in summary] == [70, 70, 141, 141]
    for combo in ("v1", "v1+v2"):
        run = results / "runs" / combo / "cnn2" / "seed42"
        assert sorted(path.name for path in run.iterdir()) == [
            "classification_report.json", "confusion_matrix.svg", "curves.svg", "dynamics.npz",
            "gradcam.npz", "gradcam.svg",
            "history.csv", "metrics.json", "misclassified.csv", "misclassified.svg",
            "model.safetensors", "predictions.npz",
            "report.txt", "run.json",
        ]  # fmt: skip
        assert len(read_csv(run / "history.csv")) == 2
        metrics = json.loads((run / "metrics.json").read_text())
        assert {"overall_accuracy", "class_accuracy"} <= metrics.keys()
    pages = ["summary", "summary_by_group", "hard_examples", "gallery"]
    tables = ["summary_by_group", "hard_examples", "runs"]
    for name in ("overview.rst", *(f"{x}.html" for x in pages), *(f"{x}.csv" for x in tables)):
        assert (results / name).stat().st_size > 0
    assert (results / "figures" / "accuracy_by_combo.svg").exists()
    pairs = read_csv(results / "comparisons" / "comparisons.csv")
    assert [(row["a"], row["b"], row["measure"]) for row in pairs] == [
        ("v1", "v1+v2", measure) for measure in ("accuracy", "nll", "brier")
    ]
    assert len(read_csv(results / "hard_examples.csv")) == 360  # every image
    assert (
        "none of the models on v1, v1+v2 learnt"
        in (results / "hard_to_learn" / "v1_report.txt").read_text()
    )
    assert (results / "hard_examples" / "gradcam" / "cnn2.npz").exists()
    assert {row["letters_of_combos"] for row in read_csv(results / "summary_by_group.csv")} <= {
        "a",
        "b",
        "ab",
    }
    model = results / "models" / "cnn2"
    assert (
        "Total hard-to-learn images" in (results / "hard_to_learn" / "v1_report.html").read_text()
    )
    total = read_csv(model / "layers.csv")[-1]
    assert {row["multiply_adds"] for row in read_csv(results / "summary.csv")} == {
        total["multiply_adds"]
    }
    assert "13,018 parameters" in (model / "layers.html").read_text()
    assert total["parameters"] == "13018"
    assert len(read_csv(model / "schedule.csv")) == 2 * 5  # epochs, steps of 32 images for 141
    for name in ("layers.html", "schedule.svg", "augmentation.svg"):
        assert (model / name).stat().st_size > 0
    assert not list(results.rglob("*.partial*"))


# Columns that this study has no reason to have: its images are the publisher's and nobody voted.
OTHER_STUDIES = {
    "summary.csv": "(n_)?external_.*",
    "hard_examples.csv": "(human|review|map)_.*|outlier_distance",
    "data/index.csv": "group", "splits/<partition>/seed<seed>.csv": "label",
}  # fmt: skip


def test_every_column_that_a_study_writes_is_in_the_glossary_and_the_reverse(finished):
    results, known, headings = finished.folder / "results", columns(), {}
    for path in results.rglob("*.csv"):
        file = re.sub("_top|[.]development", "", path.relative_to(results).as_posix())
        if not file.startswith(("scratch/", "reference/", "data/raw/")):
            table = next((name for name in known if like(name).fullmatch(file)), file)
            with path.open(encoding="utf-8") as stream:
                headings.setdefault(table, set()).update(next(csv.reader(stream)))
    assert not headings.keys() - known.keys()
    for table, written in headings.items():
        assert not [name for name in written if not meaning(name, table)], table
        absent = {
            name
            for name in ", ".join(known[table]).split(", ")
            if not any(like(name).fullmatch(heading) for heading in written)
        }
        assert all(re.fullmatch(OTHER_STUDIES.get(table, ""), name) for name in absent), table


def like(name: str) -> re.Pattern[str]:
    """Return what fits a name of the glossary, in which `<…>` stands for any name."""
    return re.compile(re.sub("<[a-z]+>", "[^/]+", name))


def test_no_test_image_of_any_run_was_trained_on_at_that_seed(finished):
    roles = {}
    for seed in ("42", "7"):
        for combo in ("v1", "v1+v2"):
            path = (
                finished.folder
                / "results"
                / "runs"
                / combo
                / "cnn2"
                / f"seed{seed}"
                / "predictions.npz"
            )
            with np.load(path) as predictions:
                roles[seed, combo] = predictions["roles"]
        assert not ((roles[seed, "v1"] == 3) & (roles[seed, "v1+v2"] == 1)).any()
        assert not ((roles[seed, "v1+v2"] == 3) & (roles[seed, "v1"] == 1)).any()
    assert (roles["42", "v1"] != roles["7", "v1"]).any()


def test_every_accuracy_follows_from_the_stored_logits_and_the_splits(finished):
    results = finished.folder / "results"
    labels = pd.read_csv(results / "data/index.csv")["label"].to_numpy()
    for row in pd.read_csv(results / "summary.csv").itertuples():
        splits = [
            pd.read_csv(results / f"splits/{name}/seed{row.seed}.csv").assign(partition=name)
            for name in ("v1", "v2", "v3")
        ]
        tests = pd.concat(splits).query("role == 'test'")
        own = tests[tests["partition"].isin(row.combo.split("+"))]
        with np.load(
            results / f"runs/{row.combo}/{row.model}/seed{row.seed}/predictions.npz"
        ) as run:
            right = run["logits"].argmax(axis=1) == labels
        for score, images in ((row.test_accuracy, own), (row.common_test_accuracy, tests)):
            assert score == pytest.approx(right[images["image_id"]].mean(), abs=1e-6)


def test_a_finished_study_verifies_and_what_was_changed_does_not(finished):
    output = finished.succeeds("verify")
    assert "checks passed" in output and "FAILED" not in output
    results = finished.folder / "results"
    run = results / "runs" / "v1" / "cnn2" / "seed42"
    scores = read_csv(results / "verification_near_duplicates.csv")
    assert [(row["combo"], row["seed"]) for row in scores] == [
        ("v1", "42"),
        ("v1", "7"),
        ("v1+v2", "42"),
        ("v1+v2", "7"),
    ]
    weights = (run / "model.safetensors").read_bytes()
    summary = (results / "summary.csv").read_text()
    record = (results / "study.json").read_text()
    assert str(finished.folder) not in record and json.loads(record)["totals"]["ok"] == 4
    assert "predictions made again: 256 images drawn at random, or all, of 4 of 4 runs" in output
    # Every file that a job made is in the record, except those that `verify` names.
    left_out = not_covered(results, json.loads(record)["files"])
    assert all(name.startswith(("./", "logs/", "scratch/", "data/raw")) for name in left_out)
    named = {path.name for path in results.glob("*.*")} - {"study.json"}
    named -= {Path(name).name for name in json.loads(record)["files"]}
    assert named <= {"README.md", "verification.csv", "verification_near_duplicates.csv"}
    for path, content, message in (
        (results / "summary.csv", summary.replace("ok,70,15,15,45,", "ok,70,15,15,44,", 1).encode(),
            "summary.csv: is not the file that was recorded"),
        (run / "model.safetensors", weights[:-1] + bytes([weights[-1] ^ 1]), "sha256 differs"),
        (results / "splits" / "v1" / "seed42.csv", b"image_id,role\n1,train\n",
            "is not the split that seed 42 draws"),
        (results / "hard_examples.csv", b"image_id\n1\n",
            "hard_examples.csv: is not the file that was recorded"),
        (results / "study.json", record.replace('"weights": "', '"weights": "0').encode(),
            "is not the run that study.json records"),
    ):  # fmt: skip
        before, times = path.read_bytes(), path.stat()
        assert content != before
        path.write_bytes(content)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        refused = run_script("verify.py", "--results", results,
            "--near-duplicates", results / "t.csv",
                             "--output", results / "v.csv", check=False)  # fmt: skip
        path.write_bytes(before)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert refused.returncode == 1
        assert_one_clear_line(refused.stderr, message, "checks failed")
    for name in ("t.csv", "v.csv"):
        (results / name).unlink()


def test_results_of_another_configuration_do_not_verify(finished):
    refused = finished.snakemake("verify", "--config", "partition_seed=7")
    assert refused.returncode != 0
    message = "another configuration: partition_seed is 42, asked about is 7"
    assert message in refused.stdout + refused.stderr


def test_the_second_command_then_finds_nothing_to_do(finished):
    assert "Nothing to be done" in finished.succeeds("results/summary.csv")
    assert "Nothing to be done" in finished.succeeds(*FULL)


def test_a_job_does_not_run_code_that_was_not_planned(tmp_path):
    arguments = (
        "--combos",
        "v1",
        "--models",
        "cnn2",
        "--seeds",
        1,
        "--output",
        tmp_path / "runs.csv",
    )
    run_script("list_runs.py", *arguments, "--code", code_digest(ROOT / "scripts" / "list_runs.py"))
    (tmp_path / "runs.csv").unlink()
    refused = run_script("list_runs.py", *arguments, "--code", "0" * 16, check=False)
    assert refused.returncode == 1 and not (tmp_path / "runs.csv").exists()
    assert_one_clear_line(
        refused.stderr,
        "has changed since the workflow planned this job",
        "type the same command again",
    )


def test_the_third_command_makes_a_report_offline(finished):
    finished.succeeds("--report", prefix=without_network())
    report = (finished.folder / "report.html").read_text()
    for text in (
        "accuracy_by_combo.svg",
        "summary.html",
        "hard_examples.html",
        "Hard examples",
        "confusion matrix",
        "loss and accuracy by epoch",
        "most confident mistakes",
        "Grad-CAM of the most confident mistakes",
        "Grad-CAM of the hardest images by cnn2",
    ):
        assert text in report


def test_images_are_exported_on_request(finished):
    finished.succeeds("images")
    assert len(list((finished.folder / "results" / "images").rglob("*.png"))) == 360


def test_the_comparison_with_published_figures_is_part_of_the_full_study_and_needs_cifar10(project):
    refused = project.snakemake("reproduce")
    assert refused.returncode != 0
    assert_one_clear_line(refused.stdout + refused.stderr, "published figures are of CIFAR-10")
    study = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    project.configure(study)
    assert "compare_published" in project.planned("--quiet", "rules")
    # No longer what was published.
    project.configure(study | {"overrides": {"cnn2": {"epochs": 1}}})
    assert "compare_published" not in project.planned("--quiet", "rules")
    project.configure(study | {"models": ["cnn2"]})
    assert "compare_published" not in project.planned("--quiet", "rules")
    jobs = project.planned("reproduce", "--quiet", "rules")
    assert {"compare_published": 1, "split": 18}.items() <= jobs.items()
    project.configure(study | {"reproduce": {"systems": ["S3", "S4"], "tuned": True}})
    jobs = project.planned("reproduce", "--quiet", "rules")
    assert {"train": 12, "lr_find": 1, "split": 12}.items() <= jobs.items()


def test_without_a_limit_only_one_gpu_job_runs_at_once(project):
    project.configure(project.study | {"device": "cuda"})
    output = project.succeeds("--dry-run", "results/summary.csv")
    assert re.search(r"resources: .*gpu=1", output)
    output = project.succeeds("--dry-run", *FULL[:3], "gpu=0")
    assert "gpu=0" in output and not re.search(r"resources: .*gpu=1", output)


@pytest.mark.parametrize(
    ("changes", "fragment"),
    [
        ({"sedes": [1]}, "unknown key 'sedes'"),
        ({"overrides": {"cnn2": {"architecture": {"name": "vit"}}}}, "unknown architecture 'vit'"),
    ],
    ids=lambda value: None if isinstance(value, dict) else value,
)
def test_a_wrong_configuration_ends_in_one_line_before_anything_is_made(project, changes, fragment):
    project.configure(project.study | changes, "wrong.yaml")
    result = project.snakemake(*FULL, "--configfile", "config/wrong.yaml")
    assert result.returncode != 0
    assert_one_clear_line(result.stdout + result.stderr, fragment)
    assert {path.name for path in (project.folder / "results").iterdir()} <= {
        "README.md",
        "reference",
    }


def test_seeds_given_by_config_option_are_refused_with_the_way_out(project):
    result = project.snakemake(*FULL, "--config", "seeds=[5]")
    assert result.returncode != 0
    assert_one_clear_line(result.stdout + result.stderr, "--configfile")


def test_a_run_that_is_trained_once_more_has_the_same_bits(finished):
    output = finished.succeeds("certify")
    assert "A     v1/cnn2/42: identical bits" in output
    again = finished.folder / "results" / "certify" / "v1" / "cnn2" / "seed42"
    assert (again / "model.safetensors").read_bytes() == (
        finished.folder / "results" / "runs" / "v1" / "cnn2" / "seed42" / "model.safetensors"
    ).read_bytes()


def test_a_bundled_study_is_whole_elsewhere(finished, archive, tmp_path):
    assert "read back and compared" in finished.succeeds("bundle")
    there = Project(tmp_path / "else where", archive, figures={"runs": True})
    bundle = finished.folder / "study.tar.gz"
    bundle.rename(there.folder / bundle.name)
    command = [sys.executable, "scripts/unbundle.py", bundle.name]
    printed = subprocess.run(
        command,
        cwd=there.folder,
        env=there.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "all as they were bundled" in printed.stdout
    assert "Nothing to be done" in there.succeeds("--dry-run", *FULL)
    there.succeeds("--report")
    assert "accuracy_by_combo" in (there.folder / "report.html").read_text()
    assert "checks passed" in there.succeeds("verify")
