"""What predict.py asks a network about its mistakes, and what draw_run.py says of it."""

from functools import partial

import numpy as np
import pytest
import torch
from matplotlib.text import Text

from draw_run import figure_of_maps
from predict import maps_of_mistakes
from study.data.index import read_index
from study.models.build import build_model
from study.models.gradcam import gradcam_maps
from study.models.inference import Normalize
from study.runs.predictions import ROLE_CODES, Predictions, no_predictions


@pytest.fixture(scope="module")
def asked(decoded):
    """An untrained cnn2, made-up answers of it, and `maps_of_mistakes` of both."""
    index, images = read_index(decoded / "index.csv"), np.load(decoded / "images.npy")
    torch.manual_seed(0)
    model, normalize = build_model("cnn2", filters=4).eval(), Normalize([0.5] * 3, [0.25] * 3)
    roles = np.zeros(len(images), np.uint8)
    roles[:40], roles[40:60] = ROLE_CODES["train"], ROLE_CODES["test"]
    logits = np.random.default_rng(0).normal(0, 2, (len(images), 10)).astype(np.float32)
    maps_of = partial(maps_of_mistakes, model, normalize, images, index.labels)
    return model, normalize, images, index, Predictions(logits, roles), maps_of


def test_the_most_confident_mistakes_of_a_run_are_explained(asked):
    model, normalize, images, index, predictions, maps_of = asked
    maps = maps_of(predictions, count=7)
    probabilities = torch.from_numpy(predictions.logits[40:60]).double().softmax(1).numpy()
    wrong = probabilities.argmax(1) != index.labels[40:60]
    expected = 40 + np.flatnonzero(wrong)[np.argsort(-probabilities.max(1)[wrong])][:7]
    assert maps.image_ids.tolist() == expected.tolist()
    assert maps.predicted.tolist() == predictions.logits[expected].argmax(1).tolist()
    assert maps.true.tolist() == index.labels[expected].tolist()
    assert maps.confidence == pytest.approx(probabilities.max(1)[expected - 40])
    assert set(maps.roles) == {ROLE_CODES["test"]}
    for turn, classes in enumerate((maps.predicted, maps.true)):
        alone, sizes = gradcam_maps(
            model, normalize, images[expected], classes[:, None], model.CAM_LAYERS
        )
        assert np.abs(alone[:, :, 0].astype(int) - maps.maps[:, :, turn]).max() <= 1
    assert maps.layers.tolist() == list(model.CAM_LAYERS) and maps.sizes.tolist() == sizes.tolist()
    figure = figure_of_maps(maps, predictions, index, images, "cnn2 on v1, seed 2")
    shown = f"Grad-CAM of the 7 most confident of {wrong.sum()} mistakes on 20 test images"
    assert f"cnn2 on v1, seed 2: {shown}" in " ".join(x.get_text() for x in figure.findobj(Text))


def test_a_run_that_is_right_or_diverged_has_nothing_to_explain(asked):
    *_, index, predictions, maps_of = asked
    right = predictions._replace(logits=np.eye(10, dtype=np.float32)[index.labels])
    for answers in (right, no_predictions(predictions.roles, 10)):
        assert not len(maps_of(answers, count=7).image_ids)
