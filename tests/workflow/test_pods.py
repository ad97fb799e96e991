"""Studies whose jobs share nothing but a bucket, as on Kubernetes and AWS Batch."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

from study.files import file_digest, read_json, write_json

for plugin in ("s3", "fs"):
    pytest.importorskip(f"snakemake_storage_plugin_{plugin}")

pytestmark = pytest.mark.workflow
PROFILES = [
    path.parent.name
    for path in (ROOT / "workflow/profiles").glob("*/config.yaml")
    if "default-storage-provider" in path.read_text()
]
# What is made on request needs all of the study too.
TARGETS = ("results/summary.csv", "results/reproduction.csv", "results/leak.csv",
    "results/certificates.csv", "results/tensorboard")  # fmt: skip


def planned(project, profile, *arguments):
    """Return what a profile plans, for a folder instead of a bucket and without its executor."""
    folder = (
        "--default-storage-provider",
        "fs",
        "--default-storage-prefix",
        str(project.folder.parent / "bucket"),
    )
    return project.succeeds(
        *arguments, "--dry-run", "--workflow-profile", profile, "--executor", "local", *folder
    )


@pytest.mark.parametrize("profile", PROFILES)
def test_jobs_that_share_a_bucket_alone_read_and_write_nothing_else(project, profile):
    study = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    tune = {"cnn2": {"method": "grid", "keys": {"optimizer.lr": [0.001, 0.002]}}}
    searches = study["lr_find"] | {"models": ["cnn2"]}
    project.configure(
        study
        | {"claims": "config/claims.yaml", "tune": tune, "lr_find": searches, "device": "cuda"}
    )
    output = planned(project, profile, *TARGETS)
    kept = [line for line in output.splitlines() if re.match(r" *(output|log): ", line)]
    assert len(kept) > 50 and all(
        line.count("results/") == line.count("/bucket/results/") for line in kept
    )
    # In scratch lies what a job can do without.
    commands = re.findall(r"\$STUDY_SCRIPTS/.*", output)
    assert len(commands) > 30
    elsewhere = [
        match[0]
        for command in commands
        for match in re.finditer(r"(?<![\w./-])results(?!/scratch)\S*", command)
    ]
    assert not elsewhere


def test_each_job_gets_the_gpu_and_the_memory_it_asks_for(project):
    """By the names that the plugins read."""
    project.configure(project.study | {"device": "cuda"})
    asked = {
        profile: re.findall(
            r"^ *rule (\w+):(?:\n .*)*?\n +resources: (.*)", planned(project, profile), re.MULTILINE
        )
        for profile in PROFILES
    }
    for rule, resources in asked["kubernetes"]:
        # Without a manufacturer the plugin refuses a job that names a number of GPUs, with scale=1
        # the cluster does.
        assert "gpu_manufacturer=nvidia" in resources and "scale=0" in resources, rule
    cards = {rule for rule, resources in asked["aws-batch"] if "_gpus=1" in resources}
    assert cards == {
        rule for rule, resources in asked["kubernetes"] if re.search(r"\bgpu=1\b", resources)
    }
    assert {"train", "predict", "gradcam_hard_examples"} <= cards
    wanted = dict(asked["kubernetes"])
    for rule, resources in asked["aws-batch"]:
        if rule == "all":  # takes nothing
            continue
        need, given = (
            int(re.search(r"\bmem_mb=(\d+)", text)[1]) for text in (wanted[rule], resources)
        )
        # Other amounts than these are replaced by the least there is.
        assert given >= need and (given % 1024 == 0 or need <= 2048), rule


def test_a_run_that_was_trained_on_copies_in_a_bucket_verifies(finished, tmp_path):
    there = finished.copied(tmp_path / "there")
    study = there.folder / "results/study.json"
    record = read_json(study)
    for path in there.folder.glob("results/runs/*/*/*/run.json"):
        path.write_text(
            path.read_text().replace('"results/', '".snakemake/storage/s3/lab/study/results/')
        )
        record["files"][path.relative_to(there.folder).as_posix()] = file_digest(path)
    write_json(study, record)
    assert "checks passed" in there.succeeds("verify")


@pytest.mark.skipif(not os.environ.get("LONG_TESTS"), reason="many minutes; make test-long")
def test_a_study_of_jobs_that_share_a_bucket_alone_is_whole(project, bucket, monkeypatch, tmp_path):
    project.configure(project.study | {"combos": ["v1"], "seeds": [42]})
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).with_name("pods")))
    monkeypatch.setenv("PODS", str(tmp_path))
    # Snakemake sends what git knows.
    for command in (
        ("init", "-q"),
        ("add", "."),
        ("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "a"),
    ):
        subprocess.run(["git", *command], cwd=project.folder, check=True)
    pods = (
        "--executor",
        "pods",
        "--jobs",
        "2",
        "--retries",
        "0",
        "--default-storage-prefix",
        "s3://lab/study",
    )
    project.succeeds("--workflow-profile", "kubernetes", *pods)
    made = {item.key for item in bucket.objects.filter(Prefix="study/results/")}
    assert (
        not (project.folder / "results/summary.csv").exists()
        and "study/results/summary.csv" in made
    )
    for key in made:
        place = project.folder / Path(key).relative_to("study")
        place.parent.mkdir(parents=True, exist_ok=True)
        bucket.download_file(key, str(place))
    # As somebody who copies the bucket would.
    assert "checks passed" in project.succeeds("verify")
