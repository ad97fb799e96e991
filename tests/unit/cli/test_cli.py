"""The commands that look at results: show, diff, watch, plan's estimates, clean's order of things."""

import math
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from cli_study import CLASSES, N, printed, study, write_run
from conftest import ROOT, assert_one_clear_line

from study.cli.estimates import (
    Part,
    Size,
    Speed,
    earlier_speeds,
    epochs_to_train,
    fitting_part,
    run_size,
    training_seconds,
    training_work,
)
from study.runs.progress import read_progress
from study.wording import size

# Of the 20 test images.
RIGHT = {("v1", "cnn2", 1): 6, ("v1", "cnn2", 2): 8, ("v1", "cnn3", 1): 12, ("v1", "cnn3", 2): 14}


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A copy of the project with the runs of two models; seed 3 of each is missing, and one of them failed."""
    folder = tmp_path_factory.mktemp("cli") / "project"
    for name in ("config", "workflow"):
        shutil.copytree(ROOT / name, folder / name)
    results = folder / "results"
    (folder / "study.yaml").write_text("combos: [v1]\nmodels: [cnn2, cnn3]\nseeds: [1, 2, 3]\n")
    for (combo, model, seed), right in RIGHT.items():
        write_run(results, combo, model, seed, right)
    keys = [f"v1,{model},{seed}" for model in ("cnn2", "cnn3") for seed in (1, 2, 3)]
    (results / "runs.csv").write_text("\n".join(["combo,model,seed", *keys]) + "\n")
    (results / "data").mkdir()
    rows = [f"{i},{i % 2},{CLASSES[i % 2]},train,{i}.png" for i in range(N)]
    (results / "data" / "index.csv").write_text(
        "image_id,label,class,source_split,file\n" + "\n".join(rows) + "\n"
    )
    log = results / "logs" / "train" / "v1" / "cnn3" / "seed3.log"
    log.parent.mkdir(parents=True)
    log.write_text("error: training set is empty\n")
    return folder


def test_runs_are_shown_with_their_status_whether_they_are_finished_or_not(project):
    text = printed("show", "--configfile", "study.yaml", folder=project)
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    assert any(
        line.split()[:4] == ["v1", "cnn2", "1", "ok"] and "0.300 (0.100–0.500)" in line
        for line in lines
    )
    assert any(line.split()[:4] == ["v1", "cnn2", "3", "waiting"] for line in lines)
    assert "failed: v1/cnn3/3: training set is empty" in text


def test_a_table_can_be_sorted_and_filtered_and_says_what_it_does_not_know(project):
    given = ("--configfile", "study.yaml")
    asked = ("show", "--csv", "--columns", "model", "seed", "test_accuracy", "lr")
    text = printed(
        *asked, "--sort=-test_accuracy", "--where", "status=ok", "seed!=2", *given, folder=project
    )
    table = [line.split(",") for line in text.splitlines()]
    assert table[0] == [
        "model",
        "seed",
        "test_accuracy",
        "test_accuracy_low",
        "test_accuracy_high",
        "recipe.optimizer.lr",
    ]
    assert [(row[0], row[1], float(row[2]), float(row[-1])) for row in table[1:]] == [
        ("cnn3", "1", 0.6, 0.2),
        ("cnn2", "1", 0.3, 0.1),
    ]
    assert (
        len(printed(*asked, "--where", "test_accuracy>=0.4", *given, folder=project).splitlines())
        == 4
    )
    for words, fragments in (
        (("--where", "test_acuracy>0.5"), ["test_acuracy", "did you mean 'test_accuracy'"]),
        (("--where", "seed=one"), ["seed=one", "expected a number"]),
        (("--where", "seed"), ["cannot read", "'seed'"]),
        (("--where", "seed>9"), ["none of the 6 runs"]),
        (("--sort", "speed"), ["no column 'speed'"]),
    ):
        result = study("show", *words, *given, folder=project)
        assert result.returncode == 1
        assert_one_clear_line(result.stderr, *fragments)


def test_only_changed_shows_the_settings_that_differ_and_names_the_others(project):
    text = printed(
        "show", "--only-changed", "--where", "seed=1", "--configfile", "study.yaml", folder=project
    )
    head, _, rest = text.partition("The same in all 2 rows")
    assert (
        "optimizer.lr" in head
        and "architecture." in head
        and "batch_size" not in head
        and "v1" not in head
    )
    assert "recipe.batch_size 4" in " ".join(rest.split())


def test_groups_have_means_over_seeds_and_markdown_has_as_many_cells_in_each_row(project):
    text = printed("show", "--by-group", "--md", "--configfile", "study.yaml", folder=project)
    lines = text.splitlines()
    assert len({line.count("|") for line in lines}) == 1
    assert lines[2].startswith("| v1 | cnn2 | 2 | 0.350 ± 0.071 |")


def test_a_summary_alone_is_enough_to_be_shown():
    text = printed(
        "show", "--results", "results/reference/laptop", "--where", "seed=42", folder=ROOT
    )
    assert "10 of 30 runs" in text


def test_outside_the_project_a_command_says_where_to_go(tmp_path):
    for command in (
        ("show",),
        ("plan",),
        ("watch", "--once"),
        ("clean",),
        ("diff", "v1/cnn2/1", "v1/cnn2/2"),
    ):
        result = study(*command, folder=tmp_path)
        assert result.returncode == 1
        assert_one_clear_line(result.stderr, str(tmp_path), "not the project's folder")


def test_two_runs_differ_by_settings_numbers_and_images(project):
    text = printed("diff", "v1/cnn2/1", "v1/cnn3/2", "--csv", "changed.csv", folder=project)
    words = " ".join(text.split())
    assert "optimizer.lr 0.1 0.2" in words
    # The sd over seeds of each group is 0.0707; t(2) of 97.5 % times sqrt(2) times that is 0.430.
    assert "test_accuracy 0.3000 0.7000 +0.4000 ± 0.4303" in words and "exceeds" not in words
    assert "Right to wrong 0, wrong to right 8: McNemar's exact p 0.0078" in words
    changed = pd.read_csv(project / "changed.csv")
    assert list(changed["image_id"]) == list(range(26, 34)) and set(changed["change"]) == {
        "wrong to right"
    }
    assert list(changed["true"][:2]) == ["cat", "dog"] and list(changed["b"][:2]) == ["cat", "dog"]


def test_a_difference_beyond_the_noise_of_seeds_is_marked(project, tmp_path):
    for seed, right in ((1, 4), (2, 4), (3, 19)):
        write_run(tmp_path, "v1", "x" if seed < 3 else "y", seed, right)
    (tmp_path / "runs.csv").write_text("combo,model,seed\nv1,x,1\nv1,x,2\nv1,y,3\n")
    one, other = (tmp_path / "runs" / "v1" / name for name in ("x/seed1", "y/seed3"))
    assert "exceeds" not in printed(
        "diff", one, other, folder=project
    )  # a noise of zero is none that is known
    write_run(tmp_path, "v1", "x", 4, 5)
    with (tmp_path / "runs.csv").open("a") as stream:
        stream.write("v1,x,4\n")
    assert "exceeds seed noise" in printed("diff", one, other, folder=project)
    alone = printed(
        "diff", tmp_path / "runs/v1/y/seed3", tmp_path / "runs/v1/y/seed3", folder=project
    )
    assert "Nothing is known of the noise of seeds" in alone


def test_two_studies_differ_by_groups_and_by_what_only_one_has(project):
    text = printed("diff", ".", ROOT / "results/reference/laptop", folder=project)
    assert (
        "Only in A: v1/cnn2/1" in text and "No combo and model has runs with the same seed" in text
    )
    result = study("diff", ".", "v1/cnn2/1", folder=project)
    assert_one_clear_line(result.stderr, "a run and a study")


LOG = """\
resumed after epoch 1
epoch 2/5  train loss 1.5828 accuracy 0.4318  val loss 1.4000 accuracy 0.5020  test accuracy 0.5160  14.0 s  1000 images/s
epoch 3/5  train loss 1.2218 accuracy 0.5699  val loss nan accuracy nan  test accuracy nan  16.0 s  914 images/s
"""


def test_how_far_a_training_is_is_read_from_what_it_prints(tmp_path):
    log = tmp_path / "seed1.log"
    assert read_progress(log).epoch == 0
    log.write_text(LOG.replace("nan", "0.5"))
    assert read_progress(log) == (3, 5, 0.5, 15.0, 2)
    log.write_text(LOG)
    assert math.isnan(read_progress(log).val_accuracy)


def test_the_log_that_a_training_writes_is_understood(tmp_path):
    from study.training.trainer import Epoch

    epoch = Epoch(4, 0.1, 1.0, 0.5, 1.25, 0.625, 1.0, 0.5, 12.5, 1000.0, "0")
    log = tmp_path / "seed1.log"
    log.write_text(f"epoch 4/6  {epoch}\n")
    assert read_progress(log) == (4, 6, 0.625, 12.5, 1)


def test_watch_counts_all_runs_and_says_which_were_interrupted(project):
    log = project / "results/logs/train/v1/cnn2/seed3.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(LOG)
    try:
        text = " ".join(
            printed("watch", "--once", "--configfile", "study.yaml", folder=project).split()
        )
    finally:
        log.unlink()
    assert text.startswith(
        "4 of 6 runs trained, 1 interrupted, 1 failed; Snakemake does not run here"
    )
    assert (
        "goes on with them: v1/cnn2/3" in text
        and "failed: v1/cnn3/3: training set is empty" in text
    )


def test_a_running_training_is_watched_with_its_epochs_and_device(project):
    """Something that looks like a training of this project to the operating system."""
    log = project / "results/logs/train/v1/cnn2/seed3.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(LOG)
    (project / "scripts").mkdir(exist_ok=True)
    (project / "scripts" / "train.py").write_text("import sys; print(flush=True); sys.stdin.read()")
    process = subprocess.Popen(
        [sys.executable, "scripts/train.py", "--gpus", "0", "--run", "results/runs/v1/cnn2/seed3/run.json"],
        cwd=project, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        process.stdout.readline()
        text = printed("watch", "--once", "--configfile", "study.yaml", folder=project)
    finally:
        process.communicate()
        log.unlink()
    (row,) = (line.split() for line in text.splitlines() if line.startswith("v1/cnn2/3"))
    assert row[:2] == ["v1/cnn2/3", "3/5"] and row[-1] == "cpu"
    assert "4 of 6 runs trained, 1 running, 1 failed" in text


CONFIG = {
    "partitions": [{"name": "v1", "size": 1000}, {"name": "v2", "size": 500}],
    "split": {"train": 0.7, "val": 0.15, "test": 0.15},
    "official": {"val": 0.1},
}


def test_what_a_run_takes_follows_from_its_images_and_epochs():
    assert run_size(CONFIG, "v1+v2", 60_000) == (1050, 450)
    assert run_size(CONFIG, "v1+v2@afresh", 60_000) == (1050, 450)
    assert run_size(CONFIG, "official", 60_000) == (45_000, 15_000)
    recipe = {"batch_size": 100, "epochs": 4}
    assert training_seconds(recipe, Size(1000, 500), Speed(100, 500, 1, 3.0)) == 3 + 4 * (10 + 1)
    assert epochs_to_train({"batch_size": 100, "steps": 44}, Size(1000, 0)) == 4
    assert epochs_to_train({"batch_size": 100, "epochs": 9, "stop_after": 2}, Size(1000, 0)) == 2


def test_the_work_of_trainings_is_by_the_speed_of_earlier_runs_where_there_are_any(tmp_path):
    record = tmp_path / "v1" / "a" / "seed1" / "run.json"
    record.parent.mkdir(parents=True)
    record.write_text('{"images_per_s": 350}')
    speeds = earlier_speeds(tmp_path, ["a", "b"])
    assert speeds == {"a": 350}
    recipe = {"batch_size": 10, "epochs": 2}
    assert training_work(
        CONFIG, {"a": recipe, "b": recipe}, [("v1", "a"), ("v2", "b")], 2000, speeds
    ) == (
        2100,
        4 + 0.7,
    )


def test_a_part_that_fits_loses_seeds_first_and_stays_a_grid():
    whole = Part(["v1", "v2", "v1+v2"], ["small", "large"], [1, 2, 3, 4])
    price = {"v1": 1, "v2": 1, "v1+v2": 2, "small": 1, "large": 10}

    def cost(part: Part) -> float:
        return sum(price[combo] * price[model] for combo, model, _ in part.runs())

    assert cost(whole) == 176
    assert fitting_part(whole, cost, 176) == whole
    assert (
        fitting_part(whole, cost, 140).seeds == [1, 2, 3]
        and fitting_part(whole, cost, 140)[:2] == whole[:2]
    )
    # Two seeds of all cost 88; without the large model they cost 8, and then all seeds are back.
    assert fitting_part(whole, cost, 20) == Part(whole.combos, ["small"], [1, 2, 3, 4])
    assert fitting_part(whole, cost, 20, ["large"]) == Part(["v1"], ["large"], [1, 2])
    assert fitting_part(whole, cost, 0.5) is None


def test_sizes_are_told_in_a_unit_that_suits_them():
    assert [size(n) for n in (999, 1500, 25_000_000)] == ["999 bytes", "1.5 kB", "25 MB"]
