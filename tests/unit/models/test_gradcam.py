"""Grad-CAM: the written formula, batches, models left as they were, and the scripts that apply it to runs."""

import copy
import json

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import assert_one_clear_line, run_script
from safetensors.torch import load_file, save_file
from scipy.ndimage import zoom
from torch import nn

from study.config.architectures import architectures
from study.data.index import read_index
from study.files import write_json
from study.models.build import build_model
from study.models.gradcam import explain, grad_cam
from study.models.inference import Normalize
from study.report.plots.attribution import activation_maps_figure, overlay
from study.report.plots.style import save_figure
from study.runs.gradcam_maps import ActivationMaps, load_maps, no_maps, save_maps
from study.runs.predictions import ROLE_CODES, Predictions, no_predictions, save_predictions


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
CLASS_NAMES = ["cat", "dog", "frog"]
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
def test_every_architecture_has_layers_whose_maps_tell_places_apart(name):
    torch.manual_seed(0)
    model = build_model(name).eval()
    images = torch.randint(0, 256, (3, 32, 32, 3), dtype=torch.uint8)
    normalize = Normalize([0.5] * 3, [0.25] * 3)
    classes = torch.tensor([[0, 1], [2, 3], [4, 5]])
    maps, sizes = explain(model, normalize, images, classes, model.CAM_LAYERS, batch_size=2)
    assert maps.shape == (3, 2, 2, 32, 32) and maps.dtype == np.uint8
    assert 3 <= sizes[1].max() <= 8 and 2 * sizes[1].max() <= sizes[0].max() + 1
    assert maps.max() == 255
    alone, _ = explain(model, normalize, images[2:], classes[2:], model.CAM_LAYERS)
    assert np.abs(alone[0].astype(int) - maps[2]).max() <= 1


def test_maps_read_back_as_they_were_written(tmp_path):
    maps = maps_of(2, combo="v1+v2", roles=np.array([3, 1], np.uint8))
    for written in (maps, no_maps("v1", 7), no_maps()):
        save_maps(tmp_path / "maps.npz", written)
        read = load_maps(tmp_path / "maps.npz")
        assert (read.combo, read.seed) == (written.combo, written.seed)
        for one, other in zip(read[2:], written[2:], strict=True):
            assert np.array_equal(one, other) and one.dtype == other.dtype


@pytest.fixture(scope="module")
def study(decoded, tmp_path_factory):
    """Runs of an untrained cnn2 with made-up answers: a list of runs, and a folder a run."""
    folder = tmp_path_factory.mktemp("study")
    labels = read_index(decoded / "index.csv").labels
    torch.manual_seed(0)
    architecture = {"name": "cnn2", "filters": 4}
    weights = build_model(**architecture).state_dict()
    recipe = {"architecture": architecture, "normalize": {"mean": [0.5] * 3, "std": [0.25] * 3}}
    classes = read_index(decoded / "index.csv").classes
    roles = np.zeros(len(labels), np.uint8)
    roles[:40], roles[40:60] = ROLE_CODES["train"], ROLE_CODES["test"]
    logits = np.random.default_rng(0).normal(0, 2, (len(labels), 10)).astype(np.float32)
    runs = {  # accuracy on its own test and on the common one
        ("v1", 1): (0.9, 0.5), ("v1", 2): (0.8, 0.6), ("v2", 1): (0.7, 0.6), ("v2", 2): (None, None), ("official", 1): (0.99, None),
    }  # fmt: skip
    for (combo, seed), (own, common) in runs.items():
        place = folder / combo / "cnn2" / f"seed{seed}"
        place.mkdir(parents=True)
        save_file(weights, place / "model.safetensors")
        record = {"recipe": recipe, "classes": classes, "image_shape": [32, 32, 3], "seed": seed}
        write_json(place / "run.json", record)
        write_json(
            place / "metrics.json",
            {"overall_accuracy": own, "common_test": {"overall_accuracy": common}},
        )
        save_predictions(
            place / "predictions.npz",
            no_predictions(roles, 10) if own is None else Predictions(logits, roles),
        )
    return folder, labels, logits


def explained(decoded, study, place, tmp_path, *options, **changes):
    folder = study[0] / place
    inputs = {name: folder / file for name, file in
              (("predictions", "predictions.npz"), ("weights", "model.safetensors"), ("run", "run.json"))} | changes  # fmt: skip
    return run_script(
        "explain.py", "--images", decoded / "images.npy", "--index", decoded / "index.csv",
        "--predictions", inputs["predictions"], "--weights", inputs["weights"], "--run", inputs["run"], "--model", "cnn2",
        "--combo", "v1", "--maps", tmp_path / "maps.npz", "--figure", tmp_path / "maps.svg", *options, check=False,
    )  # fmt: skip


