"""Hyper-parameter search: what is tried, what is remembered, what is chosen, and that no test image has a part in it."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import ROOT, assert_one_clear_line, clean_environment, run_script

from study.data.index import read_index
from study.data.partitions import read_split, split_partition, write_development, write_split
from study.errors import StudyError
from study.files import read_csv, read_json
from study.report.plots.tuning import trials_figure
from study.training.search import Grid, Journal, Tpe, Trial, best_trial


def trial(number, accuracy, state="complete", **params) -> Trial:
    accuracies = [0.1, accuracy] if accuracy else [0.1]
    return Trial(
        number, params, state, accuracies, accuracy if state == "complete" else None, 1.0, 0.9
    )


def test_a_grid_tries_all_combinations_the_first_key_outermost():
    grid = Grid({"optimizer.lr": [1e-3, 1e-4], "architecture.filters": [16, 32, 64]})
    assert len(grid) == 6
    assert [tuple(grid.suggest(i, []).values()) for i in range(6)] == [
        (1e-3, 16), (1e-3, 32), (1e-3, 64), (1e-4, 16), (1e-4, 32), (1e-4, 64),
    ]  # fmt: skip


def test_the_best_is_the_first_of_the_highest_complete_ones():
    trials = [trial(3, 0.7), trial(0, 0.6), trial(1, 0.7), trial(2, 0.9, "pruned")]
    assert best_trial(trials).number == 1
    with pytest.raises(StudyError, match="no trial of the search"):
        best_trial([trial(0, None, "diverged")])


def test_suggestions_repeat_themselves_stay_in_range_and_learn():
    search = {"x": {"low": 0.0, "high": 1.0}, "lr": {"low": 1e-4, "high": 1.0, "log": True}, "n": {"low": 1, "high": 9},
              "kind": ["a", "b"]}  # fmt: skip

    def searched(seed, count=40):
        tpe, finished = Tpe(search, ["n"], count, seed), []
        for number in range(count):
            params = tpe.suggest(number, finished)
            finished.append(
                trial(
                    number, 1 - (params["x"] - 0.3) ** 2 - 0.1 * (params["kind"] == "b"), **params
                )
            )
        return finished

    finished = searched(1)
    assert finished == searched(1) and finished != searched(2)
    assert all(1e-4 <= t.params["lr"] <= 1 and 1 <= t.params["n"] <= 9 for t in finished)
    assert all(isinstance(t.params["n"], int) for t in finished)
    late = [abs(t.params["x"] - 0.3) for t in finished[20:]]
    assert np.mean(late) < 0.2 and abs(best_trial(finished).params["x"] - 0.3) < 0.1


def test_settings_that_diverge_are_learnt_to_be_bad():
    tpe, finished = Tpe({"lr": {"low": 1e-4, "high": 10.0, "log": True}}, [], 50, 1), []
    for number in range(50):
        lr = tpe.suggest(number, finished)["lr"]
        finished.append(
            trial(number, None, "diverged", lr=lr)
            if lr > 0.01
            else trial(number, 0.5 + 10 * lr, lr=lr)
        )
    assert sum(t.state == "diverged" for t in finished[20:]) <= 15  # of thirty; eighteen at random


def test_ranges_of_numbers_are_whole_only_where_that_is_meant():
    search = {"x": {"low": 0, "high": 1}}
    assert 0 < Tpe(search, [], 1, 1).suggest(0, [])["x"] < 1
    assert Tpe(search, ["x"], 1, 1).suggest(0, [])["x"] in (0, 1)


def test_a_trial_that_falls_behind_is_hopeless_and_a_leader_is_not():
    tpe = Tpe({"x": {"low": 0.0, "high": 1.0}}, [], 20, 1)
    finished = [Trial(i, {"x": 0.5}, "complete", [i / 10] * 8, i / 10, 1, 1) for i in range(8)]
    stops = [tpe.hopeless(8, {}, [accuracy] * 3, finished) for accuracy in (0.0, 0.45, 0.55, 0.9)]
    assert stops == [True, True, False, False]  # of nine, the best three go on
    assert not tpe.hopeless(8, {}, [0.0] * 2, finished)  # no rung after two epochs
    assert not tpe.hopeless(0, {}, [0.0], [])
    assert not Grid({"x": [1, 2]}).hopeless(1, {"x": 2}, [0.0], finished)


def test_a_journal_remembers_and_refuses_another_search(tmp_path):
    path = tmp_path / "scratch" / "worker0.json"
    journal = Journal(path, "mine")
    assert journal.trials() == []
    journal.append(trial(0, 0.5, x=1))
    journal.append(trial(1, None, "diverged", x=2))
    assert Journal(path, "mine").trials() == [trial(0, 0.5, x=1), trial(1, None, "diverged", x=2)]
    with pytest.raises(
        StudyError,
        match=r"worker0.json holds the trials of another recipe.*delete their folder: rm",
    ):
        Journal(path, "other")


def table(keys, rows):
    return pd.DataFrame(rows, columns=["trial", *keys, "state", "val_accuracy"])


def test_a_grid_of_two_keys_is_a_heat_map_in_the_order_of_the_search():
    rows = [(0, 0.01, 16, "complete", 0.6), (1, 0.01, 8, "complete", 0.7), (2, 0.1, 16, "complete", 0.5),
            (3, 0.1, 8, "diverged", None)]  # fmt: skip
    axes = trials_figure(
        table(["optimizer.lr", "architecture.filters"], rows),
        ["optimizer.lr", "architecture.filters"],
        "t",
    ).axes[0]
    shown = {
        (round(t.get_position()[1]), round(t.get_position()[0])): t.get_text() for t in axes.texts
    }
    assert shown == {(0, 0): "60.0%", (0, 1): "70.0%", (1, 0): "50.0%", (1, 1): "diverged"}
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["16", "8"]
    (best,) = axes.patches
    assert best.get_xy() == (0.5, -0.5)


def test_choices_that_are_lists_are_drawn():
    keys = ["architecture.widths", "optimizer.lr"]
    rows = [(0, [4, 8, 8], 0.1, "complete", 0.6), (1, [8, 8, 8], 0.1, "complete", 0.7)]
    axes = trials_figure(table(keys, rows), keys, "t").axes[0]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["[4, 8, 8]", "[8, 8, 8]"]


def test_another_search_is_drawn_by_trial_and_in_parallel_coordinates():
    keys = ["optimizer.lr", "schedule.name", "batch_size"]
    rows = [
        (0, 1e-4, "cosine", 32, "complete", 0.6),
        (1, 1e-1, "step", 64, "pruned", None),
        (2, 1e-2, "step", 32, "complete", 0.8),
    ]
    history, parallel, *_ = trials_figure(table(keys, rows), keys, "t").axes
    assert history.lines[0].get_ydata().tolist() == [0.6, 0.8]
    assert [tick.get_text() for tick in parallel.get_xticklabels()] == keys
    heights = sorted(line.get_ydata().tolist() for line in parallel.lines)
    assert heights[0] == [0, 0, 0] and heights[1] == pytest.approx([2 / 3, 1, 0])


SEARCH = {
    "method": "grid",
    "keys": {"optimizer.lr": [0.01, 0.0001, 0.01], "architecture.filters": [4, 8]},
    "epochs": 2,
}


@pytest.fixture
def arguments(decoded, tmp_path):
    labels = read_index(decoded / "index.csv").labels
    split = split_partition(np.arange(300), labels, {"train": 0.7, "val": 0.15, "test": 0.15}, 5)
    write_split(tmp_path / "split.csv", split)
    write_development(tmp_path / "development.csv", split)
    recipe = {
        "architecture": {"name": "cnn2", "filters": 16}, "augment": [], "batch_size": 16, "epochs": 3,
        "normalize": {"mean": [0.5] * 3, "std": [0.5] * 3}, "optimizer": {"name": "adam", "lr": 0.001},
        "schedule": {"name": "constant"},
    }  # fmt: skip
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    return [
        "--images", decoded / "images.npy", "--index", decoded / "index.csv", "--splits", tmp_path / "development.csv",
        "--recipe", tmp_path / "recipe.yaml", "--seed", 5, "--journals", tmp_path / "journals",
    ]  # fmt: skip


def tuned(arguments, output, search, *more, check=True):
    return run_script(
        "tune.py",
        *arguments,
        "--search",
        json.dumps(search),
        "--output",
        output,
        *more,
        check=check,
    )


def test_a_development_split_has_no_test_images(arguments, tmp_path):
    whole, development = (
        read_split(tmp_path / "split.csv"),
        read_split(tmp_path / "development.csv"),
    )
    assert len(development["test"]) == 0
    assert all(np.array_equal(whole[role], development[role]) for role in ("train", "val"))


def test_a_killed_search_goes_on_without_repeating_trials_and_the_best_is_what_training_gives(
    arguments, tmp_path, decoded
):
    tuned(arguments, tmp_path / "whole.json", SEARCH)
    expected = read_json(tmp_path / "whole.json")
    (tmp_path / "journals" / "worker0.json").unlink()
    assert [row["number"] for row in expected] == list(range(6))
    assert (
        expected[0]["accuracy"] == expected[4]["accuracy"]
    )  # the same settings again: the same bits

    command = [
        sys.executable,
        ROOT / "scripts/tune.py",
        *arguments,
        "--search",
        json.dumps(SEARCH),
        "--output",
        tmp_path / "killed.json",
    ]
    process = subprocess.Popen(
        list(map(str, command)), env=clean_environment(), stderr=subprocess.DEVNULL
    )
    journal = tmp_path / "journals" / "worker0.json"
    while not journal.exists() or len(read_json(journal)["trials"]) < 2:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = len(read_json(journal)["trials"])
    result = tuned(arguments, tmp_path / "killed.json", SEARCH)
    assert result.stderr.count("trial ") == 6 - done < 6
    facts = ("number", "params", "state", "accuracies", "accuracy")
    assert [[row[f] for f in facts] for row in read_json(tmp_path / "killed.json")] == [
        [row[f] for f in facts] for row in expected
    ]

    run_script(
        "collect_trials.py", "--trials", tmp_path / "killed.json", "--title", "cnn2", "--journals", tmp_path / "journals",
        "--table", tmp_path / "t.csv", "--best", tmp_path / "best.yaml", "--record", tmp_path / "t.json", "--figure",
        tmp_path / "t.svg",
    )  # fmt: skip
    assert not (tmp_path / "journals").exists() and len(read_csv(tmp_path / "t.csv")) == 6
    best = read_json(tmp_path / "t.json")
    assert yaml.safe_load((tmp_path / "best.yaml").read_text()) == {
        "optimizer": {"lr": best["params"]["optimizer.lr"]},
        "architecture": {"filters": best["params"]["architecture.filters"]},
    }
    (tmp_path / "short.yaml").write_text(
        (tmp_path / "recipe.yaml").read_text().replace("epochs: 3", "epochs: 2")
    )
    given = [
        tmp_path / "short.yaml" if a == tmp_path / "recipe.yaml" else a for a in arguments[:-2]
    ]
    run_script(
        "train.py", *given, "--tuned", tmp_path / "best.yaml", "--weights", tmp_path / "w.safetensors", "--history",
        tmp_path / "h.csv", "--run", tmp_path / "r.json",
    )  # fmt: skip
    assert float(read_csv(tmp_path / "h.csv")[-1]["val_accuracy"]) == best["val_accuracy"]
    record = read_json(tmp_path / "r.json")
    assert record["recipe"]["architecture"]["filters"] == best["params"]["architecture.filters"]
    assert record["tuned"]["optimizer"]["lr"] == best["params"]["optimizer.lr"]


def test_test_images_have_no_part_in_a_search(arguments, tmp_path):
    search = SEARCH | {"keys": {"optimizer.lr": [0.01, 0.001]}, "epochs": 1}
    tuned(arguments, tmp_path / "without.json", search)
    tuned(
        [tmp_path / "split.csv" if a == tmp_path / "development.csv" else a for a in arguments],
        tmp_path / "with.json",
        search,
    )
    accuracies = [
        [row["accuracies"] for row in read_json(tmp_path / name)]
        for name in ("without.json", "with.json")
    ]
    assert accuracies[0] == accuracies[1]


def test_workers_share_the_trials(arguments, tmp_path):
    search = SEARCH | {"keys": {"optimizer.lr": [0.01, 0.001, 0.0001]}, "epochs": 1}
    for worker in (0, 1):
        tuned(arguments, tmp_path / f"{worker}.json", search, "--workers", 2, "--worker", worker)
    assert [row["number"] for row in read_json(tmp_path / "0.json")] == [0, 2]
    assert [row["number"] for row in read_json(tmp_path / "1.json")] == [1]


def test_optuna_searches_prune_diverge_and_end_in_time(arguments, tmp_path):
    keys = {"optimizer.lr": {"low": 1e-4, "high": 1e-1, "log": True}}
    tuned(arguments, tmp_path / "a.json", {"method": "tpe", "keys": keys, "trials": 6})
    rows = read_json(tmp_path / "a.json")
    assert len(rows) == 6 and {row["state"] for row in rows} <= {"complete", "pruned"}
    assert any(row["state"] == "complete" for row in rows)
    (tmp_path / "journals" / "worker0.json").unlink()
    in_time = {"method": "tpe", "keys": keys, "trials": 50, "minutes": 0.0001}
    tuned(arguments, tmp_path / "b.json", in_time)
    assert len(read_json(tmp_path / "b.json")) == 1


def test_trials_of_another_recipe_are_refused(arguments, tmp_path):
    search = SEARCH | {"keys": {"optimizer.lr": [0.01]}, "epochs": 1}
    tuned(arguments, tmp_path / "a.json", search)
    refused = tuned(arguments, tmp_path / "b.json", search | {"epochs": 2}, check=False)
    assert_one_clear_line(refused.stderr, "worker0.json holds the trials of another recipe", "rm ")
    assert not (tmp_path / "b.json").exists()
