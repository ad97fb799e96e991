"""How far each run of a study is, whatever became of it, and what a summary says of all runs."""

import io
import math
import subprocess
import sys

import pandas as pd
import pytest
from cli_study import printed
from conftest import ROOT, clean_environment, run_script

from study.files import read_json, write_csv, write_json
from study.job import has_ended
from study.runs.metrics import METRICS
from study.runs.run import n_of

RUNS = ("ok", "ok too", "diverged", "failed", "unmeasured", "killed", "training", "waiting")


def finish_run(folder, accuracy, status="ok"):
    """Write what the summary reads of a run; one that diverged has no accuracy."""
    measured = dict.fromkeys(METRICS, accuracy)
    measured |= {"n": 10 if accuracy else 0, "class_accuracy": {"cat": accuracy}}
    part = {"n": 5, "overall_accuracy": accuracy}
    metrics = measured | dict.fromkeys(("train", "val", "out_of_sample"), part)
    metrics |= {"status": status, "common_test": measured, "temperature": None}
    write_json(folder / "metrics.json", metrics)
    numbers = (
        "n_train", "n_val", "parameters", "epochs", "kept_epoch", "train_seconds", "total_seconds",
        "images_per_s",
    )  # fmt: skip
    record = dict.fromkeys(numbers, 3) | {
        "device": "cpu",
        "precision": "fp32",
        "peak_memory_mb": 1.0,
        "versions": {"torch": "2"},
        "classes": ["cat"],
        "recipe": {"architecture": {"name": "m"}, "batch_size": 2},
        "status": "ok" if accuracy else "diverged",
    }
    write_json(folder / "run.json", record)


@pytest.fixture
def study(tmp_path):
    """A study with a run in each state; the one that trains is a process that the test ends."""
    write_csv(
        tmp_path / "runs.csv",
        ["combo", "model", "seed"],
        [("v1", "m", i) for i in range(len(RUNS))],
    )
    for name, accuracy in (("ok", 0.5), ("ok too", 0.7), ("diverged", None), ("unmeasured", 0.5)):
        folder = tmp_path / "runs" / "v1" / "m" / f"seed{RUNS.index(name)}"
        finish_run(folder, accuracy, "diverged" if name == "diverged" else "ok")
        metrics = read_json(folder / "metrics.json")
        del metrics["auroc"]  # as of an earlier version, which did not measure it
        write_json(folder / "metrics.json", metrics)
        if name == "unmeasured":
            (folder / "metrics.json").unlink()
    logs = {
        ("train", "failed"): "epoch 1/3\nerror: out of memory on the GPU; lower 'batch_size'\n",
        (
            "measure",
            "unmeasured",
        ): "Traceback (most recent call last):\n  x\nValueError: no luck\n",
        ("predict", "unmeasured"): "",
        ("train", "killed"): "epoch 1/3\n",
        ("train", "ok"): "error: of an earlier training\n",
    }
    for (job, name), text in logs.items():
        log = tmp_path / "logs" / job / "v1" / "m" / f"seed{RUNS.index(name)}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(text)
    log = tmp_path / "logs" / "train" / "v1" / "m" / f"seed{RUNS.index('training')}.log"
    script = "from study.job import hold_log; hold_log(); print('held', flush=True); input()"
    with log.open("w") as stream, subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stream,
        env=clean_environment(PYTHONPATH=str(ROOT / "scripts")),
    ) as process:  # fmt: skip
        process.stdout.readline()
        yield tmp_path
        process.kill()


def shown(study, *options):
    return printed("show", "--results", study, *options, folder=study)


def test_no_run_hides_another_whatever_became_of_it(study):
    table = pd.read_csv(io.StringIO(shown(study, "--csv")), keep_default_na=False)
    assert dict(zip(RUNS, table["status"], strict=True)) == {
        "ok": "ok", "ok too": "ok", "diverged": "diverged", "failed": "failed",
        "unmeasured": "failed", "killed": "interrupted", "training": "training",
        "waiting": "waiting",
    }  # fmt: skip
    reasons = dict(zip(RUNS, table["reason"], strict=True))
    assert (
        reasons["failed"].startswith("out of memory on the GPU")
        and reasons["unmeasured"] == "measure: ValueError: no luck"
    )
    assert (
        reasons["diverged"] == "the loss was not finite in epoch 4"
        and "for want of memory" in reasons["killed"]
    )
    assert not any(reasons[name] for name in ("ok", "ok too", "training", "waiting"))
    # In Markdown and in a terminal, which has reasons below the table, the same.
    assert f"| {reasons['failed']} |" in shown(study, "--md")
    said = " ".join(shown(study).split())
    assert "8 of 8 runs: 2 ok, 2 failed, 1 diverged, 1 interrupted, 1 training, 1 waiting" in said
    for name in ("failed", "unmeasured", "killed", "diverged"):
        assert f"v1/m/{RUNS.index(name)}: {reasons[name]}" in said
    group = pd.read_csv(io.StringIO(shown(study, "--by-group", "--csv"))).iloc[0]
    assert (group["n"], group["n_runs"]) == (2, 8)
    assert group["test_accuracy_mean"] == pytest.approx(0.6)


