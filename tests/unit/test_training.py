"""Models, the training loop and its randomness."""

import math

import numpy as np
import pytest
import torch
from conftest import run_script
from safetensors.torch import load_file

from study.devices import nvidia_gpu_visible, wants_gpu
from study.errors import StudyError
from study.files import read_csv, read_json
from study.index import read_index
from study.models import build_model, count_parameters
from study.partitions import draw_partitions, read_split, split_partition, write_split
from study.predictions import load_predictions
from study.seeds import stream_seed
from study.training import ImageSet, Normalize, evaluate, make_optimizer, predict, train

RECIPE = """
description: A small one for tests.
architecture: {name: cnn2, filters: 16}
normalize: {mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5]}
batch_size: 16
epochs: 3
optimizer: {name: adam, lr: 0.003}
"""


@pytest.mark.parametrize(
    ("name", "options", "parameters"),
    [
        ("cnn2", {"filters": 16}, 13_018),
        ("cnn2", {"filters": 32}, 30_634),
        ("cnn2", {}, 79_690),
        ("cnn3", {}, 620_362),
    ],
)
def test_parameter_counts_are_the_published_ones(name, options, parameters):
    assert count_parameters(build_model(name, **options)) == parameters


@pytest.mark.parametrize("name", ["cnn2", "cnn3"])
def test_other_image_sizes_class_counts_and_channels_work(name):
    model = build_model(name, num_classes=7, in_channels=1, image_size=48)
    assert model(torch.zeros(2, 1, 48, 48)).shape == (2, 7)


def test_pooling_before_rectifying_changes_nothing():
    model = build_model("cnn2")
    images = torch.randn(4, 3, 32, 32)
    conv1, _, _, conv2, _, _ = model.features
    usual = images
    for conv in (conv1, conv2):
        usual = torch.nn.functional.max_pool2d(torch.relu(conv(usual)), 2)
    assert torch.equal(model(images), model.classifier(usual.flatten(1)))


def test_unknown_architectures_options_and_optimizers_are_refused():
    with pytest.raises(StudyError, match="unknown architecture 'resnet99'; known: cnn2"):
        build_model("resnet99")
    with pytest.raises(StudyError, match="has no option 'depth'; it has: filters"):
        build_model("cnn2", depth=3)
    with pytest.raises(StudyError, match="unknown optimizer 'lion'"):
        make_optimizer(build_model("cnn2"), "lion", 0.1)
    with pytest.raises(StudyError, match="momentum"):
        make_optimizer(build_model("cnn2"), "adam", 0.1, momentum=0.9)


def test_normalisation_is_the_formula_and_channels_last():
    images = torch.randint(0, 256, (5, 8, 6, 3), dtype=torch.uint8)
    mean, std = [0.1, 0.2, 0.3], [0.5, 0.25, 1.0]
    out = Normalize(mean, std)(images)
    expected = (images.double() / 255 - torch.tensor(mean).double()) / torch.tensor(std).double()
    assert out.shape == (5, 3, 8, 6)
    torch.testing.assert_close(out.double(), expected.permute(0, 3, 1, 2), atol=1e-5, rtol=1e-5)
    assert out.is_contiguous(memory_format=torch.channels_last)


def test_streams_of_a_seed_differ_and_never_change():
    assert stream_seed(42, "init") == 3670858408320401841
    assert len({stream_seed(seed, stream) for seed in range(50) for stream in ("init", "order")}) == 100


@pytest.fixture(scope="module")
def image_set():
    random = np.random.default_rng(0)
    labels = np.arange(120) % 3
    images = np.clip(labels[:, None, None, None] * 80 + random.integers(0, 40, (120, 32, 32, 3)), 0, 255)
    return ImageSet(torch.from_numpy(images.astype(np.uint8)), torch.from_numpy(labels))


def fit(image_set, *, epochs=3, lr=0.01, order=0, val=None):
    torch.manual_seed(0)
    model = build_model("cnn2", num_classes=3, filters=8)
    normalize = Normalize([0.5] * 3, [0.5] * 3)
    history = train(
        model, normalize, image_set, image_set if val is None else val,
        optimizer=make_optimizer(model, "adam", lr), epochs=epochs, batch_size=32,
        order=torch.Generator().manual_seed(order),
    )  # fmt: skip
    return model, normalize, history


def test_training_learns_and_records_every_epoch(image_set):
    model, normalize, history = fit(image_set, epochs=6)
    assert [epoch.epoch for epoch in history] == [1, 2, 3, 4, 5, 6]
    assert history[-1].train_loss < 0.5 * history[0].train_loss
    assert history[-1].val_accuracy > 0.9
    assert (history[-1].val_loss, history[-1].val_accuracy) == evaluate(model, normalize, image_set)


def test_every_image_is_visited_once_an_epoch(image_set):
    seen = []
    order = torch.randperm(len(image_set), generator=torch.Generator().manual_seed(3))
    for _, labels in image_set.batches(50, order):
        seen += labels.tolist()
    assert sorted(seen) == sorted(image_set.labels.tolist())
    assert seen == image_set.labels[order].tolist()


def test_the_same_streams_give_the_same_bits_and_another_order_does_not(image_set):
    first, second, other = (fit(image_set, order=order)[0].state_dict() for order in (0, 0, 1))
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not all(torch.equal(first[key], other[key]) for key in first)


def test_a_diverging_training_stops_with_advice(image_set):
    with pytest.raises(StudyError, match=r"diverged in epoch \d.*lower 'optimizer.lr'"):
        fit(image_set, lr=1e30, epochs=5)


