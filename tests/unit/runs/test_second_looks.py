"""What a run says on a second look: its neighbours are those of a plain search, and fit the run."""

import numpy as np
import pytest

from study.data.embedding import DIMENSIONS, directions
from study.errors import StudyError
from study.runs.predictions import Predictions, load_predictions, save_predictions
from study.runs.second_looks import BEHIND, SecondLook, load_second_look, with_neighbours

K, N = 3, 120
RANDOM = np.random.default_rng(4)
LABELS = RANDOM.integers(0, K, N)
ROLES = RANDOM.permutation(np.repeat(np.uint8([0, 1, 2, 3]), N // 4))
FEATURES = RANDOM.normal(size=(N, 5)) + 2 * np.eye(5)[LABELS]
RUN = Predictions(RANDOM.normal(size=(N, K)).astype(np.float32), ROLES)


def test_neighbours_are_the_training_images_of_the_largest_cosine():
    rows = directions(FEATURES)
    look = with_neighbours(SecondLook(), rows, LABELS, RUN)
    train, k = np.flatnonzero(ROLES == 1), 2  # of thirty images of three classes
    cosine = rows.astype(np.float32) @ rows[train].astype(np.float32).T
    order = train[np.argsort(-cosine, axis=1, kind="stable")]
    predicted, judged = RUN.logits.argmax(axis=1), (ROLES == 0) | (ROLES == 3)
    for image in range(N):
        expected = np.bincount(LABELS[order[image, :k]], minlength=K) * judged[image]
        assert look.near_labels[image].tolist() == expected.tolist()
    assert look.mistaken.tolist() == np.flatnonzero(judged & (predicted != LABELS)).tolist()
    for image, behind in zip(look.mistaken, look.behind, strict=True):
        for label, found in zip((predicted[image], LABELS[image]), behind, strict=True):
            own = order[image][LABELS[order[image]] == label]
            assert found.tolist() == own[:BEHIND].tolist()
    share = look.disagreement(LABELS)
    assert np.array_equal(np.isnan(share), ~judged)
    assert np.nanmin(share) == 0 and np.nanmax(share) == 1


def test_a_class_without_training_images_has_nothing_behind_a_mistake():
    labels = np.where(ROLES == 1, 0, LABELS)
    behind = with_neighbours(SecondLook(), directions(FEATURES), labels, RUN).behind
    assert set(labels[behind[behind >= 0]]) == {0} and (behind == -1).any()


def test_many_features_are_projected_and_stay_as_alike_as_they_were():
    wide = RANDOM.normal(size=(40, 3000)) + 3 * RANDOM.normal(size=(40, 1))
    rows = directions(wide).astype(float)
    assert rows.shape == (40, DIMENSIONS) and np.array_equal(directions(wide), directions(wide))
    unit = wide / np.linalg.norm(wide, axis=1, keepdims=True)
    assert np.abs(rows @ rows.T - unit @ unit.T).max() < 0.2
    assert not directions(np.zeros((1, 4))).any()


def test_it_is_read_as_it_was_saved_and_older_files_say_nothing(tmp_path):
    look = with_neighbours(SecondLook(RUN.logits + 1), directions(FEATURES), LABELS, RUN)
    save_predictions(tmp_path / "p.npz", RUN, look)
    for saved, read in zip(look, load_second_look(tmp_path / "p.npz"), strict=True):
        assert saved.dtype == read.dtype and np.array_equal(saved, read)
    assert np.array_equal(load_predictions(tmp_path / "p.npz").logits, RUN.logits)
    save_predictions(tmp_path / "old.npz", RUN)
    assert load_second_look(tmp_path / "old.npz") == SecondLook()


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ({"view_logits": np.full((N, K), np.nan, np.float32)}, "view_logits are not finite"),
        ({"near_labels": np.zeros((N, K + 1), np.uint8)}, "near_labels are no uint8"),
        ({"near_labels": np.zeros((N, K), np.uint8)}, "expected mistaken, M, and behind"),
        ({"behind": np.full((1, 2, BEHIND), N, np.int32)}, f"no number below {N}"),
        ({"behind": np.full((1, 2, BEHIND), -2, np.int32)}, "an image_id is negative"),
        ({"behind": np.zeros((1, 2, BEHIND))}, "no int32"),
    ],
)
def test_what_no_run_says_is_refused(tmp_path, wrong, what):
    fitting = {"near_labels": np.zeros((N, K), np.uint8), "mistaken": np.zeros(1, np.int32)}
    known = fitting if "behind" in wrong else {}
    save_predictions(tmp_path / "p.npz", RUN, SecondLook(**known | wrong))
    with pytest.raises(StudyError, match=what):
        load_second_look(tmp_path / "p.npz")
