"""Whether probabilities are as good as they claim to be: by hand, and by the log loss."""

import math

import numpy as np
import pytest
from scipy.special import log_softmax, softmax
from sklearn import metrics as skm

from study.errors import StudyError
from study.runs.calibration import (
    adaptive_edges,
    equal_width_edges,
    expected_calibration_error,
    fit_temperature,
    reliability,
)
from study.runs.metrics import calibrated_metrics, classification_metrics


@pytest.fixture(scope="module")
def answers():
    """Log probabilities of 500 images of 4 classes that are too sure of themselves, and labels."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 4, 500)
    logits = random.normal(0, 1, (500, 4))
    logits[np.arange(500), labels] += 1.2
    return 3 * logits, labels


def test_the_calibration_error_is_the_weighted_gap_of_the_bins():
    confidence = np.array([0.55, 0.58, 0.95, 0.97, 0.99, 1.0])
    correct = np.array([True, False, True, True, True, False])
    # Bins of a tenth: (0.5, 0.6] has 2 of 6 images, 50 % right at 56.5 %; (0.9, 1] has 4, 75 %
    # right at 97.75 %.
    tenths = np.linspace(0, 1, 11)
    error = expected_calibration_error(confidence, correct, tenths)
    assert error == pytest.approx(2 / 6 * 0.065 + 4 / 6 * 0.2275)
    count, _, accuracy = reliability(confidence, correct, tenths)
    assert (
        list(count) == [0, 0, 0, 0, 0, 2, 0, 0, 0, 4]
        and np.isnan(accuracy[0])
        and accuracy[9] == 0.75
    )
    assert math.isnan(expected_calibration_error(confidence[:0], correct[:0], equal_width_edges()))


def test_adaptive_bins_hold_equally_many_images():
    confidence = np.random.default_rng(1).beta(5, 1, 150)
    count, *_ = reliability(confidence, confidence > 0, adaptive_edges(confidence))
    assert list(count) == [10] * 15


def test_the_temperature_minimises_the_log_loss_and_calibrates(answers):
    logits, labels = answers
    temperature = fit_temperature(logits, labels)
    losses = {
        t: skm.log_loss(labels, softmax(logits / t, axis=1))
        for t in (0.9 * temperature, temperature, 1.1 * temperature)
    }
    assert min(losses, key=losses.get) == temperature and temperature > 1.5
    before = classification_metrics(log_softmax(logits, axis=1), labels, list("abcd"))
    after = calibrated_metrics(logits, labels, temperature)
    assert (
        after["nll_scaled"] == pytest.approx(losses[temperature])
        and after["ece_scaled"] < before["ece"] / 2
    )
    with pytest.raises(StudyError, match="validation images"):
        fit_temperature(logits[:0], labels[:0])


def test_few_images_that_are_all_right_make_no_answer_certain():
    labels = np.arange(35) % 4
    logits = np.eye(4)[labels] * 3.0
    few = fit_temperature(logits, labels)
    assert 0.4 < few < 1
    # By the log loss alone it would be as near 0 as the search goes; many images have their way.
    assert fit_temperature(np.tile(logits, (300, 1)), np.tile(labels, 300)) < few / 2
