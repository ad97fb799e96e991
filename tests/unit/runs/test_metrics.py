"""The metrics of a run: against numbers worked out by hand, scikit-learn, and a loop over bins."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy.special import log_softmax, softmax
from sklearn import metrics as skm
from statsmodels.stats.proportion import proportion_confint

from study.runs import predictions as predictions_module
from study.runs.chance import NO_BETTER, status_by_accuracy
from study.runs.confusion import confusion
from study.runs.metrics import (
    ACCURACY,
    METRICS,
    Answers,
    accuracy_interval,
    calibrated_metrics,
    classification_metrics,
    report_by_class,
    run_metrics,
    text_report,
)
from study.runs.predictions import ROLE_CODES, Predictions, no_predictions

LABELS = np.array([0, 0, 1, 1, 1, 2])
PREDICTED = np.array([0, 1, 1, 1, 2, 2])
CLASSES = ["cat", "dog", "frog"]


def log_probabilities(predicted, n_classes=3, share=0.8):
    table = np.full((len(predicted), n_classes), (1 - share) / (n_classes - 1))
    table[np.arange(len(predicted)), predicted] = share
    return np.log(table)


def test_metrics_are_those_of_the_definitions():
    metrics = classification_metrics(log_probabilities(PREDICTED), LABELS, CLASSES)
    assert metrics["n"] == 6
    assert metrics["overall_accuracy"] == pytest.approx(4 / 6)
    assert metrics["class_accuracy"] == pytest.approx({"cat": 1 / 2, "dog": 2 / 3, "frog": 1})
    assert metrics["macro_f1"] == pytest.approx((2 / 3 + 2 / 3 + 2 / 3) / 3)
    assert metrics["nll"] == pytest.approx(-(4 * math.log(0.8) + 2 * math.log(0.1)) / 6)


def test_a_class_without_images_has_no_accuracy():
    metrics = classification_metrics(log_probabilities(np.array([0])), np.array([0]), CLASSES)
    assert metrics["class_accuracy"] == {"cat": 1.0, "dog": None, "frog": None}


def test_the_text_report_has_the_form_of_the_first_study():
    metrics = classification_metrics(log_probabilities(PREDICTED), LABELS, CLASSES)
    assert text_report(metrics, confusion(LABELS, PREDICTED, 3)) == (
        "Class-wise Accuracy:\ncat: 0.5000\ndog: 0.6667\nfrog: 1.0000\n\n"
        "Overall Accuracy: 0.6667\n\n"
        "Confusion Matrix:\n[[1 1 0]\n [0 2 1]\n [0 0 1]]\n"
    )


@pytest.mark.parametrize("classes", [CLASSES, [*CLASSES, "absent"]])
def test_the_report_by_class_is_that_of_scikit_learn(classes):
    report = report_by_class(confusion(LABELS, PREDICTED, len(classes)), classes)
    theirs = skm.classification_report(
        *(LABELS, PREDICTED),
        labels=range(len(classes)),
        target_names=classes,
        output_dict=True,
        zero_division=0,
    )
    # Theirs is called "micro avg" where a class is absent.
    if "micro avg" in theirs:
        theirs["accuracy"] = theirs.pop("micro avg")["precision"]
    assert report["accuracy"] == report["classification_report"]["accuracy"] == 4 / 6
    ours = pd.json_normalize(report["classification_report"])
    pd.testing.assert_frame_equal(ours, pd.json_normalize(theirs), check_like=True)


@pytest.mark.parametrize("n_correct", [0, 1, 7])
def test_the_interval_of_an_accuracy_is_wilsons_also_at_its_ends(n_correct):
    answers = Answers(log_probabilities(1 * (np.arange(7) >= n_correct), 2), np.zeros(7, int))
    theirs = proportion_confint(n_correct, 7, method="wilson")
    assert accuracy_interval(answers) == pytest.approx(theirs)


def test_the_log_of_the_softmax_is_scipys():
    logits = np.random.default_rng(0).normal(0, 30, (50, 4)).astype(np.float32)
    assert (predictions_module.log_softmax(logits) == log_softmax(logits.astype(float), 1)).all()


def gap_over_bins(p, labels, edges):
    """Return the mean gap of accuracy and confidence, by a loop over bins with their upper ends."""
    confidence, right, gap = p.max(axis=1), p.argmax(axis=1) == labels, 0.0
    for low, high in itertools.pairwise(edges):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            gap += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return gap


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.parametrize("n_with_images", [4, 3])
def test_metrics_agree_with_scikit_learn(n_with_images):
    """Also where a class has no images, though some are taken for it."""
    random = np.random.default_rng(0)
    labels = random.integers(0, n_with_images, 500)
    logits = random.normal(0, 1, (500, 4))
    logits[np.arange(500), labels] += 1.2
    log_p = log_softmax(logits, axis=1)
    p, predicted, classes = np.exp(log_p), log_p.argmax(axis=1), range(4)
    low, high = proportion_confint((predicted == labels).sum(), 500, method="wilson")
    macro = {"average": "macro", "zero_division": 0}
    equal, many = np.linspace(0, 1, 16), np.quantile(p.max(axis=1), np.arange(1, 15) / 15)
    theirs = {
        "overall_accuracy": skm.accuracy_score(labels, predicted),
        "accuracy_low": low,
        "accuracy_high": high,
        "balanced_accuracy": skm.balanced_accuracy_score(labels, predicted),
        "macro_precision": skm.precision_score(labels, predicted, **macro),
        "macro_recall": skm.recall_score(labels, predicted, **macro),
        "macro_f1": skm.f1_score(labels, predicted, **macro),
        "auroc": np.mean([skm.roc_auc_score(labels == k, p[:, k]) for k in np.unique(labels)]),
        "top2_accuracy": skm.top_k_accuracy_score(labels, p, k=2, labels=classes),
        "nll": skm.log_loss(labels, p, labels=classes),
        "brier": ((p - np.eye(4)[labels]) ** 2).sum(axis=1).mean(),
        "ece": gap_over_bins(p, labels, equal),
        "ece_adaptive": gap_over_bins(p, labels, [0, *many, 1]),
        "nll_scaled": skm.log_loss(labels, softmax(logits / 2, axis=1), labels=classes),
        "ece_scaled": gap_over_bins(softmax(logits / 2, axis=1), labels, equal),
    }
    metrics = classification_metrics(log_p, labels, list("abcd"))
    metrics |= calibrated_metrics(logits, labels, 2)
    assert {name: metrics[name] for name in METRICS} == pytest.approx(theirs)


def predictions(*roles):
    """A run that takes every image for a cat."""
    return Predictions(
        np.tile(np.array([3.0, 0, 0], np.float32), (len(roles), 1)),
        np.array([ROLE_CODES[role] for role in roles], np.uint8),
    )


def test_a_run_is_measured_on_its_own_test_the_common_one_and_all_that_it_may_judge():
    run = predictions("train", "val", "test", "test", "unseen", "unseen")
    labels, pairs = np.array([0, 1, 2, 0, 1, 2]), np.array([[0, 4]])
    metrics = run_metrics(run, labels, CLASSES, np.array([2, 3, 5]), pairs)
    assert metrics["status"] == "ok"
    assert (metrics["n"], metrics["overall_accuracy"]) == (2, 0.5)
    assert metrics["common_test"]["n"] == 3
    assert metrics["common_test"]["overall_accuracy"] == pytest.approx(1 / 3)
    assert metrics["train"] == {"n": 1, "overall_accuracy": 1.0}
    assert metrics["val"] == {"n": 1, "overall_accuracy": 0.0}
    # Image 4 is nearly the same as one that was trained on.
    assert metrics["out_of_sample"] == {"n": 3, "overall_accuracy": pytest.approx(1 / 3)}
    assert metrics["temperature"] > 1 and metrics["nll_scaled"] < metrics["nll"]
    assert [name for name in metrics if name in METRICS] == list(METRICS)


@pytest.mark.parametrize(
    ("right", "labels", "status"),
    [
        (55, [0, 1] * 50, NO_BETTER),
        (65, [0, 1] * 50, "ok"),
        (90, [0] * 90 + [1] * 10, NO_BETTER),  # the largest class's share
        (99, [0] * 90 + [1] * 10, "ok"),
        (12, list(range(10)) * 10, NO_BETTER),
        (20, list(range(10)) * 10, "ok"),
        (0, [0, 1, 2], "ok"),  # too few to say
        (30, [0] * 30, NO_BETTER),
    ],
)
def test_a_run_that_learnt_nothing_is_no_better_than_chance(right, labels, status):
    correct = np.arange(len(labels)) < right
    n_classes = max(2, max(labels) + 1)
    assert status_by_accuracy(correct, np.array(labels), n_classes) == status


def test_guesses_that_are_alike_within_groups_are_no_better_than_chance():
    random, groups = np.random.default_rng(5), np.repeat(np.arange(20), 30)
    found = []
    for _ in range(300):
        labels, said = random.integers(2, size=(2, 20))[:, groups]
        found.append(status_by_accuracy(said == labels, labels, 2, groups) == "ok")
    assert np.mean(found) <= 0.08


def test_equally_probable_classes_share_the_two_first_places():
    certain = np.log(np.maximum(np.eye(4)[[1, 1, 2, 3]], 1e-30)).astype(np.float32)
    metrics = classification_metrics(certain, np.array([0, 1, 2, 3]), ["a", "b", "c", "d"])
    assert metrics[ACCURACY] == 0.75
    assert metrics["top2_accuracy"] == pytest.approx((3 + 1 / 3) / 4)


def test_a_run_that_saw_the_common_test_has_no_score_there():
    run = predictions("train", "test", "test")
    metrics = run_metrics(run, np.array([0, 1, 0]), CLASSES, np.array([0, 1]))
    assert metrics["common_test"] == {"n": 0, "class_accuracy": {}} | dict.fromkeys(METRICS)
    assert metrics["temperature"] is None and metrics["nll_scaled"] is None
    assert metrics["val"] == {"n": 0, "overall_accuracy": None}


def test_every_run_is_measured_on_images_for_testing_alone():
    run, apart = predictions("train", "val", "test", "unseen", "unseen"), np.array([3, 4])
    metrics = run_metrics(run, np.array([0, 1, 0, 0, 1]), CLASSES, np.array([2]), None, apart)
    assert (metrics["external_test"]["n"], metrics["external_test"]["overall_accuracy"]) == (2, 0.5)
    lost = no_predictions(run.roles, 3)
    lost = run_metrics(lost, np.array([0, 1, 0, 0, 1]), CLASSES, np.array([2]), None, apart)
    assert lost["external_test"].keys() == metrics["external_test"].keys()


def test_a_run_that_diverged_has_the_same_keys_and_no_numbers():
    labels, common = np.array([0, 1, 0]), np.array([1])
    roles = predictions("train", "val", "test").roles
    sound = run_metrics(predictions("train", "val", "test"), labels, CLASSES, common)
    lost = run_metrics(no_predictions(roles, 3), labels, CLASSES, common)
    assert lost.keys() == sound.keys() and lost["common_test"].keys() == sound["common_test"].keys()
    assert lost["status"] == "diverged" and not any(lost[name] for name in METRICS)
