"""Averages of weights over the steps of a training."""

import pytest
import torch
from small_trainings import make_image_set, same, trainer

from study.training.ema import MovingAverage


@pytest.fixture(scope="module")
def image_set():
    return make_image_set()


def test_the_average_of_the_weights_is_the_exponential_one(image_set):
    plain, averaged = trainer(image_set, epochs=1), trainer(image_set, epochs=1, ema=0.9)
    seen = []
    step = averaged.step.average.update
    averaged.step.average.update = lambda model: (
        seen.append(model.classifier.bias.detach().clone()),
        step(model),
    )
    plain.run()
    averaged.run()
    assert same(plain.model.state_dict(), averaged.model.state_dict())
    expected = seen[0]
    for value in seen[1:]:
        expected = 0.9 * expected + 0.1 * value
    torch.testing.assert_close(averaged.evaluated.classifier.bias, expected)


def test_the_average_takes_shared_weights_once_and_buffers_that_are_not_saved():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    model[1].weight = model[0].weight
    model.register_buffer("scale", torch.zeros(1), persistent=False)
    average = MovingAverage(model, 0.9)
    with torch.no_grad():
        for value in (1.0, 2.0):
            model[0].weight.fill_(value)
            model.scale.fill_(value)
            average.update(model)
    torch.testing.assert_close(average.module[1].weight.detach(), torch.full((2, 2), 1.1))
    torch.testing.assert_close(average.module.scale, torch.tensor([1.1]))
