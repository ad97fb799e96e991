"""Hyper-parameter search: what is tried, remembered and chosen, and that no test image is."""

import json
import signal
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from conftest import ROOT, clean_environment, run_script

from study.config.recipes import overlay
from study.data.index import read_index
from study.data.splits import read_split, split_partition, write_development, write_split
from study.errors import StudyError
from study.files import read_csv, read_json
from study.report.plots.tuning import trials_figure
from study.training.search import Search
from study.training.trainer import Diverged
from study.training.trials import Trial, best_trial

GRID = {"method": "grid", "keys": {"optimizer.lr": [1e-3, 1e-4], "architecture.filters": [8, 9]}}


def trial(number, accuracy, state="complete", **params) -> Trial:
    accuracies = [0.1, accuracy] if accuracy else [0.1]
    return Trial(
        number, params, state, accuracies, accuracy if state == "complete" else None, 1.0, 0.9
    )


class Training:
    """Stands for a trainer: its validation accuracies are given, or what an epoch raises."""

    def __init__(self, accuracies):
        self.accuracies, self.history = accuracies, []
        self.last_epoch = len(accuracies)

    @property
    def kept_epoch(self):
        return self.history[-1]

    def run(self, on_epoch):
        for number, accuracy in enumerate(self.accuracies, 1):
            if not isinstance(accuracy, float):
                raise accuracy
            epoch = SimpleNamespace(epoch=number, val_accuracy=accuracy, seconds=0.5)
            self.history.append(epoch)
            on_epoch(epoch)


def recipe_of(keys):
    """Return a recipe that has these keys, with numbers that are not whole."""
    return overlay(dict.fromkeys(keys, 0.5))


def searched(folder, settings, accuracies, recipe=None, seed=1, identity="mine", **share):
    """Return the trials of a search whose validation accuracies are a function of the settings."""
    recipe = recipe or recipe_of(settings["keys"])
    search = Search(settings, recipe, seed, folder / "scratch" / "journal.log", identity)
    return search.run(lambda params: Training(accuracies(params)), **share)


def facts(trials):
    return [(t.number, t.params, t.state, t.accuracies, t.accuracy) for t in trials]


def test_a_grid_tries_all_combinations_the_first_key_outermost(tmp_path):
    trials = searched(tmp_path, GRID, lambda params: [0.1, 0.0])
    assert [tuple(trial.params.values()) for trial in trials] == [
        (1e-3, 8), (1e-3, 9), (1e-4, 8), (1e-4, 9),
    ]  # fmt: skip
    assert [trial.number for trial in trials] == [0, 1, 2, 3]
    assert {trial.state for trial in trials} == {"complete"}


def test_the_values_of_a_grid_may_be_lists_and_may_be_repeated(tmp_path):
    widths = [[4, 8], [8, 8], [4, 8]]
    trials = searched(tmp_path, {"method": "grid", "keys": {"widths": widths}}, lambda _: [0.5])
    assert [trial.params["widths"] for trial in trials] == widths


def test_workers_give_a_grid_the_same_trials_whatever_their_number(tmp_path):
    def accuracies(params):
        return [params["optimizer.lr"] * params["architecture.filters"]]

    alone = searched(tmp_path / "alone", GRID, accuracies)
    shared = [
        trial
        for worker in range(3)
        for trial in searched(tmp_path / "shared", GRID, accuracies, worker=worker, workers=3)
    ]
    assert facts(sorted(shared, key=lambda trial: trial.number)) == facts(alone)


def test_the_best_is_the_first_of_the_highest_complete_ones():
    trials = [trial(3, 0.7), trial(0, 0.6), trial(1, 0.7), trial(2, 0.9, "pruned")]
    assert best_trial(trials).number == 1
    with pytest.raises(StudyError, match="no trial of the search"):
        best_trial([trial(0, None, "diverged")])


SPACE = {
    "x": {"low": 0.0, "high": 1.0},
    "lr": {"low": 1e-4, "high": 1.0, "log": True},
    "n": {"low": 1, "high": 9},
    "kind": ["a", "b"],
}


