"""What `make time-to-accuracy` works out from stored runs and measured rates."""

import pytest
from benchmarks.time_to_accuracy import Goal, StoredRun, first_epoch, read_goal, time_to_accuracy
from conftest import ROOT

from study.errors import StudyError
from study.files import read_yaml

GOAL = Goal("resnet18", "official", 0.8, epochs=5, parameters=100, curve=[])


def stored(name, curve, parameters=100, combo="official", architecture="cnn2"):
    record = {"n_train": 1000, "parameters": parameters, "recipe": {}}
    record["recipe"]["architecture"] = {"name": architecture}
    return StoredRun(combo, name, record, curve)


def row_of(*runs):
    rates = {(run.combo, run.name): 100.0 for run in runs} | {("official", "quick"): 400.0}
    return time_to_accuracy({"S": GOAL}, runs, {"resnet18": 20.0}, rates).iloc[0]


def test_the_first_epoch_that_reaches_the_accuracy_counts():
    assert first_epoch([0.7, 0.8, 0.75, 0.9], 0.8) == 2
    assert first_epoch([0.7, 0.79999], 0.8) is None


def test_seconds_are_images_over_rates_and_the_fastest_recipe_is_taken():
    row = row_of(stored("slow", [0.7, 0.8, 0.9]), stored("quick", [0.1] * 3 + [0.81]))
    assert row["recipe"] == "quick" and row["epochs"] == 4 and row["reached"] == 0.81
    assert row["authors_seconds"] == 5 * 1000 / 20 and row["seconds"] == 4 * 1000 / 400
    assert row["times_as_fast"] == 25


def test_a_larger_network_another_combo_and_a_lower_accuracy_do_not_count():
    fair = stored("fair", [0.5, 0.5, 0.8])
    unfair = [
        stored("large", [0.9], parameters=101),
        stored("other", [0.9], combo="v1"),
        stored("low", [0.7]),
    ]
    assert row_of(fair, *unfair)["recipe"] == "fair"
    with pytest.raises(StudyError, match="S: no run on official reaches 80"):
        row_of(*unfair)
    large = stored("our own", [0.9], parameters=101, architecture="fastnet")
    assert row_of(fair, large)["recipe"] == "our own"


def test_goals_are_final_accuracies_and_end_where_the_authors_curve_first_reaches_them():
    published = read_yaml(ROOT / "config/published.yaml")
    goals = [read_goal(system) for system in published.values()]
    assert [(goal.combo, round(goal.accuracy, 4), goal.epochs) for goal in goals] == [
        ("v1+v2+v3", 0.7003, 5),
        ("v1", 0.6558, 10),
        ("official", 0.8954, 17),
        ("official", 0.8459, 67),
        ("official", 0.9307, 24),
    ]