def test_a_run_that_diverged_has_its_reason_after_the_summary_is_written_too(study):
    summary = study / "summary.csv"
    write_csv(summary, ["combo", "model", "seed", "status"], [("v1", "m", 2, "diverged")])
    text = shown(study, "--csv", "--columns", "reason", "--where", "seed=2")
    assert text == "reason\nthe loss was not finite in epoch 4\n"


def test_before_any_run_there_is_a_table_too(tmp_path):
    write_csv(tmp_path / "runs.csv", ["combo", "model", "seed"], [("v1", "m", 1)])
    assert shown(tmp_path, "--csv") == "combo,model,seed,status,reason\nv1,m,1,waiting,\n"
    assert "v1     m      0       1" in shown(tmp_path, "--by-group")


def test_a_log_is_held_while_its_job_runs_and_not_after(study):
    log = study / "logs" / "train" / "v1" / "m" / f"seed{RUNS.index('training')}.log"
    assert not has_ended(log)
    assert has_ended(log.with_name(f"seed{RUNS.index('killed')}.log"))


@pytest.mark.parametrize(
    ("n", "n_runs", "text"),
    [
        (30, 30, "30 runs"),
        (1, 1, "1 run"),
        (29, 30, "29 of 30 runs, 1 diverged"),
        (0, 1, "0 of 1 run, 1 diverged"),
    ],
)
def test_how_many_runs_count_is_said_of_how_many(n, n_runs, text):
    assert n_of(n, n_runs) == text


@pytest.fixture(scope="module")
def summarized(tmp_path_factory):
    """The summary of three runs, of which the last diverged."""
    folder = tmp_path_factory.mktemp("results")
    write_csv(folder / "runs.csv", ["combo", "model", "seed"], [("v1", "m", i) for i in (1, 2, 3)])
    said = ("no better than chance", "ok", "diverged")
    for seed, accuracy, status in zip((1, 2, 3), (0.5, 0.7, None), said, strict=True):
        finish_run(folder / "runs" / "v1" / "m" / f"seed{seed}", accuracy, status)
    ends = [f"{kind}_{end}" for kind in ("images", "new_images") for end in ("low", "high")]
    letters = ["letters_of_combos", "letters_of_models"]
    write_csv(
        folder / "c.csv", ["combo", "model", *letters, *ends], [["v1", "m", "a", "", *[0.5] * 4]]
    )
    write_csv(
        folder / "b.csv",
        ["seed", "combo", "measured_on", "nearest_neighbour", "largest_class"],
        [(1, "v1", "common_test", 0.55, 0.1)],
    )
    layers = [("a", 40), ("b", 2), ("total", 42)]
    write_csv(folder / "models" / "m" / "layers.csv", ["name", "multiply_adds"], layers)
    run_script(
        "summarize.py", "--runs", folder / "runs.csv", "--compared", folder / "c.csv",
        "--baselines", folder / "b.csv",
        "--groups", folder / "g.csv", "--groups-page", folder / "g.html",
        "--page", folder / "p.html", "--figure", folder / "figures" / "f.svg",
        "--output", folder / "s.csv",
    )  # fmt: skip
    return folder


def test_the_summary_has_a_row_a_run(summarized):
    runs = pd.read_csv(summarized / "s.csv")
    assert runs["test_accuracy"].tolist()[:2] == [0.5, 0.7] and runs["seed"].tolist() == [1, 2, 3]
    assert math.isnan(runs["test_accuracy"][2])
    assert runs["status"].tolist() == ["no better than chance", "ok", "diverged"]
    assert runs["steps"].tolist() == [6, 6, 6]  # two steps an epoch
    assert runs["images_seen"].tolist() == [9, 9, 9]
    assert runs["measured_on"].tolist() == ["common_test", "common_test", "test"]
    assert runs["recall_cat"][0] == 0.5 and runs["multiply_adds"].tolist() == [42] * 3


def test_the_summary_has_a_row_a_group(summarized):
    groups = pd.read_csv(summarized / "g.csv")
    assert groups["letters_of_combos"].tolist() == ["a"]
    assert groups["n"].tolist() == [2] and groups["n_runs"].tolist() == [3]
    assert groups["common_test_accuracy_mean"][0] == pytest.approx(0.6)
    assert groups["common_test_accuracy_sd"][0] == pytest.approx(0.141421)


def test_the_summary_has_pages_and_figures(summarized):
    for page in ("p.html", "g.html"):
        assert "2 of 3 runs, 1 diverged" in (summarized / page).read_text()
    figures = summarized / "figures"
    for table, column in (("recall_by_class", "cat"), ("cost", "accuracy")):
        assert pd.read_csv(figures / f"{table}.csv")[column].tolist() == [pytest.approx(0.6)]
    assert {path.name for path in figures.glob("*.svg")} == {
        "f.svg",
        "recall_by_class.svg",
        "cost.svg",
        "resources.svg",
    }
