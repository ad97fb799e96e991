"""One run by its scripts: trained, predicted and measured, also where it diverges."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from conftest import run_script
from made_up_run import MadeUpRun
from safetensors.torch import load_file
from small_trainings import flags, make_image_set

from study.data.index import read_index, write_image_ids
from study.data.partitions import draw_partitions
from study.data.splits import common_test, read_split, split_partition, write_split
from study.errors import StudyError
from study.files import read_csv, read_json
from study.hardness.judgements import read_judgements
from study.hardness.scores import hardness_table
from study.runs.gradcam_maps import load_maps
from study.runs.predictions import load_predictions
from study.training import one_run

RECIPE = """
description: A small one for tests.
augment: []
schedule: {name: constant}
architecture: {name: cnn2, filters: 16}
normalize: {mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5]}
batch_size: 16
epochs: 3
optimizer: {name: adam, lr: 0.003}
"""


def train(decoded, splits, folder, recipe, **more):
    """Train a run into a folder."""
    run_script(
        "train.py",
        *flags(
            images=decoded / "images.npy",
            index=decoded / "index.csv",
            splits=splits / "v1.csv",
            recipe=recipe,
            seed=5,
            weights=folder / "model.safetensors",
            history=folder / "history.csv",
            run=folder / "run.json",
            **more,
        ),
    )


@pytest.mark.parametrize(("n", "n_watched"), [(0, 0), (3, 3), (10_000, 10_000), (30_000, 10_000)])
def test_of_many_test_images_some_are_watched_evenly(n, n_watched):
    ids = np.arange(n) * 2
    found = one_run.watched(ids)
    assert len(found) == len(np.unique(found)) == n_watched and set(found) <= set(ids)
    if n:
        assert (found[0], found[-1]) == (ids[0], ids[-1])
        assert np.ptp(np.diff(found)) <= 2  # a step of the whole ids


def train_on_nine(monkeypatch, new_trainer):
    """Train on nine images of each role, as far as a function comes instead of `new_trainer`."""
    monkeypatch.setattr(one_run, "new_trainer", new_trainer)
    images = make_image_set()
    index = SimpleNamespace(labels=images.labels.numpy(), classes=["a", "b", "c"])
    image_ids = dict.fromkeys(("train", "val", "test"), np.arange(9))
    one_run.train_run(
        *({}, 1, images.images.numpy(), index, image_ids, torch.device("cpu")), made_by="x"
    )


def test_the_history_is_about_the_watched_test_images(monkeypatch):
    def no_training(recipe, seed, n_classes, train, val, test):
        raise StudyError(f"{len(train)} {len(val)} {len(test)}")

    monkeypatch.setattr(one_run, "WATCHED", 5)
    with pytest.raises(StudyError, match="9 9 5"):
        train_on_nine(monkeypatch, no_training)


def predict_and_measure(decoded, splits, folder):
    """Score all images with a trained run, measure it and draw it."""
    run_script(
        "predict.py",
        *flags(
            images=decoded / "images.npy",
            index=decoded / "index.csv",
            splits=splits / "v1.csv",
            weights=folder / "model.safetensors",
            run=folder / "run.json",
            explain=7,
            maps=folder / "gradcam.npz",
            output=folder / "predictions.npz",
        ),
    )
    measured = {
        "predictions": folder / "predictions.npz",
        "index": decoded / "index.csv",
        "metrics": folder / "metrics.json",
        "misclassified": folder / "misclassified.csv",
    }
    run_script(
        "measure.py",
        *flags(
            **measured,
            common_test=splits / "common.csv",
            duplicates=splits / "none.csv",
            report=folder / "report.txt",
            classification_report=folder / "classes.json",
        ),
    )
    run_script(
        "draw_run.py",
        *flags(
            **measured,
            images=decoded / "images.npy",
            history=folder / "history.csv",
            run=folder / "run.json",
            maps=folder / "gradcam.npz",
            title="cnn2 on v1",
            mistakes=folder / "misclassified.svg",
            curves=folder / "curves.svg",
            confusion_matrix=folder / "confusion.svg",
            gradcam=folder / "gradcam.svg",
        ),
    )


@pytest.fixture(scope="module")
def run_folder(decoded, tmp_path_factory):
    """One run of the scripts, trained twice, then predicted and measured."""
    folder = tmp_path_factory.mktemp("run")
    labels = read_index(decoded / "index.csv").labels
    for name, image_ids in draw_partitions(labels, {"v1": 150, "v2": 150}, 42).items():
        write_split(
            folder / f"{name}.csv",
            split_partition(image_ids, labels, {"train": 0.7, "val": 0.15, "test": 0.15}, 5),
        )
    parts = [read_split(folder / f"{name}.csv") for name in ("v1", "v2")]
    write_image_ids(folder / "common.csv", common_test(parts))
    (folder / "recipe.yaml").write_text(RECIPE)
    (folder / "none.csv").write_text("image_id,other_id\n")
    for attempt in ("a", "b"):
        dynamics = folder / attempt / "dynamics.npz"
        train(decoded, folder, folder / attempt, folder / "recipe.yaml", dynamics=dynamics)
    predict_and_measure(decoded, folder, folder / "a")
    return folder


def test_a_run_repeated_is_the_same_to_the_bit(run_folder):
    a, b = (load_file(run_folder / attempt / "model.safetensors") for attempt in "ab")
    assert all(torch.equal(a[key], b[key]) for key in a)
    columns = ("epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy")
    rows = [
        [[row[c] for c in columns] for row in read_csv(run_folder / x / "history.csv")]
        for x in "ab"
    ]
    assert rows[0] == rows[1] and len(rows[0]) == 3


def test_a_run_tells_how_it_learnt_each_training_image(run_folder):
    with np.load(run_folder / "a" / "dynamics.npz", allow_pickle=False) as dynamics:
        split = read_split(run_folder / "v1.csv")
        assert np.array_equal(np.sort(dynamics["image_id"]), np.sort(split["train"]))
        accuracies = [
            float(row["train_accuracy"]) for row in read_csv(run_folder / "a" / "history.csv")
        ]
        assert dynamics["correctness"].mean() == pytest.approx(np.mean(accuracies))


def test_the_record_of_a_run_says_what_was_done(run_folder):
    record = read_json(run_folder / "a" / "run.json")
    assert record["recipe"]["optimizer"] == {"name": "adam", "lr": 0.003}
    assert record["n_train"] == 105 and record["parameters"] == 13_018 and record["epochs"] == 3
    assert record["device"].startswith("cpu") and record["threads"] == 1
    assert record["train_seconds"] > 0 and record["images_per_s"] == pytest.approx(
        315 / record["train_seconds"]
    )
    assert record["versions"]["torch"].split("+")[0] == torch.__version__.split("+")[0]


def test_a_diverged_run_is_a_result_and_not_a_failure(run_folder, decoded, tmp_path):
    recipe = yaml.safe_load(RECIPE) | {"optimizer": {"name": "sgd", "lr": 1e30}}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    train(decoded, run_folder, tmp_path, tmp_path / "recipe.yaml")
    assert read_json(tmp_path / "run.json")["status"] == "diverged"
    predict_and_measure(decoded, run_folder, tmp_path)
    predictions = load_predictions(tmp_path / "predictions.npz")
    assert predictions.diverged and predictions.has_role("train").sum() == 105
    assert read_json(tmp_path / "metrics.json")["overall_accuracy"] is None
    assert "diverged" in (tmp_path / "report.txt").read_text()
    assert (tmp_path / "misclassified.csv").read_text() == "image_id,file,true,pred,confidence\n"
    assert all(
        "<svg" in (tmp_path / f"{name}.svg").read_text()
        for name in ("misclassified", "curves", "confusion")
    )
    labels = read_index(decoded / "index.csv").labels
    sound = MadeUpRun("a", load_predictions(run_folder / "a" / "predictions.npz"))
    with_it = read_judgements([sound, MadeUpRun("b", predictions)], labels, 10)
    without = read_judgements([sound], labels, 10)
    assert hardness_table(with_it).equals(hardness_table(without))


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
    assert sorted(int(row["image_id"]) for row in wrong) == own[~right[own]].tolist()
    assert all(row["true"] != row["pred"] for row in wrong)
    for name in ("confusion", "misclassified", "curves"):
        assert "<svg" in (run_folder / "a" / f"{name}.svg").read_text()


def test_a_run_without_mistakes_has_nothing_to_explain(run_folder):
    assert read_json(run_folder / "a/metrics.json")["overall_accuracy"] == 1
    maps = load_maps(run_folder / "a/gradcam.npz")
    assert len(maps.image_ids) == len(maps.maps) == 0 and not maps.why_none
    assert "cnn2 on v1: no mistakes on" in (run_folder / "a/gradcam.svg").read_text()


def test_too_little_memory_for_the_network_is_said_in_one_line(monkeypatch):
    def no_room(*given):
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(StudyError, match="out of memory on the GPU"):
        train_on_nine(monkeypatch, no_room)
