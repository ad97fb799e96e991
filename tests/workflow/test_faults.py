"""What befalls a study: a full disk, a clock set back, damaged files, two commands at once.

After each, the same command completes, and the results are those of a study that nothing befell.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import FULL, Project, wait_for

pytestmark = pytest.mark.workflow

RUN = Path("results/runs/v1/cnn2/seed7")
# One run of a study whose other runs are there.
COMMAND = (str(RUN / "predictions.npz"), *FULL)


@pytest.fixture
def whole(tmp_path, finished) -> Project:
    """A copy of the finished study with its records."""
    return finished.copied(tmp_path / "project")


@pytest.fixture
def lacking(whole) -> Project:
    """The same without one run."""
    shutil.rmtree(whole.folder / RUN)
    return whole


def assert_same_run(project: Project, finished: Project, run: Path = RUN) -> None:
    for name in ("model.safetensors", "dynamics.npz", "predictions.npz"):
        assert (project.folder / run / name).read_bytes() == (
            finished.folder / run / name
        ).read_bytes(), name
    assert not list((project.folder / "results").rglob("*.partial*"))
    assert not list((project.folder / "results" / "scratch").rglob("*.pt"))


def in_own_mounts(script: str, project: Project, *arguments: str) -> subprocess.CompletedProcess:
    """Run a shell script in its own mount namespace; its arguments are a command."""
    prefix = ["unshare", "--user", "--map-root-user", "--mount"]
    if (
        not shutil.which("unshare")
        or subprocess.run(
            [*prefix, "mount", "-t", "tmpfs", "t", "/mnt"], capture_output=True
        ).returncode
    ):
        pytest.skip("this machine allows no mounts in a namespace of its own")
    return subprocess.run(
        [*prefix, "bash", "-euc", script, "bash", *arguments],
        cwd=project.folder, env=project.environment(), capture_output=True, text=True, timeout=600,
    )  # fmt: skip


FULL_DISK = """
mkdir ../kept && cp -a results/. ../kept
mount -t tmpfs -o size=100m disk results
cp -a ../kept/. results
mount -o remount,size=$(($(df -k --output=used results | tail -1) + 150))k results
if snakemake "$@" > ../first.log 2>&1; then exit 3; fi
mount -o remount,size=100m results
snakemake "$@" > ../second.log 2>&1
cp -a results/. ../kept
"""


def test_a_full_disk_is_said_in_one_line_and_the_same_command_completes(lacking, finished):
    done = in_own_mounts(FULL_DISK, lacking, *COMMAND)
    logs = [(lacking.folder.parent / f"{name}.log") for name in ("first", "second")]
    assert done.returncode == 0, done.stderr + "".join(
        log.read_text()[-3000:] for log in logs if log.exists()
    )
    printed = logs[0].read_text()
    assert "Traceback" not in printed
    assert re.search(
        r"error: no space left while writing results/\S+ .*run the same command again", printed
    )
    shutil.rmtree(lacking.folder / "results")
    (lacking.folder.parent / "kept").rename(lacking.folder / "results")
    assert_same_run(lacking, finished)


READ_ONLY = """
mount --bind results results
mount -o remount,bind,ro results
if snakemake "$@" > ../first.log 2>&1; then exit 3; fi
"""


def test_a_read_only_folder_of_results_stops_the_study_and_changes_nothing(lacking, finished):
    def tree():
        return {
            path: path.stat().st_mtime_ns
            for path in (lacking.folder / "results").rglob("*")
            if path.is_file()
        }

    before = tree()
    done = in_own_mounts(READ_ONLY, lacking, *COMMAND)
    printed = (lacking.folder.parent / "first.log").read_text()
    assert done.returncode == 0, done.stderr + printed[-3000:]
    assert "Read-only file system: 'results/" in printed
    assert tree() == before
    lacking.succeeds(*COMMAND)
    assert_same_run(lacking, finished)


def dated(folder: Path, seconds: float) -> None:
    """Date all files and folders below a folder some seconds ahead."""
    for path in (folder, *folder.rglob("*")):
        changed = path.stat().st_mtime + seconds
        os.utime(path, (changed, changed))


def test_a_clock_set_back_runs_nothing_again_and_keeps_nothing_stale(whole, finished):
    for folder in ("results", ".snakemake"):
        dated(whole.folder / folder, 10**8)
    output = whole.succeeds("--dry-run")
    assert "dated in the future" in output and "Nothing to be done" in output
    # New results are made beside the old ones.
    shutil.rmtree(whole.folder / RUN)
    dated(whole.folder / "results", 10**8)
    whole.succeeds(*COMMAND)
    assert_same_run(whole, finished)
    # What was made from a file that has changed since is not kept, though it claims to be younger.
    splits = whole.folder / "results" / "splits" / "v1" / "seed7.csv"
    splits.write_text(splits.read_text().replace(",train", ",val", 1))
    dated(whole.folder / "results" / "runs", 10**8)
    assert {"train": 1, "predict": 1}.items() <= whole.planned(*COMMAND).items()


def test_an_older_file_of_the_users_is_not_taken_for_the_one_before(whole):
    claims = whole.folder / "claims.yaml"
    command = ("results/claims.csv", "--config", f"claims={claims}")
    claims.write_text("- {claim: Good enough, accuracy_at_least: 0.01}\n")
    whole.succeeds(*command)
    assert not whole.planned(*command)
    claims.write_text("- {claim: Perfect, accuracy_at_least: 0.99}\n")
    os.utime(claims, (10**9, 10**9))
    assert whole.planned(*command)["judge_claims"] == 1


def test_a_job_that_fails_destroys_nothing_and_is_not_forgotten(whole):
    def tree():
        files = [path for path in (whole.folder / "results/data").rglob("*") if path.is_file()]
        return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}

    before = tree()
    damaged = whole.folder / "damaged.tar.gz"
    damaged.write_bytes(whole.archive.path.read_bytes()[:-5000])
    for _ in range(2):
        refused = whole.snakemake(
            "results/data/raw", "--force", *FULL, CIFAR10_ARCHIVE=str(damaged)
        )
        assert refused.returncode != 0
        assert "damaged.tar.gz: truncated" in refused.stdout + refused.stderr
        assert tree() == before
    assert not whole.planned()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_verify_names_the_command_that_makes_damaged_files_again(whole, finished):
    results = whole.folder / "results"
    cut(whole.folder / RUN / "predictions.npz")
    cut(results / "runs" / "v1" / "cnn2" / "seed42" / "metrics.json")
    (results / "runs" / "v1+v2" / "cnn2" / "seed42" / "confusion_matrix.svg").unlink()
    cut(results / "summary.csv")
    times = {path: path.stat().st_mtime_ns for path in results.rglob("seed*/*")}
    refused = whole.snakemake("verify")
    printed = refused.stdout + refused.stderr
    assert refused.returncode != 0
    assert "checks failed; the first: " in printed and "Traceback" not in printed
    assert {
        path: path.stat().st_mtime_ns for path in results.rglob("seed*/*")
    } == times  # it looks, and makes nothing
    command = re.search(
        r"to make again what is missing or damaged: snakemake (--force .*)", printed
    )[1].split()
    assert set(command[1:]) == {
        f"{RUN}/predictions.npz", "results/runs/v1/cnn2/seed42/metrics.json",
        "results/runs/v1+v2/cnn2/seed42/confusion_matrix.svg", "results/summary.csv",
        "results/study.json",
    }  # fmt: skip
    whole.succeeds(*command)
    whole.succeeds(*FULL)
    assert "checks passed" in whole.succeeds("verify")
    for run in (RUN, RUN.with_name("seed42")):
        assert_same_run(whole, finished, run)
    assert (results / "summary.csv").read_bytes() == (
        finished.folder / "results" / "summary.csv"
    ).read_bytes()


def wait_until(found, process: subprocess.Popen) -> None:
    wait_for("the study gets so far", lambda: found() or process.poll() is not None)
    assert process.poll() is None, "the study ended before"


def started(project: Project) -> subprocess.Popen:
    """Start the command; what it prints goes to `printed` in its folder."""
    with (project.folder / "printed").open("w") as printed:
        return subprocess.Popen(
            ["snakemake", *COMMAND],
            cwd=project.folder,
            env=project.environment(),
            stdout=printed,
            stderr=printed,
        )


def test_a_second_command_at_the_same_time_says_the_way_out_and_disturbs_nothing(lacking, finished):
    locks = lacking.folder / ".snakemake" / "locks"
    with started(lacking) as first:
        wait_until(lambda: any(locks.glob("*")), first)
        second = lacking.snakemake(*COMMAND)
        assert first.poll() is None
    printed = second.stdout + second.stderr
    assert (
        second.returncode != 0 and "no other Snakemake process" in printed and "--unlock" in printed
    )
    assert first.returncode == 0
    assert_same_run(lacking, finished)


def test_an_input_that_is_deleted_while_the_study_runs_is_made_again_by_the_same_command(
    lacking, finished
):
    log = lacking.folder / "results" / "logs" / "train" / "v1" / "cnn2" / "seed7.log"
    log.unlink()
    with started(lacking) as disturbed:
        wait_until(lambda: log.exists() and "epoch 1/" in log.read_text(), disturbed)
        (lacking.folder / "results" / "data" / "images.npy").unlink()
    assert disturbed.returncode != 0
    assert "results/data/images.npy (missing" in (lacking.folder / "printed").read_text()
    lacking.succeeds(*COMMAND)
    assert_same_run(lacking, finished)
