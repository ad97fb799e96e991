"""Measures of classes as means over images: scikit-learn's values, and the variance they have."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn import metrics as skm

from study.comparison.difference import difference_row, images_of
from study.runs.linearised import auroc_values, macro_f1_values

UNEVEN = (0.7, 0.2, 0.1)


def draw(random, n, shares=UNEVEN, strength=(1.2, 1.6)):
    """Return labels, and the probabilities of two models that are right on much the same images."""
    labels = random.choice(len(shares), size=n, p=shares)
    common = random.normal(0, 0.6, (n, len(shares)))
    tables = [common + random.normal(0, 0.8, common.shape) for _ in strength]
    for table, more in zip(tables, strength, strict=True):
        table[np.arange(n), labels] += more
    return labels, [softmax(table, axis=1) for table in tables]


def f1_values(probabilities, labels):
    return macro_f1_values(labels, probabilities.argmax(axis=1), probabilities.shape[1])


MEASURES = {"macro F1": f1_values, "AUROC": auroc_values}


@pytest.mark.parametrize("shares", [UNEVEN, (0.9, 0.1), (0.1,) * 10])
def test_their_means_are_those_of_scikit_learn(shares):
    labels, (p, _) = draw(np.random.default_rng(0), 400, shares)
    p = np.round(p, 1)  # many ties
    f1 = skm.f1_score(labels, p.argmax(axis=1), average="macro")
    assert f1_values(p, labels).mean() == pytest.approx(f1)
    areas = [skm.roc_auc_score(labels == k, p[:, k]) for k in range(len(shares))]
    assert auroc_values(p, labels).mean() == pytest.approx(np.mean(areas))


def test_of_two_classes_it_is_the_usual_area_and_its_variance_delongs():
    labels, (p, _) = draw(np.random.default_rng(1), 60, (0.85, 0.15))
    values, m = auroc_values(p, labels), labels.sum()
    assert values.mean() == pytest.approx(skm.roc_auc_score(labels, p[:, 1]))
    wins = (p[labels == 1, 1][:, None] > p[labels == 0, 1]) * 1.0
    delong = wins.mean(1).var(ddof=1) / m + wins.mean(0).var(ddof=1) / (60 - m)
    assert images_of([values], [np.arange(60)]).once.variance == pytest.approx(delong)


def test_only_classes_with_images_count_and_one_class_alone_has_no_area():
    labels, (p, _) = draw(np.random.default_rng(2), 200, (0.6, 0.4))
    more = np.column_stack([0.9 * p, np.full(200, 0.1)])
    for values in MEASURES.values():
        assert values(more, labels) == pytest.approx(values(p, labels))
    assert np.isnan(auroc_values(p, np.zeros(200, int))).all()
    # What is never right and often named is a class of F1 0.
    named = np.where(np.arange(200) < 50, 2, labels)
    expected = skm.f1_score(labels, named, average="macro")
    assert macro_f1_values(labels, named, 4).mean() == pytest.approx(expected)


@pytest.mark.parametrize("measure", MEASURES)
def test_the_error_of_a_difference_is_that_of_drawing_images_again(measure):
    random, values = np.random.default_rng(3), MEASURES[measure]
    labels, (a, b) = draw(random, 500)
    row = difference_row([values(b, labels) - values(a, labels)], [np.arange(500)])
    drawn = [random.integers(500, size=500) for _ in range(400)]
    gaps = [values(b[i], labels[i]).mean() - values(a[i], labels[i]).mean() for i in drawn]
    assert row["error"] == pytest.approx(np.std(gaps), rel=0.1)


@pytest.mark.parametrize("measure", MEASURES)
def test_the_interval_of_a_difference_holds_the_truth(measure):
    random, values = np.random.default_rng(4), MEASURES[measure]
    labels, tables = draw(random, 50_000)
    truth = np.subtract(*(values(p, labels).mean() for p in reversed(tables)))
    held = []
    for _ in range(300):
        labels, (a, b) = draw(random, 150)
        row = difference_row([values(b, labels) - values(a, labels)], [np.arange(150)])
        held.append(row["low"] <= truth <= row["high"])
    assert 0.92 <= np.mean(held) <= 0.99