def bowl(params):
    """Return the accuracy after an epoch: the best is x 0.3 and kind a."""
    return [1 - (params["x"] - 0.3) ** 2 - 0.1 * (params["kind"] == "b")]


def test_suggestions_repeat_themselves_stay_in_range_and_learn(tmp_path):
    settings = {"method": "tpe", "keys": SPACE, "trials": 40}
    recipe = recipe_of(SPACE) | {"n": 2}
    trials, again, other = (
        searched(tmp_path / name, settings, bowl, recipe, seed)
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert facts(trials) == facts(again) and facts(trials) != facts(other)
    assert all(1e-4 <= t.params["lr"] <= 1 and 1 <= t.params["n"] <= 9 for t in trials)
    assert all(isinstance(t.params["n"], int) for t in trials)
    late = [abs(t.params["x"] - 0.3) for t in trials[20:]]
    assert np.mean(late) < 0.2 and abs(best_trial(trials).params["x"] - 0.3) < 0.1


def test_a_killed_search_suggests_and_stops_as_if_it_had_not_been(tmp_path):
    settings = {"method": "tpe", "keys": SPACE, "trials": 20}

    def accuracies(params):
        return [epoch / 5 * bowl(params)[0] for epoch in range(1, 5)]

    whole = searched(tmp_path / "whole", settings, accuracies)
    assert {"complete", "pruned"} == {trial.state for trial in whole}

    for n_trials in (4, 1, 7):  # the trial after these is killed after its first epoch
        left = iter(range(n_trials))

        def killed(params, left=left):
            whole_trial = next(left, None) is not None
            return accuracies(params) if whole_trial else [accuracies(params)[0], KeyboardInterrupt]

        with pytest.raises(KeyboardInterrupt):
            searched(tmp_path / "killed", settings, killed)
    assert facts(searched(tmp_path / "killed", settings, accuracies)) == facts(whole)


def test_settings_that_diverge_are_learnt_to_be_bad(tmp_path):
    def accuracies(params):
        lr = params["lr"]
        return [0.1, Diverged] if lr > 0.01 else [0.5 + 10 * lr]

    keys = {"lr": {"low": 1e-4, "high": 10.0, "log": True}}
    trials = searched(tmp_path, {"method": "tpe", "keys": keys, "trials": 50}, accuracies)
    bad = [trial for trial in trials[20:] if trial.state == "diverged"]
    assert len(bad) <= 15  # of thirty; eighteen at random
    assert all(trial.accuracy is None and trial.accuracies == [0.1] for trial in bad)


def test_settings_that_no_network_can_be_made_of_are_a_failed_trial(tmp_path):
    def accuracies(params):
        if params["architecture.filters"] == 9:
            raise StudyError("cnn2 cannot be made with 9")
        return [0.5]

    trials = searched(tmp_path, GRID, accuracies)
    assert [trial.state for trial in trials] == ["complete", "failed"] * 2
    assert [trial.accuracies for trial in trials] == [[0.5], []] * 2


def package_is_missing():
    try:
        raise ImportError("No module named 'timm'")
    except ImportError:
        raise StudyError("timm/x needs timm") from None


def gpu_is_full():
    raise torch.OutOfMemoryError("CUDA out of memory")


def memory_is_full():
    raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")


def weights_are_gone():
    raise StudyError("w.safetensors: No such file")


@pytest.mark.parametrize(
    ("fault", "settings", "line"),
    [
        (package_is_missing, {9}, "needs timm"),
        (gpu_is_full, {9}, "out of memory on the GPU"),
        (memory_is_full, {9}, "out of memory on the machine"),
        (weights_are_gone, {8, 9, 0.5}, "No such file"),  # with the recipe's own 0.5 too
    ],
)
def test_a_fault_of_the_machine_is_no_trial(tmp_path, fault, settings, line):
    def accuracies(params):
        return fault() if params["architecture.filters"] in settings else [0.5]

    with pytest.raises(StudyError, match=line):
        searched(tmp_path, GRID, accuracies)
    mended = searched(tmp_path, GRID, lambda _: [0.5])
    assert [trial.state for trial in mended] == ["complete"] * 4


def test_settings_whose_training_needs_too_much_memory_are_a_failed_trial(tmp_path):
    full = torch.OutOfMemoryError("CUDA out of memory")
    trials = searched(tmp_path, GRID, lambda _: [0.5, full])
    assert [(trial.state, trial.accuracies) for trial in trials] == [("failed", [0.5])] * 4


def test_ranges_of_numbers_are_whole_only_where_that_is_meant(tmp_path):
    settings = {"method": "tpe", "keys": {"x": {"low": 0, "high": 1}}, "trials": 1}
    (broken,) = searched(tmp_path / "a", settings, lambda _: [0.5], {"x": 0.5})
    (whole,) = searched(tmp_path / "b", settings, lambda _: [0.5], {"x": 1})
    assert 0 < broken.params["x"] < 1 and whole.params["x"] in (0, 1)


def test_a_trial_that_falls_behind_is_stopped_and_a_leader_is_not(tmp_path):
    leaders = [[i / 10] * 8 for i in range(8)]  # each better than those before
    later = [[accuracy] * 8 for accuracy in (0.0, 0.45, 0.55, 0.9)] + [[0.9, 0.9, 0.1, *[0.9] * 5]]
    given = iter(leaders + later)
    settings = {"method": "tpe", "keys": {"x": {"low": 0.0, "high": 1.0}}, "trials": 13}
    trials = searched(tmp_path, settings, lambda _: next(given))
    assert {(t.state, len(t.accuracies)) for t in trials[:8]} == {("complete", 8)}
    # After one and three epochs the best third of those that came so far go on.
    assert [(t.state, len(t.accuracies)) for t in trials[8:]] == [
        ("pruned", 1), ("pruned", 1), ("complete", 8), ("complete", 8), ("pruned", 3),
    ]  # fmt: skip


def test_a_grid_stops_no_trial(tmp_path):
    grid = {"method": "grid", "keys": {"x": [0.9, 0.1]}}
    trials = searched(tmp_path, grid, lambda params: [params["x"]] * 4)
    assert [trial.state for trial in trials] == ["complete", "complete"]


def test_trials_of_another_recipe_have_no_part_in_a_search_and_are_kept(tmp_path):
    mine = searched(tmp_path, GRID, lambda _: [0.5])
    other = searched(tmp_path, GRID, lambda _: [0.6], identity="other")
    assert [trial.accuracy for trial in other] == [0.6] * 4

    def none(params):
        raise AssertionError("it was tried before")

    assert searched(tmp_path, GRID, none) == mine


@pytest.mark.parametrize("damage", [lambda text: text[:-9], lambda text: text.replace(":", "", 1)])
def test_a_damaged_journal_is_named(tmp_path, damage):
    searched(tmp_path, GRID, lambda _: [0.5])
    journal = tmp_path / "scratch" / "journal.log"
    journal.write_text(damage(journal.read_text()))
    with pytest.raises(StudyError, match=r"journal.log, .* is damaged \(.*delete it: rm "):
        searched(tmp_path, GRID, lambda _: [0.5])


def table(keys, rows):
    return pd.DataFrame(rows, columns=["trial", *keys, "state", "val_accuracy"])


def test_a_grid_of_two_keys_is_a_heat_map_in_the_order_of_the_search():
    rows = [
        (0, 0.01, 16, "complete", 0.6),
        (1, 0.01, 8, "complete", 0.7),
        (2, 0.1, 16, "complete", 0.5),
        (3, 0.1, 8, "diverged", None),
    ]
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
        "architecture": {"name": "cnn2", "filters": 16},
        "augment": [],
        "batch_size": 16,
        "epochs": 3,
        "normalize": {"mean": [0.5] * 3, "std": [0.5] * 3},
        "optimizer": {"name": "adam", "lr": 0.001},
        "schedule": {"name": "constant"},
    }
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    return [
        "--images", decoded / "images.npy", "--index", decoded / "index.csv", "--seed", 5,
        "--splits", tmp_path / "development.csv", "--recipe", tmp_path / "recipe.yaml",
        "--journal", tmp_path / "scratch" / "journal.log",
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


def test_a_killed_search_goes_on_without_repeating_trials(arguments, tmp_path):
    tuned(arguments, tmp_path / "whole.json", SEARCH)
    expected = read_json(tmp_path / "whole.json")
    (tmp_path / "scratch" / "journal.log").unlink()
    assert [row["number"] for row in expected] == list(range(6))
    # The same settings again: the same bits.
    assert expected[0]["accuracy"] == expected[4]["accuracy"]

    output = ("--search", json.dumps(SEARCH), "--output", tmp_path / "killed.json")
    command = [sys.executable, ROOT / "scripts/tune.py", *arguments, *output]
    process = subprocess.Popen(
        list(map(str, command)), env=clean_environment(), stderr=subprocess.PIPE, text=True
    )
    done = 0
    while done < 2:
        assert process.poll() is None
        done += process.stderr.readline().startswith("trial ")
    process.send_signal(signal.SIGKILL)
    process.wait()
    result = tuned(arguments, tmp_path / "killed.json", SEARCH)
    # One more may have ended before the signal came.
    assert result.stderr.count("trial ") in (6 - done, 6 - done - 1)
    facts = ("number", "params", "state", "accuracies", "accuracy")
    assert [[row[f] for f in facts] for row in read_json(tmp_path / "killed.json")] == [
        [row[f] for f in facts] for row in expected
    ]


def test_the_best_trial_is_what_training_with_its_settings_gives(arguments, tmp_path):
    search = SEARCH | {"keys": {"optimizer.lr": [0.01, 0.0001], "architecture.filters": [4, 8]}}
    tuned(arguments, tmp_path / "trials.json", search)
    journal = tmp_path / "scratch" / "journal.log"
    run_script(
        "collect_trials.py", "--trials", tmp_path / "trials.json",
        "--journal", journal, "--table", tmp_path / "t.csv", "--best", tmp_path / "best.yaml",
        "--record", tmp_path / "t.json",
    )  # fmt: skip
    run_script(
        "draw_trials.py", "--table", tmp_path / "t.csv", "--record", tmp_path / "t.json",
        "--title", "cnn2", "--figure", tmp_path / "t.svg",
    )  # fmt: skip
    assert "on validation with lr" in (tmp_path / "t.svg").read_text()
    assert not journal.exists() and len(read_csv(tmp_path / "t.csv")) == 4
    best = read_json(tmp_path / "t.json")
    assert best["trials"] == 4 and best["states"] == {"complete": 4}
    assert yaml.safe_load((tmp_path / "best.yaml").read_text()) == {
        "optimizer": {"lr": best["params"]["optimizer.lr"]},
        "architecture": {"filters": best["params"]["architecture.filters"]},
    }
    recipe, short = tmp_path / "recipe.yaml", tmp_path / "short.yaml"
    short.write_text(recipe.read_text().replace("epochs: 3", "epochs: 2"))
    given = [short if argument == recipe else argument for argument in arguments[:-2]]
    run_script(
        "train.py", *given, "--tuned", tmp_path / "best.yaml",
        "--weights", tmp_path / "w.safetensors", "--history", tmp_path / "h.csv",
        "--run", tmp_path / "r.json",
    )  # fmt: skip
    assert float(read_csv(tmp_path / "h.csv")[-1]["val_accuracy"]) == best["val_accuracy"]
    record = read_json(tmp_path / "r.json")
    assert record["recipe"]["architecture"]["filters"] == best["params"]["architecture.filters"]
    assert record["tuned"]["optimizer"]["lr"] == best["params"]["optimizer.lr"]


def test_test_images_have_no_part_in_a_search(arguments, tmp_path):
    search = SEARCH | {"keys": {"optimizer.lr": [0.01, 0.001]}, "epochs": 1}
    tuned(arguments, tmp_path / "without.json", search)
    (tmp_path / "scratch" / "journal.log").unlink()  # else no trial would be run again
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
    (tmp_path / "scratch" / "journal.log").unlink()
    in_time = {"method": "tpe", "keys": keys, "trials": 50, "minutes": 0.0001}
    tuned(arguments, tmp_path / "b.json", in_time)
    assert len(read_json(tmp_path / "b.json")) == 1
