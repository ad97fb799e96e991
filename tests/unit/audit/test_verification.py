"""The verifier finds what is wrong with files; another way of measuring agrees with ours."""

import hashlib

import numpy as np
import pytest
from oracle import judged_by, measured
from scipy.special import log_softmax

from study.audit.checks import (
    accuracy_without_near_duplicates,
    first_difference,
    problems,
    recorded_digests,
    roles_hold,
    splits_hold,
)
from study.runs.calibration import fit_temperature
from study.runs.metrics import calibrated_metrics, classification_metrics
from study.runs.predictions import Predictions, roles_in_run

CLASSES = ["cat", "dog", "fox", "owl"]


@pytest.fixture(scope="module")
def answers():
    random = np.random.default_rng(3)
    labels = random.integers(0, 3, 400)  # nothing is an owl, though some are called so
    logits = random.normal(0, 1, (400, 4)).astype(np.float32)
    logits[np.arange(400), labels] += 1
    return logits, labels


def test_two_ways_of_measuring_agree(answers):
    logits, labels = answers
    temperature = fit_temperature(logits, labels)
    ours = classification_metrics(log_softmax(logits.astype(float), axis=1), labels, CLASSES)
    ours |= calibrated_metrics(logits, labels, temperature)
    theirs = measured(logits, labels, CLASSES, temperature)
    assert theirs["accuracy"] == pytest.approx(ours["overall_accuracy"])
    for name in set(ours) - {"n", "overall_accuracy", "class_accuracy"}:
        assert theirs[name] == pytest.approx(ours[name], abs=1e-9), name
    assert theirs["recall_dog"] == pytest.approx(ours["class_accuracy"]["dog"]) and np.isnan(
        theirs["recall_owl"]
    )


def test_who_may_judge_is_found_alike_one_by_one():
    random = np.random.default_rng(0)
    parts = np.array_split(random.permutation(200), [60, 80, 100])
    roles = roles_in_run(200, dict(zip(("train", "val", "test"), parts, strict=False)))
    run = Predictions(np.zeros((200, 2), np.float32), roles)
    pairs = random.integers(0, 200, (30, 2))
    assert judged_by(run, pairs).tolist() == np.flatnonzero(run.may_judge(pairs)).tolist()


def test_near_duplicates_of_training_images_are_counted_and_left_out():
    roles = roles_in_run(
        5, {"train": np.array([0]), "val": np.array([1]), "test": np.array([2, 3, 4])}
    )
    logits = np.eye(2, dtype=np.float32)[[0, 0, 0, 1, 1]]
    run = Predictions(logits, roles)
    judged = run.may_judge(np.array([[0, 2]]))
    n, accuracy = accuracy_without_near_duplicates(
        run, np.array([0, 0, 0, 0, 1]), np.array([2, 3, 4]), judged
    )
    assert (n, accuracy) == (1, 0.5)  # 3 is wrong, 4 right


PARTITIONS = {"v1": np.array([0, 1, 2]), "v2": np.array([3, 4, 5])}
GOOD = {"train": np.array([0]), "val": np.array([1]), "test": np.array([2])}


@pytest.mark.parametrize(
    ("partitions", "split", "message"),
    [
        (PARTITIONS, GOOD, None),
        (PARTITIONS | {"v2": np.array([2, 3])}, GOOD, "image 2 is in v1 too"),
        (PARTITIONS | {"v2": np.array([3, 6])}, GOOD, "no image has number 6"),
        (PARTITIONS, GOOD | {"val": np.array([0])}, "an image has two roles"),
        (PARTITIONS, GOOD | {"val": np.array([4])}, "does not divide its partition"),
        (PARTITIONS, GOOD | {"val": np.array([], int)}, "does not divide its partition"),
    ],
)
def test_partitions_and_splits_that_leak_are_found(partitions, split, message):
    found = problems(splits_hold(partitions, {("v1", 42): split}, 6))
    assert [check.problem for check in found] == ([message] if message else [])


def test_roles_other_than_the_splits_are_found():
    run = Predictions(np.zeros((4, 2), np.float32), roles_in_run(4, GOOD))
    assert roles_hold(run, [GOOD]) == ""
    assert "image 1 and 1 more" in roles_hold(
        run, [GOOD | {"val": np.array([2]), "test": np.array([1])}]
    )


def test_files_that_changed_or_are_gone_are_found(tmp_path):
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("changed")
    digests = {name: hashlib.sha256(name.encode()).hexdigest() for name in "abc"}
    found = {
        check.subject.rpartition("/")[2]: check.problem
        for check in recorded_digests(digests, tmp_path, "x")
    }
    assert found["a"] == "" and "sha256 differs" in found["b"] and found["c"] == "is missing"
    (unrecorded,) = recorded_digests({"a": ""}, tmp_path, "x")
    assert "no recorded sha256" in unrecorded.problem


def test_recorded_numbers_are_held_against_those_computed_again():
    again = {
        "status": "ok",
        "n": 3,
        "accuracy": 1 / 3,
        "temperature": None,
        "common_test": {"nll": 2.0},
    }
    row = {
        "status": "ok",
        "n": 3,
        "accuracy": 0.333333,
        "temperature": float("nan"),
        "common_test": {"nll": 2.0, "sha256": "not computed"},
        "device": "cpu",
    }
    assert first_difference(row, again) == ""
    wrong = first_difference(row | {"accuracy": 0.34}, again)
    assert wrong.startswith("accuracy is 0.34, computed again 0.3333")
    assert "status is diverged" in first_difference(row | {"status": "diverged"}, again)
    assert "temperature" in first_difference(row | {"temperature": 1.0}, again)
    wrong = first_difference(row | {"common_test": {"nll": 2.1}}, again)
    assert wrong == "common_test nll is 2.1, computed again 2.0"
    assert first_difference({"status": "ok"}, again) == "it has no n"