def test_the_surest_mistakes_of_a_run_are_explained(decoded, study, tmp_path):
    folder, labels, logits = study
    assert explained(decoded, study, "v1/cnn2/seed2", tmp_path, "--count", 7).returncode == 0
    maps = load_maps(tmp_path / "maps.npz")
    probabilities = torch.from_numpy(logits[40:60]).double().softmax(1).numpy()
    wrong = probabilities.argmax(1) != labels[40:60]
    expected = 40 + np.flatnonzero(wrong)[np.argsort(-probabilities.max(1)[wrong])][:7]
    assert maps.image_ids.tolist() == expected.tolist()
    assert (
        maps.predicted.tolist() == logits[expected].argmax(1).tolist()
        and maps.true.tolist() == labels[expected].tolist()
    )
    assert maps.confidence == pytest.approx(probabilities.max(1)[expected - 40])
    assert set(maps.roles) == {ROLE_CODES["test"]} and (maps.combo, maps.seed) == ("v1", 2)
    model = build_model("cnn2", filters=4).eval()
    model.load_state_dict(load_file(folder / "v1/cnn2/seed2/model.safetensors"))
    images = torch.from_numpy(np.load(decoded / "images.npy")[expected])
    for turn, classes in enumerate((maps.predicted, maps.true)):
        alone, sizes = explain(
            model,
            Normalize([0.5] * 3, [0.25] * 3),
            images,
            torch.from_numpy(classes)[:, None],
            model.CAM_LAYERS,
        )
        assert np.abs(alone[:, :, 0].astype(int) - maps.maps[:, :, turn]).max() <= 1
    assert maps.layers.tolist() == list(model.CAM_LAYERS) and maps.sizes.tolist() == sizes.tolist()
    assert "<svg" in (tmp_path / "maps.svg").read_text()


def test_without_mistakes_there_is_nothing_to_explain(decoded, study, tmp_path):
    sure = np.eye(10, dtype=np.float32)[study[1]]
    save_predictions(
        tmp_path / "right.npz", Predictions(sure, np.full(len(sure), ROLE_CODES["test"], np.uint8))
    )
    for place, changes in (
        ("v1/cnn2/seed1", {"predictions": tmp_path / "right.npz"}),
        ("v2/cnn2/seed2", {}),
    ):
        assert explained(decoded, study, place, tmp_path, **changes).returncode == 0
        maps = load_maps(tmp_path / "maps.npz")
        assert len(maps.image_ids) == len(maps.maps) == 0 and maps.seed == int(place[-1])
        assert "<svg" in (tmp_path / "maps.svg").read_text()


def test_weights_of_another_network_end_in_one_line(decoded, study, tmp_path):
    record = json.loads((study[0] / "v1/cnn2/seed1/run.json").read_text())
    record["recipe"]["architecture"]["filters"] = 8
    write_json(tmp_path / "run.json", record)
    (tmp_path / "broken.safetensors").write_bytes(b"no weights")
    for changes in ({"run": tmp_path / "run.json"}, {"weights": tmp_path / "broken.safetensors"}):
        result = explained(decoded, study, "v1/cnn2/seed1", tmp_path, **changes)
        assert result.returncode == 1
        assert_one_clear_line(result.stderr, "cnn2", "train this run again")
        assert not (tmp_path / "maps.npz").exists()


@pytest.mark.parametrize(
    ("runs", "best"),
    [
        (
            [("official", 1), ("v1", 1), ("v1", 2), ("v2", 1), ("v2", 2)],
            ("v1", 2),
        ),  # v2's run is as good but comes later
        ([("v2", 1), ("v1", 2)], ("v2", 1)),
        ([("v2", 2), ("official", 1)], ("official", 1)),
        ([("v2", 2)], None),
    ],
    ids=["the common test", "the first of equals", "its own test", "all diverged"],
)
def test_the_hardest_images_are_explained_by_the_best_run(decoded, study, tmp_path, runs, best):
    listed = [(combo, "cnn2", seed) for combo, seed in runs] + [("v1", "other", 1)]
    pd.DataFrame(listed, columns=["combo", "model", "seed"]).to_csv(
        tmp_path / "runs.csv", index=False
    )
    pd.DataFrame({"image_id": [300, 5, 41, 7]}).to_csv(tmp_path / "top.csv", index=False)
    run_script(
        "explain_hard_examples.py", "--runs", tmp_path / "runs.csv", "--folder", study[0], "--model", "cnn2", "--top-table",
        tmp_path / "top.csv", "--index", decoded / "index.csv", "--images", decoded / "images.npy", "--count", 3,
        "--maps", tmp_path / "maps.npz", "--figure", tmp_path / "maps.svg",
    )  # fmt: skip
    maps = load_maps(tmp_path / "maps.npz")
    assert "<svg" in (tmp_path / "maps.svg").read_text()
    if best is None:
        assert (maps.combo, maps.seed, len(maps.image_ids)) == ("", -1, 0)
    else:
        assert (maps.combo, maps.seed) == best and maps.image_ids.tolist() == [300, 5, 41]
        assert maps.roles.tolist() == [ROLE_CODES[role] for role in ("unseen", "train", "test")]
        assert maps.maps.shape == (3, 2, 2, 32, 32)


