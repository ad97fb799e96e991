"""Grad-CAM: the written formula, batches, and models left as they were."""

import copy

import numpy as np
import pytest
import torch
from scipy.ndimage import zoom
from torch import nn

from study.config.architectures import architectures
from study.models import gradcam
from study.models.build import build_model
from study.models.gradcam import grad_cam, gradcam_maps
from study.models.inference import Normalize


class Tiny(nn.Module):
    """Two convolutions, rectified in place, and a head that is not linear."""

    def __init__(self):
        super().__init__()
        self.first, self.second = (
            nn.Conv2d(2, 3, 3, stride=2, padding=1),
            nn.Conv2d(3, 4, 3, padding=1),
        )
        self.rectify = nn.ReLU(inplace=True)
        self.norm, self.dropout = nn.BatchNorm2d(4), nn.Dropout(0.5)
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(4 * 4 * 5, 6), nn.Tanh(), nn.Linear(6, 3))

    def after_first(self, maps):
        return self.after_second(self.second(self.rectify(maps.clone())))

    def after_second(self, maps):
        return self.head(self.dropout(self.norm(self.rectify(maps.clone()))))

    def forward(self, images):
        return self.head(
            self.dropout(self.norm(self.rectify(self.second(self.rectify(self.first(images))))))
        )


@pytest.fixture
def tiny() -> Tiny:
    torch.manual_seed(3)
    return Tiny()


IMAGES = torch.randn(5, 2, 8, 10, generator=torch.Generator().manual_seed(1))
CLASSES = torch.tensor([[0, 1], [2, 0], [1, 1], [0, 2], [2, 1]])


def scaled(maps):
    return (maps - maps.min()) / (maps.max() - maps.min() + 1e-7)


def by_the_formula(activation, score):
    """The map of one layer's output, float64 C×h×w, with gradients of `score` by differences."""
    gradient = np.zeros(activation.shape)
    for place in np.ndindex(*activation.shape):
        ends = []
        for step in (1e-6, -1e-6):
            moved = activation.copy()
            moved[place] += step
            ends.append(score(moved))
        gradient[place] = (ends[0] - ends[1]) / 2e-6
    weights = gradient.mean(axis=(1, 2))
    summed = np.maximum(sum(w * a for w, a in zip(weights, activation, strict=True)), 0)
    return scaled(zoom(scaled(summed), 2, order=1, mode="nearest", grid_mode=True))


def test_the_maps_are_those_of_the_written_formula(tiny):
    maps, sizes = grad_cam(tiny, IMAGES, CLASSES, ["first", "second"])
    assert (
        maps.shape == (5, 2, 2, 8, 10) and maps.dtype == torch.float32 and sizes == [(4, 5), (4, 5)]
    )
    exact = copy.deepcopy(tiny).double().eval()
    with torch.no_grad():
        first = exact.first(IMAGES.double())
        second = exact.second(first.relu())
    for i, turn in np.ndindex(5, 2):
        for layer, activation, rest in (
            (0, first, exact.after_first),
            (1, second, exact.after_second),
        ):

            def score(moved, rest=rest, i=i, turn=turn):
                with torch.no_grad():
                    logits = rest(torch.from_numpy(moved)[None])[0]
                    return (logits[CLASSES[i, turn]] - logits.mean()).item()

            expected = by_the_formula(activation[i].numpy(), score)
            assert maps[i, layer, turn].numpy() == pytest.approx(expected, abs=1e-4)
    assert maps.amax(dim=(3, 4)).max() > 0.99


def test_maps_of_a_batch_are_those_of_its_images(tiny):
    whole, _ = grad_cam(tiny, IMAGES, CLASSES, ["first", "second"])
    for i in range(5):
        alone, _ = grad_cam(tiny, IMAGES[i : i + 1], CLASSES[i : i + 1], ["first", "second"])
        torch.testing.assert_close(alone[0], whole[i])


