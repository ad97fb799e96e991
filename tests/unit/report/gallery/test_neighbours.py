"""Who is near."""

import numpy as np
import pytest

from study.files import write_json
from study.report.gallery.answers import MAY_JUDGE, read_answers
from study.report.gallery.neighbours import nearest_of_class, what_misled
from study.runs.predictions import Predictions, save_predictions
from study.runs.run import ACCURACY, Run
from study.runs.second_looks import BEHIND, SecondLook


@pytest.mark.parametrize("n_classes", [2, 20])  # searched by a tree, and by all pairs
def test_neighbours_are_those_of_a_search_over_all_pairs(n_classes):
    random = np.random.default_rng(1)
    logits = random.normal(size=(300, n_classes)).astype(np.float32)
    labels, pool = random.integers(0, 3, 300), random.random(300) < 0.7
    pool &= labels != 2
    pool[np.flatnonzero(labels == 2)[:2]] = True
    ids, wanted = np.arange(0, 300, 2), random.integers(-1, 3, 150)
    found = nearest_of_class(logits, labels, pool, ids, wanted, 4)
    for image, label, near in zip(ids, wanted, found, strict=True):
        others = np.flatnonzero(pool & (labels == label) & (np.arange(300) != image))
        distance = np.linalg.norm(logits[others].astype(float) - logits[image], axis=1)
        expected = others[np.argsort(distance)][:4].tolist()
        assert near.tolist() == expected + [-1] * (4 - len(expected))


def test_an_image_of_equal_logits_is_a_neighbour_and_the_image_itself_is_not():
    near = nearest_of_class(
        np.zeros((5, 2)), np.zeros(5, int), np.ones(5, bool), np.arange(5), np.zeros(5, int), 3
    )
    assert all(image not in row and -1 not in row for image, row in enumerate(near))


def test_what_misled_is_what_the_best_run_saw_that_takes_the_image_for_what_most_do(tmp_path):
    labels, roles = np.array([0, 0, 1, 1]), np.uint8([3, 3, 1, 1])
    runs = []
    # The better run is mistaken about image 0 alone; of equally good ones the one with more images
    # comes first; the best one kept nothing.
    kinds = (0.6, 9, [0, 1], 1), (0.6, 10, [0, 1], 2), (0.8, 5, [0], 3), (0.9, 5, [0, 1], None)
    for accuracy, n_val, wrong, kept in kinds:
        said = labels.copy()
        said[wrong] = 1
        behind = np.full((len(wrong), 2, BEHIND), -1, np.int32)
        behind[:, 0, 0] = kept or 0
        look = SecondLook(None, np.zeros((4, 2), np.uint8), np.array(wrong, np.int32), behind)
        run = Run("v1", "m", len(runs), tmp_path / f"v1/m/seed{len(runs)}")
        run.folder.mkdir(parents=True)
        predictions = Predictions(np.eye(2, dtype=np.float32)[said], roles)
        save_predictions(run.folder / "predictions.npz", predictions, look if kept else None)
        write_json(run.folder / "metrics.json", {"val": {"n": n_val, ACCURACY: accuracy}})
        runs.append(run)
    answers = read_answers((run.predictions() for run in runs), labels, 2)
    by, near = what_misled(runs, answers, labels, np.array([1, 0, 2]), np.array([1, 1, 0]))
    assert by.tolist() == [1, 2, -1]
    assert near[:, 0, 0].tolist() == [2, 3, -1] and (near[:, 1] == -1).all()
    answers.roles[2, 0] -= MAY_JUDGE  # as one that has seen a near-duplicate
    by, _ = what_misled(runs, answers, labels, np.array([1, 0]), np.array([1, 1]))
    assert by.tolist() == [1, 1]


def test_what_is_nearest_of_a_label_is_not_shown_once_the_label_is_corrected(tmp_path):
    labels, roles = np.array([0, 0, 0, 1, 2]), np.uint8([3, 3, 1, 1, 1])
    behind = np.full((2, 2, BEHIND), -1, np.int32)
    behind[:, :, 0] = [3, 2]  # of the class that the run says, and of the label
    look = SecondLook(None, np.zeros((5, 3), np.uint8), np.array([0, 1], np.int32), behind)
    run = Run("v1", "m", 1, tmp_path / "v1/m/seed1")
    run.folder.mkdir(parents=True)
    said = Predictions(np.eye(3, dtype=np.float32)[[1, 1, 0, 1, 2]], roles)
    save_predictions(run.folder / "predictions.npz", said, look)
    write_json(run.folder / "metrics.json", {"val": {"n": 0, ACCURACY: None}})
    labels[1] = 2
    answers = read_answers([said], labels, 3)
    by, near = what_misled([run], answers, labels, np.array([0, 1]), np.array([1, 1]))
    assert by.tolist() == [0, 0] and near[:, :, 0].tolist() == [[3, 2], [3, -1]]
