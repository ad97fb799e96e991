"""Classifiers on stored features: what scikit-learn says of them, twice the same."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from study.errors import StudyError
from study.training import probes
from study.training.probes import DEFAULT_PENALTY, PENALTIES, fit, log_loss

N, D = 400, 12


def made_up(n_classes: int):
    """Return features, float16, of overlapping classes, one of them constant; labels and parts."""
    random = np.random.default_rng(n_classes)
    labels = np.arange(N) % n_classes
    features = (random.normal(size=(n_classes, D))[labels] + random.normal(size=(N, D))) * 5 + 3
    features[:, 4] = 1
    ids = np.array_split(random.permutation(N), 4)
    return features.astype(np.float16), labels, {"train": ids[0], "val": ids[1]}


def softmax(logits):
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponents / exponents.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("n_classes", [2, 5])
def test_a_probe_is_the_regression_with_the_penalty_that_is_best_on_validation_images(
    n_classes, monkeypatch
):
    monkeypatch.setattr(probes, "_TOLERANCE", 1e-5)
    features, labels, ids = made_up(n_classes)
    probe = fit({"name": "probe"}, features, labels, n_classes, ids)
    losses = {}
    for penalty in PENALTIES:
        model = LogisticRegression(C=1 / (penalty * len(ids["train"])), max_iter=1000, tol=1e-5)
        model = make_pipeline(StandardScaler(), model)
        model.fit(features[ids["train"]].astype(float), labels[ids["train"]])
        probabilities = model.predict_proba(features.astype(float))
        losses[penalty] = -np.log(probabilities[ids["val"], labels[ids["val"]]]).mean()
        if penalty == probe.facts["penalty"]:
            assert np.allclose(softmax(probe.logits), probabilities, atol=2e-3)
    assert probe.facts["penalty"] == min(losses, key=losses.get)
    assert log_loss(probe.logits[ids["val"]], labels[ids["val"]]) == pytest.approx(
        min(losses.values()), abs=1e-3
    )
    assert np.allclose(
        features.astype(np.float32) @ probe.arrays["weight"].T + probe.arrays["bias"],
        probe.logits,
        atol=1e-4,
    )


def test_without_validation_images_a_probe_takes_the_default_penalty():
    features, labels, ids = made_up(3)
    probe = fit({"name": "probe"}, features, labels, 3, ids | {"val": ids["val"][:0]})
    assert probe.facts["penalty"] == DEFAULT_PENALTY


def test_neighbours_vote_by_the_cosine():
    features, labels, ids = made_up(4)
    found = fit({"name": "neighbours", "k": 7}, features, labels, 4, ids)
    model = KNeighborsClassifier(7, metric="cosine")
    model.fit(features[ids["train"]].astype(float), labels[ids["train"]])
    shares = model.predict_proba(features.astype(float))
    assert np.allclose(softmax(found.logits), (7 * shares + 1 / 4) / 8, atol=1e-6)
    assert np.isfinite(found.logits).all()


@pytest.mark.parametrize("name", ["probe", "neighbours"])
def test_a_second_fit_has_the_same_bits_and_test_images_decide_nothing(name):
    features, labels, ids = made_up(3)
    first = fit({"name": name}, features, labels, 3, ids)
    seen = np.concatenate(list(ids.values()))
    other = np.setdiff1d(np.arange(N), seen)
    features[other], labels[other] = 0, 0
    again = fit({"name": name}, features, labels, 3, ids)
    assert first.logits[seen].tobytes() == again.logits[seen].tobytes()
    assert all(first.arrays[key].tobytes() == again.arrays[key].tobytes() for key in first.arrays)


@pytest.mark.parametrize(
    ("architecture", "n", "fragment"),
    [
        ({"name": "neighbours", "k": 500}, 100, "k is 500, and the run has 100 training images"),
        ({"name": "neighbours"}, 19, "k is 20, and the run has 19 training images"),
        ({"name": "probe"}, 1, "no training image has the label"),
    ],
)
def test_too_few_training_images_are_said_in_one_line(architecture, n, fragment):
    features, labels, ids = made_up(2)
    with pytest.raises(StudyError, match=fragment):
        fit(architecture, features, labels, 2, ids | {"train": ids["train"][:n]})
