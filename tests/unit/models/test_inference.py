"""Networks' answers: normalised input, views at test time, batches."""

import numpy as np
import pytest
import torch
from small_trainings import make_image_set, trainer

from study.models.build import build_recipe_model
from study.models.inference import Classifier, Normalize, mean_probabilities, predict


@pytest.fixture(scope="module")
def image_set():
    return make_image_set()


def test_normalisation_is_the_formula_and_channels_last():
    images = torch.randint(0, 256, (5, 8, 6, 3), dtype=torch.uint8)
    mean, std = [0.1, 0.2, 0.3], [0.5, 0.25, 1.0]
    out = Normalize(mean, std)(images)
    expected = (images.double() / 255 - torch.tensor(mean).double()) / torch.tensor(std).double()
    assert out.shape == (5, 3, 8, 6)
    torch.testing.assert_close(out.double(), expected.permute(0, 3, 1, 2), atol=1e-5, rtol=1e-5)
    assert out.is_contiguous(memory_format=torch.channels_last)


def test_test_time_views_are_means_over_flips_and_shifts(image_set):
    learner = trainer(image_set, epochs=1)
    model, images = learner.model, image_set.images
    mirrored = images.flip(2)
    plain, other = (predict(model, learner.step.normalize, x) for x in (images, mirrored))
    torch.testing.assert_close(
        predict(model, learner.step.normalize, images, views="flip"), (plain + other) / 2
    )
    inner = torch.nn.functional.pad(
        images.permute(0, 3, 1, 2).float(), (1, 1, 1, 1), mode="reflect"
    ).byte()
    moved = [inner[:, :, i : i + 32, i : i + 32].permute(0, 2, 3, 1) for i in (0, 2)]
    shifted = [predict(model, learner.step.normalize, x, views="flip") for x in moved]
    expected = (plain + other) / 4 + (shifted[0] + shifted[1]) / 4
    torch.testing.assert_close(
        predict(model, learner.step.normalize, images, views="flip_and_shift"), expected
    )


def test_predictions_do_not_depend_on_the_batch(image_set):
    learner = trainer(image_set, epochs=1)
    whole, parts = (
        torch.cat([predict(learner.model, learner.step.normalize, part) for part in split])
        for split in ([image_set.images], image_set.images.split(7))
    )
    assert whole.dtype == torch.float32
    torch.testing.assert_close(whole, parts)


@pytest.mark.parametrize(("side", "size", "most"), [(32, 32, 500), (224, 224, 10), (32, 224, 10)])
def test_of_large_images_fewer_are_predicted_at_once(side, size, most):
    normalize = {"mean": [0.5] * 3, "std": [0.5] * 3}
    recipe = {"architecture": {"name": "cnn2", "filters": 2}, "normalize": normalize}
    recipe |= {"input_size": size} if size != side else {}
    model = build_recipe_model(recipe, num_classes=3, image_shape=(side, side, 3))
    taken = []
    model.register_forward_pre_hook(lambda _, given: taken.append(len(given[0])))
    classifier = Classifier(model, recipe, None).eval()
    images = np.zeros((2 * most + 1, side, side, 3), np.uint8)
    assert mean_probabilities([classifier], images, torch.device("cpu")).shape == (len(images), 3)
    assert max(taken) == most and sum(taken) == len(images)
