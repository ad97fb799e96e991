"""Statistics of training images over the epochs, against their definitions on all logits."""

import numpy as np
import pytest
import torch

from study.training.dynamics import Dynamics


@pytest.fixture(scope="module")
def record():
    """Logits of 7 images of 3 classes in 6 epochs."""
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (6, 7, 3)).astype(np.float32)
    labels = np.array([0, 1, 2, 0, 1, 2, 0])
    logits[:, 0, 0] = 9  # always right
    logits[:, 1, 1] = -9  # never
    return logits, labels


def watched(record, epochs) -> Dynamics:
    logits, labels = record
    dynamics = Dynamics(len(labels), torch.device("cpu"))
    for epoch in epochs:
        order = torch.randperm(len(labels))
        for positions in order.split(3):
            dynamics.see(
                positions,
                torch.from_numpy(logits[epoch])[positions],
                torch.from_numpy(labels)[positions],
                epoch + 1,
            )
    return dynamics


def test_statistics_are_the_definitions(record):
    logits, labels = record
    table = watched(record, range(6)).table()
    images = np.arange(7)
    probability = (np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True))[:, images, labels]
    right = logits.argmax(axis=2) == labels
    others = logits.copy()
    others[:, images, labels] = -np.inf
    margin = logits[:, images, labels] - others.max(axis=2)
    assert table["confidence"] == pytest.approx(probability.mean(axis=0), abs=1e-6)
    assert table["variability"] == pytest.approx(probability.std(axis=0), abs=1e-6)
    assert table["correctness"] == pytest.approx(right.mean(axis=0))
    assert table["aum"] == pytest.approx(margin.mean(axis=0), abs=1e-5)
    assert list(table["forgetting"]) == list((right[:-1] & ~right[1:]).sum(axis=0))
    first = [next((e + 1 for e in range(6) if right[e, i]), 0) for i in images]
    assert list(table["first_learnt"]) == first
    assert first[0] == 1 and first[1] == 0 and table["forgetting"].sum() > 0


def test_statistics_go_on_from_their_state(record):
    half = watched(record, range(3)).state_dict()
    dynamics = Dynamics(7, torch.device("cpu"))
    dynamics.load_state_dict(half)
    logits, labels = record
    for epoch in range(3, 6):
        dynamics.see(
            torch.arange(7), torch.from_numpy(logits[epoch]), torch.from_numpy(labels), epoch + 1
        )
    for name, values in watched(record, range(6)).table().items():
        assert np.allclose(dynamics.table()[name], values), name
