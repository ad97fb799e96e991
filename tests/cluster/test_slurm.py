"""A study on a SLURM cluster with trouble: a job is cancelled, the node is drained, or dies."""

import itertools
import os
import re
import signal
import subprocess
from datetime import datetime
from pathlib import Path

import pytest
import yaml
from conftest import FULL, ROOT, Project, assert_one_clear_line, wait_for

pytestmark = pytest.mark.slurm

# As on a real cluster, with less patience.
COMMAND = (
    "snakemake", "--workflow-profile", "slurm", "--slurm-init-seconds-before-status-checks", "2",
    "--latency-wait", "10",
    "--slurm-keep-successful-logs",
)  # fmt: skip

# All runs and what is made from all of them, one of which wants a GPU; with LONG_TESTS the study.
TARGETS = () if os.environ.get("LONG_TESTS") else (
    "results/comparisons/comparisons.csv", "results/hard_examples.csv",
    "results/hard_examples/gradcam/cnn2.svg",
)  # fmt: skip


class Submitted:
    """A study that a cluster runs, in a copy of the project."""

    def __init__(self, project: Project, cluster, *targets: str):
        self.log = project.folder / "snakemake.log"
        with self.log.open("w") as output:
            self.process = subprocess.Popen(
                [*COMMAND, *targets], cwd=project.folder,
                env=project.environment(**cluster.environment),
                stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def wait_for(self, what, condition, seconds=120):
        def ended_or_true():
            assert self.process.poll() is None, (
                f"ended before {what}:\n{self.log.read_text()[-6000:]}"
            )
            return condition()

        return wait_for(what, ended_or_true, seconds)

    def ends(self, seconds=600) -> str:
        self.process.wait(timeout=seconds)
        return self.log.read_text()


def compute_on_the_cpu(project: Project) -> None:
    """Let jobs ask for a GPU, say which one they got, and compute without: it is a dummy."""
    devices = project.folder / "scripts" / "study" / "devices.py"
    text, count = re.subn(
        r"    if gpus == 0:\n",
        '    print("cards:", os.environ.get("CUDA_VISIBLE_DEVICES"), flush=True)\n    if True:\n',
        devices.read_text(),
    )
    assert count == 1
    devices.write_text(text)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, archive) -> Project:
    """The same study on this machine."""
    project = Project(tmp_path_factory.mktemp("undisturbed") / "project", archive)
    project.succeeds(*FULL, *(("--", *TARGETS) if TARGETS else ()))
    return project


@pytest.fixture(scope="module")
def disturbed(tmp_path_factory, archive, cluster) -> Project:
    """The whole study after three accidents; `project.jobs` are SLURM's records."""
    project = Project(tmp_path_factory.mktemp("disturbed") / "project", archive, device="cuda")
    compute_on_the_cpu(project)
    study = Submitted(project, cluster, *TARGETS)
    try:
        # A run is cancelled while it trains.
        study.wait_for("four runs are submitted", lambda: len(cluster.of_runs()) == 4, 300)
        training = project.folder / "results/logs/train"
        study.wait_for(
            "a run trains", lambda: cluster.of_runs("RUNNING") and list(training.rglob("*.log"))
        )
        project.cancelled = cluster.of_runs("RUNNING")[0]["JobId"]
        cluster("scancel", project.cancelled)
        # The node takes no more jobs for a while.
        cluster.node("drain")
        study.wait_for("the node is empty", lambda: not cluster.of_runs("RUNNING", "COMPLETING"))
        project.waited = study.wait_for("runs wait", lambda: cluster.of_runs("PENDING"))
        cluster.node("resume")
        # The node dies under a run, and comes back.
        dying = study.wait_for(
            "a run is at work again",
            lambda: [job for job in cluster.of_runs("RUNNING") if job["RunTime"] >= "00:00:04"],
        )[0]["JobId"]
        cluster.node("down")
        project.died = dying
        study.wait_for(
            "SLURM notices",
            lambda: any(job["JobId"] == dying for job in cluster.of_runs("NODE_FAIL", "FAILED")),
        )
        cluster.node("resume")
        project.output = study.ends()
        project.jobs = cluster.jobs()
    finally:
        if study.process.poll() is None:
            study.process.kill()
            study.process.wait()
    assert study.process.returncode == 0, project.output[-6000:]
    return project


def runs(project: Project) -> list[dict[str, str]]:
    return [job for job in project.jobs if job["Comment"].startswith("rule_run_")]


