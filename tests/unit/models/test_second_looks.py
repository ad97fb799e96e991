"""A second look shows the views that training showed, each once, and finds the nearest images."""

import numpy as np
import pytest
import torch
from torch import nn

from study.config.views import n_added, n_predicted
from study.data.embedding import directions
from study.models.build import build_model
from study.models.inference import Normalize, predict
from study.models.second_looks import answers_to, search_by_torch
from study.runs.second_looks import search_by_numpy

NORMALIZE = Normalize([0.5] * 3, [0.25] * 3)
IMAGES = np.random.default_rng(1).integers(0, 256, (600, 16, 16, 3), np.uint8)
ALL = np.ones(len(IMAGES), bool)
FLIP, CROP = {"name": "alternating_flip"}, {"name": "random_crop", "padding": 2}


class Counted(nn.Module):
    """A network that counts the images that it is shown."""

    def __init__(self):
        super().__init__()
        self.own, self.seen = build_model("cnn3", image_size=16, widths=[4] * 3, hidden=6), 0

    def forward(self, images):
        self.seen += len(images)
        return self.own(images)


@pytest.mark.parametrize(
    ("augment", "test_time", "views", "n_views"),
    [
        ([], "plain", None, 1),
        ([FLIP], "plain", "flip", 2),
        ([FLIP], "flip", None, 2),
        ([CROP], "flip", "flip_and_shift", 6),
        ([CROP, FLIP], "plain", "flip_and_shift", 6),
        ([CROP, FLIP], "flip", "flip_and_shift", 6),
        ([CROP, FLIP], "flip_and_shift", None, 6),
        ([], "flip_and_shift", None, 6),
    ],
)
def test_logits_are_means_over_the_views_of_training_and_no_view_is_computed_twice(
    augment, test_time, views, n_views
):
    model = Counted().eval()
    recipe = {"augment": augment, "test_time": test_time}
    said = answers_to(model, NORMALIZE, IMAGES, recipe, ALL, views=True, neighbours=False)
    assert model.seen == n_views * len(IMAGES) and said.directions is None
    assert n_predicted(recipe) == {"plain": 1, "flip": 2, "flip_and_shift": 6}[test_time]
    assert n_added(recipe) == n_views - n_predicted(recipe)
    for name, found in ((test_time, said.logits), (views, said.view_logits)):
        if name is None:
            assert found is None
        else:
            expected = predict(model, NORMALIZE, torch.from_numpy(IMAGES), views=name)
            assert np.array_equal(found, expected.numpy())


def test_more_views_are_only_computed_of_images_that_are_judged():
    model, recipe = Counted().eval(), {"augment": [CROP, FLIP]}
    judged = np.arange(len(IMAGES)) < 120
    one, every = (
        answers_to(model, NORMALIZE, IMAGES, recipe, who, views=True, neighbours=False)
        for who in (judged, ALL)
    )
    assert model.seen == (1 + 6) * len(IMAGES) + 5 * 120
    assert np.array_equal(one.view_logits[~judged], one.logits[~judged])
    assert np.allclose(one.view_logits[judged], every.view_logits[judged], atol=1e-5)


def test_only_what_is_added_is_computed_in_bfloat16():
    model = build_model("cnn3", image_size=16, widths=[8] * 3, hidden=6).eval()
    of_all = model, NORMALIZE, IMAGES, {"augment": [CROP]}, ALL
    exact, fast = (
        answers_to(*of_all, views=True, neighbours=True, bf16=bf16) for bf16 in (False, True)
    )
    assert np.array_equal(exact.logits, fast.logits)
    assert np.array_equal(exact.directions, fast.directions)
    assert fast.view_logits.dtype == np.float32
    assert not np.array_equal(exact.view_logits, fast.view_logits)
    assert np.allclose(exact.view_logits, fast.view_logits, atol=0.01)


def test_a_training_that_only_moves_images_has_them_judged_unmirrored():
    model = Counted().eval()
    recipe = {"augment": [CROP]}
    said = answers_to(model, NORMALIZE, IMAGES, recipe, ALL, views=True, neighbours=True)
    mirrored = answers_to(
        model, NORMALIZE, IMAGES, recipe | {"test_time": "flip"}, ALL, views=True, neighbours=False
    )
    assert model.seen == (3 + 6) * len(IMAGES) + 1  # one to find the head
    assert not np.array_equal(said.view_logits, mirrored.view_logits)
    inputs = []
    model.own.get_submodule("classifier")[-1].register_forward_pre_hook(
        lambda _, given: inputs.append(given[0])
    )
    predict(model, NORMALIZE, torch.from_numpy(IMAGES))
    assert np.array_equal(said.directions, directions(torch.cat(inputs).numpy()))


def test_heads_that_take_maps_have_features_too():
    model = nn.Sequential(nn.Conv2d(3, 5, 3), nn.Conv2d(5, 2, 1), nn.AdaptiveAvgPool2d(1))
    model = model.append(nn.Flatten()).eval()
    said = answers_to(model, NORMALIZE, IMAGES[:7], {}, ALL[:7], views=True, neighbours=True)
    assert said.directions.shape == (7, 5)


@pytest.mark.parametrize("k", [1, 4, 30])
def test_the_nearest_are_those_of_a_sort_and_ties_are_in_order(k):
    random = np.random.default_rng(k)
    points = directions(random.integers(0, 2, (90, 3)))  # few places: ties
    found = search_by_torch(torch.device("cpu"))(points[:30])(points[30:], k)
    cosine = points[30:].astype(np.float32) @ points[:30].astype(np.float32).T
    assert found.tolist() == np.argsort(-cosine, axis=1, kind="stable")[:, :k].tolist()
    untied = directions(random.normal(size=(90, 3)))
    one, other = (
        search(untied[:30])(untied[30:], k)
        for search in (search_by_torch(torch.device("cpu")), search_by_numpy)
    )
    assert one.tolist() == other.tolist()