def test_a_map_is_bright_where_the_class_is_and_empty_where_nothing_speaks_for_it():
    model = nn.Sequential(nn.Conv2d(2, 2, 1, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model[0].weight.data = torch.eye(2)[:, :, None, None]
    images = torch.zeros(1, 2, 6, 6)
    images[0, 0, 1, 4] = 1  # speaks for class 0, upper right
    images[0, 1] = -1  # speaks against class 1, everywhere
    maps, _ = grad_cam(model, images, torch.tensor([[0, 1]]), ["0"])
    assert maps[0, 0, 0].argmax() == 1 * 6 + 4 and maps[0, 0, 0].max() == pytest.approx(1)
    assert not maps[0, 0, 1].any()


def test_weights_that_are_not_finite_give_empty_maps(tiny):
    tiny.first.weight.data[0] = torch.nan
    assert not grad_cam(tiny, IMAGES, CLASSES, ["first", "second"])[0].any()


def state(model):
    return (
        {name: tensor.clone() for name, tensor in model.state_dict().items()},
        [module.training for module in model.modules()],
        [len(module._forward_hooks) for module in model.modules()],
        [parameter.grad for parameter in model.parameters()],
    )


def same(one, other):
    return (
        all(torch.equal(one[0][name], other[0][name]) for name in one[0]) and one[1:] == other[1:]
    )


def test_the_model_is_left_as_it_was_and_computes_as_in_evaluation(tiny):
    expected, _ = grad_cam(copy.deepcopy(tiny).eval(), IMAGES, CLASSES, ["second"])
    tiny.train()
    tiny.norm.eval()  # a frozen norm stays frozen, the rest goes on training
    for parameter in tiny.parameters():
        parameter.requires_grad_(False)
    before = state(tiny)
    found, _ = grad_cam(tiny, IMAGES, CLASSES, ["second"])
    torch.testing.assert_close(found, expected)
    assert same(state(tiny), before) and any(before[1]) and not all(before[1])
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(grad_cam(tiny, IMAGES, CLASSES, ["second"])[0], expected)


@pytest.mark.parametrize(
    ("images", "layers"), [(IMAGES[:, :1], ["second"]), (IMAGES, ["second", "third"])]
)
def test_hooks_are_removed_after_an_error_too(tiny, images, layers):
    before = state(tiny.train())
    with pytest.raises((RuntimeError, AttributeError)):
        grad_cam(tiny, images, CLASSES, layers)
    assert same(state(tiny), before)


@pytest.mark.parametrize("name", architectures())
def test_every_architecture_has_layers_whose_maps_tell_places_apart(name, monkeypatch):
    monkeypatch.setattr(gradcam, "_IMAGES_AT_ONCE", 2)
    torch.manual_seed(0)
    model = build_model(name).eval()
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    normalize = Normalize([0.5] * 3, [0.25] * 3)
    classes = np.array([[0, 1], [2, 3], [4, 5]])
    maps, sizes = gradcam_maps(model, normalize, images, classes, model.CAM_LAYERS)
    assert maps.shape == (3, 2, 2, 32, 32) and maps.dtype == np.uint8
    assert 3 <= sizes[1].max() <= 8 and 2 * sizes[1].max() <= sizes[0].max() + 1
    assert maps.max() == 255
    alone, _ = gradcam_maps(model, normalize, images[2:], classes[2:], model.CAM_LAYERS)
    assert np.abs(alone[0].astype(int) - maps[2]).max() <= 1


def test_what_lowers_all_logits_alike_hides_nothing(tiny):
    maps, _ = grad_cam(tiny, IMAGES, CLASSES, ["first", "second"])
    with torch.no_grad():
        tiny.head[-1].weight -= 5 * torch.randn(
            6, generator=torch.Generator().manual_seed(2)
        )  # the same for every class
    lowered, _ = grad_cam(tiny, IMAGES, CLASSES, ["first", "second"])
    assert maps.max() > 0.99
    torch.testing.assert_close(lowered, maps, atol=1e-3, rtol=1e-3)
