"""Who may judge which image, and what runs take it for."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from study.report.gallery.answers import (
    MAY_JUDGE,
    PROBABILITY_STEPS,
    misclassified,
    most_confused_with,
    read_answers,
)
from study.runs.predictions import ROLE_CODES, Predictions, no_predictions

TRAIN, VAL, TEST, UNSEEN = (ROLE_CODES[role] for role in ("train", "val", "test", "unseen"))


def test_a_run_judges_what_neither_it_nor_a_near_duplicate_of_was_trained_or_validated_on():
    roles = np.array([TRAIN, VAL, TEST, UNSEEN, UNSEEN], np.uint8)
    labels = np.array([0, 0, 0, 1, 1])
    logits = np.array([[0, 1], [0, 1], [2, 0], [0, 3], [1, 0]], np.float32)
    runs = [Predictions(logits, roles), no_predictions(roles, 2)]
    answers = read_answers(runs, labels, 2, np.array([[0, 4]]))
    assert answers.judges.tolist() == [[False, False, True, True, False], [False] * 5]
    assert (answers.roles % MAY_JUDGE == roles).all()
    assert not misclassified(answers, labels).any()  # the wrong ones may not be judged
    assert misclassified(read_answers(runs, labels, 2), labels).tolist() == [False] * 4 + [True]
    assert answers.diverged.tolist() == [False, True] and answers.predicted[1].tolist() == [255] * 5
    assert not answers.judge_nothing()
    assert read_answers([no_predictions(roles, 2)], labels, 2).judge_nothing()


def test_an_image_is_confused_with_the_class_that_most_judges_take_it_for():
    labels = np.array([0, 0, 0])
    said = [[1, 0, 0], [2, 0, 0], [2, 0, 0], [1, 2, 0]]
    judges = [UNSEEN, UNSEEN, UNSEEN, TRAIN]
    runs = [
        Predictions(np.eye(3, dtype=np.float32)[one], np.full(3, role, np.uint8))
        for one, role in zip(said, judges, strict=True)
    ]
    assert most_confused_with(
        read_answers(runs, labels, 3), labels, 3, np.array([1, 1, -1])
    ).tolist() == [2, 1, -1]


@given(st.lists(st.floats(-8, 8, width=32), min_size=3, max_size=3))
def test_probabilities_are_off_by_a_quarter_of_a_percent_at_most(logits):
    run = Predictions(np.array([logits], np.float32), np.zeros(1, np.uint8))
    answers = read_answers([run], np.array([2]), 3)
    p = np.exp(run.log_probabilities())[0]
    for steps, exact in ((answers.confidence, p.max()), (answers.p_label, p[2])):
        assert abs(steps[0, 0] / PROBABILITY_STEPS - exact) <= 0.0025 + 1e-9