def pictures(n):
    return np.random.default_rng(n).integers(0, 255, (n, 8, 8, 3), np.uint8)


def place_of(text):
    return round(text.get_position()[0])


def maps_of(n, **changes):
    random = np.random.default_rng(n)
    return ActivationMaps(
        "v1", 42, np.arange(n) + 100, np.ones(n, np.int64), np.zeros(n, np.int64), np.full(n, 0.998),
        np.full(n, ROLE_CODES["test"], np.uint8), np.array(["layer3", "layer4"]), np.array([[4, 4], [2, 2]]),
        random.integers(0, 256, (n, 2, 2, 8, 8), np.uint8),
    )._replace(**changes)  # fmt: skip


@pytest.mark.parametrize(("n", "blocks", "rows"), [(3, 1, 3), (13, 2, 7)])
def test_each_image_stands_before_its_maps_for_predicted_and_true_class_layer_by_layer(
    n, blocks, rows
):
    shown, maps = pictures(n), maps_of(n)
    (axes,) = activation_maps_figure(shown, maps, CLASS_NAMES, "finding").axes
    picture = np.asarray(axes.images[0].get_array())
    heads = [text for text in axes.texts if text.get_text() in ("image", "predicted", "true")]
    assert [text.get_text() for text in heads] == [
        "image",
        "predicted",
        "true",
        "predicted",
        "true",
    ] * blocks
    sizes = [text.get_text() for text in axes.texts if "×" in text.get_text()]
    assert sizes == ["layer3, 4×4", "layer4, 2×2"] * blocks
    captions = [text for text in axes.texts if text.get_text().startswith("image 1")]
    assert captions[0].get_text() == "image 100\ntrue cat\npredicted dog\n99.8%"
    for i, caption in enumerate(captions):
        top = round(caption.get_position()[1]) - 4
        row = [
            picture[top : top + 8, place_of(head) : place_of(head) + 8]
            for head in heads[5 * (i // rows) :]
        ]
        assert np.array_equal(row[0], shown[i])
        for cell, expected in zip(row[1:5], maps.maps[i].reshape(4, 8, 8), strict=True):
            assert np.array_equal(cell, overlay(shown[i], expected))


def test_captions_say_what_the_run_had_trained_on():
    maps = maps_of(2, roles=np.array([ROLE_CODES["train"], ROLE_CODES["val"]], np.uint8))
    texts = [
        text.get_text()
        for text in activation_maps_figure(pictures(2), maps, CLASS_NAMES, "finding").axes[0].texts
    ]
    assert texts[1].endswith("trained on it") and "trained" not in texts[2]


def test_an_overlay_is_grey_where_nothing_speaks_for_the_class_and_lighter_the_more_does():
    flat = np.full((1, 256, 3), [90, 60, 30], np.uint8)
    over = overlay(flat, np.arange(256, dtype=np.uint8)[None])
    empty = overlay(flat, np.zeros((1, 256), np.uint8))
    assert np.abs(empty.astype(int) - 60).max() <= 4  # the mean of the channels
    assert np.ptp(over[0, 0].astype(int)) <= 4 and np.ptp(over[0, 255].astype(int)) > 50
    luminance = over[0] @ [0.299, 0.587, 0.114]
    assert (np.diff(luminance) > -1.5).all() and luminance[255] > 2 * luminance[0]
    assert over.max() == 255
    assert overlay(0 * flat, np.zeros((1, 256), np.uint8)).max() <= 4


def test_a_figure_of_maps_is_the_same_to_the_byte_each_time(tmp_path):
    for name in ("a.svg", "b.svg"):
        save_figure(
            activation_maps_figure(pictures(3), maps_of(3), CLASS_NAMES, "finding"), tmp_path / name
        )
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_what_lowers_all_logits_alike_hides_nothing(tiny):
    maps, _ = grad_cam(tiny, IMAGES, CLASSES, ["first", "second"])
    with torch.no_grad():
        tiny.head[-1].weight -= 5 * torch.randn(
            6, generator=torch.Generator().manual_seed(2)
        )  # the same for every class
    lowered, _ = grad_cam(tiny, IMAGES, CLASSES, ["first", "second"])
    assert maps.max() > 0.99
    torch.testing.assert_close(lowered, maps, atol=1e-3, rtol=1e-3)