def test_an_empty_training_set_is_refused_and_an_empty_validation_set_is_not(image_set):
    empty = ImageSet(image_set.images[:0], image_set.labels[:0])
    with pytest.raises(StudyError, match="training split is empty"):
        fit(empty)
    _, _, history = fit(image_set, epochs=1, val=empty)
    assert math.isnan(history[0].val_loss)


def test_predictions_do_not_depend_on_the_batch(image_set):
    model, normalize, _ = fit(image_set, epochs=1)
    whole, parts = (predict(model, normalize, image_set.images, size) for size in (120, 7))
    assert whole.dtype == torch.float32
    torch.testing.assert_close(whole, parts)


def test_a_gpu_is_asked_for_only_where_one_will_be_used(tmp_path):
    cards = tmp_path / "driver" / "nvidia" / "gpus" / "0000:01:00.0"
    assert not nvidia_gpu_visible({}, tmp_path)
    cards.mkdir(parents=True)
    assert nvidia_gpu_visible({}, tmp_path)
    assert nvidia_gpu_visible({"CUDA_VISIBLE_DEVICES": "GPU-1b2c"}, tmp_path)
    assert not nvidia_gpu_visible({"CUDA_VISIBLE_DEVICES": ""}, tmp_path)
    assert not nvidia_gpu_visible({"CUDA_VISIBLE_DEVICES": "-1"}, tmp_path)
    assert wants_gpu("cuda") and not wants_gpu("cpu")


@pytest.fixture(scope="module")
def run_folder(decoded, tmp_path_factory):
    """One run of the scripts, twice: train, predict, evaluate."""
    folder = tmp_path_factory.mktemp("run")
    labels = read_index(decoded / "index.csv").labels
    for name, image_ids in draw_partitions(labels, {"v1": 150, "v2": 150}, 42).items():
        write_split(
            folder / f"{name}.csv", split_partition(image_ids, labels, {"train": 0.7, "val": 0.15, "test": 0.15}, 5)
        )
    (folder / "recipe.yaml").write_text(RECIPE)
    for attempt in ("a", "b"):
        run_script(
            "train.py", "--images", decoded / "images.npy", "--index", decoded / "index.csv", "--splits", folder / "v1.csv",
            "--recipe", folder / "recipe.yaml", "--seed", 5, "--weights", folder / attempt / "model.safetensors",
            "--history", folder / attempt / "history.csv", "--run", folder / attempt / "run.json",
        )  # fmt: skip
    run_script(
        "predict.py", "--images", decoded / "images.npy", "--splits", folder / "v1.csv", "--weights",
        folder / "a" / "model.safetensors", "--run", folder / "a" / "run.json", "--output", folder / "a" / "predictions.npz",
    )  # fmt: skip
    run_script(
        "evaluate.py", "--predictions", folder / "a" / "predictions.npz", "--index", decoded / "index.csv",
        "--splits", folder / "v1.csv", folder / "v2.csv", "--title", "cnn2", "--metrics", folder / "a" / "metrics.json",
        "--report", folder / "a" / "report.txt", "--classification-report", folder / "a" / "classes.json",
        "--misclassified", folder / "a" / "misclassified.csv", "--confusion-matrix", folder / "a" / "confusion.svg",
    )  # fmt: skip
    return folder


def test_a_run_repeated_is_the_same_to_the_bit(run_folder):
    a, b = (load_file(run_folder / attempt / "model.safetensors") for attempt in "ab")
    assert all(torch.equal(a[key], b[key]) for key in a)
    columns = ("epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy")
    rows = [[[row[c] for c in columns] for row in read_csv(run_folder / x / "history.csv")] for x in "ab"]
    assert rows[0] == rows[1] and len(rows[0]) == 3


def test_the_record_of_a_run_says_what_was_done(run_folder):
    record = read_json(run_folder / "a" / "run.json")
    assert record["recipe"]["optimizer"] == {"name": "adam", "lr": 0.003}
    assert record["n_train"] == 105 and record["parameters"] == 13_018 and record["epochs"] == 3
    assert record["device"].startswith("cpu") and record["threads"] == 1
    assert record["train_seconds"] > 0 and record["images_per_s"] == pytest.approx(315 / record["train_seconds"])
    assert record["versions"]["torch"].split("+")[0] == torch.__version__.split("+")[0]


def test_every_image_is_scored_with_its_role(run_folder, decoded):
    predictions = load_predictions(run_folder / "a" / "predictions.npz")
    assert predictions.logits.shape == (360, 10) and predictions.logits.dtype == np.float32
    for role, image_ids in read_split(run_folder / "v1.csv").items():
        assert np.array_equal(np.flatnonzero(predictions.has_role(role)), image_ids)
    assert predictions.has_role("unseen").sum() == 210


def test_an_evaluation_agrees_with_the_predictions(run_folder, decoded):
    labels = read_index(decoded / "index.csv").labels
    predictions = load_predictions(run_folder / "a" / "predictions.npz")
    right = predictions.logits.argmax(1) == labels
    metrics = read_json(run_folder / "a" / "metrics.json")
    own = read_split(run_folder / "v1.csv")["test"]
    common = np.concatenate([own, read_split(run_folder / "v2.csv")["test"]])
    assert metrics["overall_accuracy"] == pytest.approx(right[own].mean())
    assert metrics["common_test"]["overall_accuracy"] == pytest.approx(right[common].mean())
    assert metrics["common_test"]["n"] == len(common)
    wrong = read_csv(run_folder / "a" / "misclassified.csv")
    assert [int(row["image_id"]) for row in wrong] == own[~right[own]].tolist()
    assert all(row["true"] != row["pred"] for row in wrong)
    assert "<svg" in (run_folder / "a" / "confusion.svg").read_text()
