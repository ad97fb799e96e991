"""ROC and precision–recall curves: against scikit-learn's."""

import numpy as np
import pytest
from sklearn import metrics as skm

from study.runs.roc import GRID, MOST_CURVES, curves_of


def draw(n_classes, n=300, decimals=8):
    random = np.random.default_rng(0)
    labels = random.choice(
        n_classes, size=n, p=np.arange(1, n_classes + 1) / sum(range(n_classes + 1))
    )
    scores = random.normal(size=(n, n_classes))
    scores[np.arange(n), labels] += 1
    return np.round(scores, decimals), labels


@pytest.mark.parametrize("decimals", [8, 1])
def test_areas_and_curves_are_scikit_learns_also_with_ties(decimals):
    scores, labels = draw(4, decimals=decimals)
    values, areas = curves_of(scores, labels)
    for k in range(4):
        assert areas[0, 1 + k] == pytest.approx(skm.roc_auc_score(labels == k, scores[:, k]))
        assert areas[1, 1 + k] == pytest.approx(
            skm.average_precision_score(labels == k, scores[:, k])
        )
        false_rate, recall, _ = skm.roc_curve(labels == k, scores[:, k], drop_intermediate=False)
        reached = [recall[false_rate <= place + 1e-9].max() for place in GRID]
        assert values[0, 1 + k] == pytest.approx(reached)
        precision, recall, _ = skm.precision_recall_curve(labels == k, scores[:, k])
        # Theirs ends with precision 1 at recall 0, of no threshold.
        at = [precision[:-1][recall[:-1] >= place - 1e-9][-1] for place in GRID]
        assert values[1, 1 + k] == pytest.approx(at)
    assert areas[:, 0] == pytest.approx(areas[:, 1:].mean(axis=1))
    assert values[:, 0] == pytest.approx(values[:, 1:].mean(axis=1), abs=1e-6)


def test_a_class_without_images_or_without_others_has_no_curve():
    scores, labels = draw(3)
    values, areas = curves_of(scores, np.minimum(labels, 1))
    assert np.isnan(areas[:, 3]).all() and np.isnan(values[:, 3]).all()
    assert areas[:, 0] == pytest.approx(areas[:, 1:3].mean(axis=1))
    assert np.isnan(curves_of(scores, np.zeros(300, int)).areas).all()


@pytest.mark.parametrize("n_classes", [MOST_CURVES, 300])
def test_curves_of_a_run_are_small(n_classes):
    curves = curves_of(*draw(n_classes, n=600))
    assert len(curves.values[0]) == (1 + MOST_CURVES if n_classes == MOST_CURVES else 1)
    assert sum(part.nbytes for part in curves) < 10_000