def test_a_study_that_was_disturbed_ends_with_the_results_of_a_local_one(disturbed, undisturbed):
    theirs, ours = undisturbed.folder / "results", disturbed.folder / "results"
    names = [
        path.relative_to(theirs)
        for path in theirs.glob("runs/**/*")
        if path.suffix in (".safetensors", ".npz")
    ]
    names += [
        path.relative_to(theirs) for path in theirs.glob("runs/**/classification_report.json")
    ]
    names += [
        Path("hard_examples.csv"),
        Path("comparisons/comparisons.csv"),
        Path("data/near_duplicates.csv"),
    ]
    assert len(names) >= 4 * 4 + 1 + 3
    for name in names:
        assert (ours / name).read_bytes() == (theirs / name).read_bytes(), name


def test_what_a_run_consists_of_is_one_job_with_its_gpu_memory_and_time(disturbed):
    done = [job for job in runs(disturbed) if job["JobState"] == "COMPLETED"]
    assert len(done) == 4
    for job in done:
        # train, predict and measure in turn: the largest memory, and all of the time.
        assert job["TRES"].split(",")[:2] == ["cpu=1", "mem=4000M"]
        assert job["TresPerJob"] == "gres:gpu:1"
        assert job["TimeLimit"] == "05:10:00"
        log = Path(job["StdOut"]).read_text()
        assert all(f"rule {rule}:" in log for rule in ("train", "predict", "measure"))


def test_a_job_without_a_training_asks_for_no_gpu(disturbed):
    others = [job for job in disturbed.jobs if job not in runs(disturbed)]
    rules = {re.search(r"rule_([a-z_]+?)(_wildcards|$)", job["Comment"])[1] for job in others}
    assert rules >= {
        "decode",
        "find_duplicates",
        "gradcam_hard_examples",
        "compare",
        "find_hard_examples",
    }
    assert not rules & {"download", "split", "list_runs", "train", "predict", "measure"}
    assert not any("TresPerJob" in job for job in others if "rule_gradcam" not in job["Comment"])


def test_all_runs_are_submitted_at_once_and_each_has_the_card_to_itself(disturbed):
    def when(job, name):
        return datetime.fromisoformat(job[name])

    with_card = sorted(
        (job for job in disturbed.jobs if "TresPerJob" in job),
        key=lambda job: when(job, "StartTime"),
    )
    first = runs(disturbed)[:4]
    assert max(when(job, "SubmitTime") for job in first) <= min(
        when(job, "EndTime") for job in first
    )
    for before, after in itertools.pairwise(with_card):
        assert when(before, "EndTime") <= when(after, "StartTime")
    logs = list((disturbed.folder / "results/logs/train").rglob("*.log"))
    assert len(logs) == 4 and all("cards: 0" in log.read_text() for log in logs)


def test_jobs_that_were_cancelled_or_died_with_their_node_ran_again(disturbed):
    states = {job["JobId"]: job["JobState"] for job in runs(disturbed)}
    assert states[disturbed.cancelled] == "CANCELLED"
    assert states[disturbed.died] in ("NODE_FAIL", "FAILED")
    assert len(states) == 4 + 2 and "Trying to restart" in disturbed.output
    assert disturbed.waited


def test_a_study_that_is_interrupted_cancels_its_jobs_and_goes_on_when_asked_again(
    tmp_path, archive, cluster
):
    project = Project(tmp_path / "project", archive, device="cpu")
    target = "results/data/images.npy"
    before = {job["JobId"] for job in cluster.jobs()}

    def ours(state):
        return [
            job for job in cluster.jobs() if job["JobId"] not in before and job["JobState"] == state
        ]

    study = Submitted(project, cluster, target)
    try:
        study.wait_for("a job runs", lambda: ours("RUNNING"))
        study.process.send_signal(signal.SIGINT)
        study.ends(60)
        wait_for("the job is cancelled", lambda: ours("CANCELLED"), 30)
    finally:
        study.process.kill()
    assert study.process.returncode != 0 and not (project.folder / target).exists()
    again = Submitted(project, cluster, target)
    output = again.ends()
    assert again.process.returncode == 0, output[-6000:]
    assert (project.folder / target).exists() and len(ours("COMPLETED")) == 1


def test_a_device_that_depends_on_the_machine_is_refused(tmp_path, archive, cluster):
    project = Project(tmp_path / "project", archive, device="auto")
    study = Submitted(project, cluster, "results/runs.csv")
    assert_one_clear_line(study.ends(), "device is auto", "device: cuda", "device: cpu")
    assert study.process.returncode == 1 and not (project.folder / "results/runs.csv").exists()
    project.configure(project.study | {"device": "cuda"})
    study = Submitted(project, cluster, "results/runs.csv")
    output = study.ends()
    assert study.process.returncode == 0, output[-6000:]


def test_the_profile_repeats_what_the_default_one_says():
    default, slurm = (
        yaml.safe_load((ROOT / "workflow" / "profiles" / name / "config.yaml").read_text())
        for name in ("default", "slurm")
    )
    del default["cores"]  # all of a login node's are not ours
    assert default.items() <= slurm.items()
