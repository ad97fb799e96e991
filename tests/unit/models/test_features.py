"""Features are what a network's head is given, and no batch or rounding changes what they say."""

import numpy as np
import pytest
import torch
from torch import nn

from study.errors import StudyError
from study.models.build import build_model
from study.models.features import features_of_batches, n_features
from study.models.inference import Normalize, load_model, predict
from study.models.trained_weights import head_of

NORMALIZE = Normalize([0.5] * 3, [0.25] * 3)
IMAGES = np.random.default_rng(1).integers(0, 256, (600, 16, 16, 3), np.uint8)
CPU = torch.device("cpu")


def test_the_head_makes_the_networks_logits_of_its_features():
    model = build_model("cnn3", image_size=16, widths=[4, 4, 4], hidden=6).eval()
    head = head_of(model, (16, 16, 3))
    logits = predict(model, NORMALIZE, torch.from_numpy(IMAGES))
    batches = dict(features_of_batches(model, head, NORMALIZE, IMAGES, CPU))
    assert list(batches) == [0, 500]
    features = np.concatenate(list(batches.values()))
    assert features.dtype == np.float16 and features.shape == (600, n_features(model, head))
    again = model.get_submodule(head)(torch.from_numpy(features).float())
    assert torch.allclose(again, logits, atol=2e-3)


def test_features_that_are_no_finite_numbers_name_the_image():
    model = nn.Sequential(nn.Flatten(), nn.Linear(768, 4), nn.Linear(4, 2)).eval()
    model[1].weight.data.fill_(1e6)
    images = np.full((3, 16, 16, 3), 128, np.uint8)
    with torch.no_grad():
        model[1].bias.fill_(-768e6 * (128 / 255 - 0.5) / 0.25)
    images[1] += 100
    with pytest.raises(StudyError, match="image 1 has features that are no finite numbers"):
        dict(features_of_batches(model, "2", NORMALIZE, images, CPU))


def test_a_head_that_takes_maps_is_refused():
    model = nn.Sequential(nn.Conv2d(3, 2, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(StudyError, match="ends in the layer 0, a Conv2d: its features are maps"):
        n_features(model, head_of(model, (16, 16, 3)))


def test_a_run_on_features_says_that_it_is_no_network(tmp_path):
    record = {"recipe": {"architecture": {"name": "probe", "features": "finetuned"}}}
    with pytest.raises(StudyError, match="answers from the stored features of finetuned"):
        load_model(tmp_path / "model.safetensors", record, CPU)
