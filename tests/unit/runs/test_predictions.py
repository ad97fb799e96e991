"""Logits on disk, and what follows from them."""

import numpy as np
import pytest

from study.errors import StudyError
from study.runs.predictions import (
    Predictions,
    load_predictions,
    no_predictions,
    roles_in_run,
    save_predictions,
)


def test_images_that_are_left_out_have_no_part_and_are_judged_by_nobody():
    roles = roles_in_run(4, {"train": np.array([0]), "test": np.array([1, 2])})
    predictions = Predictions(np.zeros((4, 2), np.float32), roles)
    assert predictions.without(None) is predictions
    without = predictions.without(np.array([False, True, False, True]))
    assert without.has_role("test").tolist() == [False, False, True, False]
    assert without.may_judge().tolist() == [False, False, True, False]


def test_a_run_judges_what_it_has_not_seen_and_nothing_nearly_the_same():
    random = np.random.default_rng(0)
    train, val, test, _ = np.split(random.permutation(200), [60, 80, 120])
    roles = roles_in_run(200, {"train": train, "val": val, "test": test})
    pairs, seen = random.integers(0, 200, (30, 2)), {*train, *val}
    known = seen | {a for a, b in pairs if b in seen} | {b for a, b in pairs if a in seen}
    judged = Predictions(np.zeros((200, 2), np.float32), roles).may_judge(pairs)
    assert np.flatnonzero(judged).tolist() == sorted({*range(200)} - known)


def test_predictions_read_back_to_the_bit(tmp_path):
    logits = np.array([[1e-7, 30.0, 0.1]], np.float32)
    saved = Predictions(logits, roles_in_run(1, {"test": np.array([0])}))
    save_predictions(tmp_path / "p.npz", saved)
    loaded = load_predictions(tmp_path / "p.npz")
    assert loaded.logits.tobytes() == logits.tobytes() and loaded.roles.tolist() == [3]
    first = (tmp_path / "p.npz").read_bytes()
    save_predictions(tmp_path / "p.npz", saved)
    assert (tmp_path / "p.npz").read_bytes() == first


@pytest.mark.parametrize(
    ("logits", "roles", "complaint"),
    [
        ([[1, np.nan], [1, 2]], [3, 3], "a logit of image 0 is no finite number"),
        ([[1, 2], [np.inf, 2]], [3, 3], "a logit of image 1 is no finite number"),
        ([[1, 2], [-np.inf, 2]], [0, 3], "a logit of image 1 is no finite number"),
        ([1, 2], [3, 3], "expected float32, N×K"),
        ([[1, 2]], [3, 3], "the code of a role"),
        ([[1, 2]], [4], "the code of a role"),
    ],
)
def test_predictions_that_no_run_has_are_refused(tmp_path, logits, roles, complaint):
    made = Predictions(np.array(logits, np.float32), np.array(roles, np.uint8))
    save_predictions(tmp_path / "p.npz", made)
    with pytest.raises(StudyError, match=complaint):
        load_predictions(tmp_path / "p.npz")


def test_probabilities_near_one_keep_their_order():
    predictions = Predictions(
        np.array([[30.0, 0, 0], [31.0, 0, 0]], np.float32), np.zeros(2, np.uint8)
    )
    assert np.diff(predictions.log_probabilities()[:, 0])[0] > 0


def test_the_surest_mistakes_come_first_and_ties_in_order_of_image_id():
    logits = np.array(
        [[5, 0, 0], [0, 1, 0], [0, 9, 0], [0, 9, 0], [0, 30, 0], [0, 60, 0], [0, 99, 0]], np.float32
    )
    roles = np.array([3, 3, 3, 3, 3, 3, 1], np.uint8)
    labels = np.zeros(7, np.int64)
    assert Predictions(logits, roles).confident_mistakes(labels, "test").tolist() == [5, 4, 2, 3, 1]
    assert Predictions(logits, roles).confident_mistakes(labels, "train").tolist() == [6]
    assert no_predictions(roles, 3).confident_mistakes(labels, "test").tolist() == []
