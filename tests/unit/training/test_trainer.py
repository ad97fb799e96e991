"""Models, the training loop and its randomness."""

import math
import multiprocessing
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from conftest import ROOT, run_script
from safetensors.torch import load_file
from small_trainings import FULL_RECIPE, facts, make_image_set, train_as_a_job, trainer, weights

from study.data.index import read_index
from study.data.partitions import draw_partitions, read_split, split_partition, write_split
from study.data.splits import common_test, write_common_test
from study.errors import StudyError
from study.files import read_csv, read_json, read_yaml
from study.hardness.judgements import Judge, hardness_table
from study.models.build import build_model
from study.runs.predictions import load_predictions
from study.seeds import stream_seed
from study.training.checkpoints import load_checkpoint, save_checkpoint
from study.training.ema import MovingAverage
from study.training.optimizers import make_optimizer, orthogonalize
from study.training.trainer import (
    ImageSet,
    Normalize,
    evaluate,
    new_trainer,
    predict,
)

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


def test_unknown_architectures_options_and_optimizers_are_refused():
    with pytest.raises(
        StudyError, match=r"unknown architecture 'resnet99'; did you mean 'resnet9'.* known: cnn2"
    ):
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
    assert (
        len({stream_seed(seed, stream) for seed in range(50) for stream in ("init", "order")})
        == 100
    )


@pytest.fixture(scope="module")
def image_set():
    return make_image_set()


def same(first: dict, second: dict) -> bool:
    return all(torch.equal(first[key], second[key]) for key in first)


def test_training_learns_and_records_every_epoch(image_set):
    learner = trainer(image_set, epochs=6)
    history = learner.run()
    assert [epoch.epoch for epoch in history] == [1, 2, 3, 4, 5, 6]
    assert history[-1].train_loss < 0.5 * history[0].train_loss
    assert history[-1].val_accuracy > 0.9
    last = evaluate(learner.evaluated, learner.normalize, image_set, bf16=learner.bf16)
    assert (history[-1].val_loss, history[-1].val_accuracy) == last
    assert math.isnan(history[-1].test_accuracy)


def test_the_test_set_is_recorded_and_changes_nothing(image_set):
    without = trainer(image_set, epochs=2)
    with_it = trainer(
        image_set, epochs=2, test=ImageSet(image_set.images[:40], image_set.labels[:40])
    )
    without.run()
    history = with_it.run()
    assert same(weights(without), weights(with_it))
    last = evaluate(with_it.evaluated, with_it.normalize, with_it.test_set, bf16=with_it.bf16)
    assert (history[-1].test_loss, history[-1].test_accuracy) == last


def test_every_image_is_visited_once_an_epoch(image_set, monkeypatch):
    learner = trainer(image_set, batch_size=50, epochs=2)
    visited = []
    make_input = learner._input
    monkeypatch.setattr(
        learner,
        "_input",
        lambda positions, epoch: visited.append(positions) or make_input(positions, epoch),
    )
    learner.run()
    assert [len(positions) for positions in visited] == [50, 50, 20] * 2
    first, second = torch.cat(visited[:3]), torch.cat(visited[3:])
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(120))
    assert not torch.equal(first, second)


def test_the_same_streams_give_the_same_bits_and_another_order_does_not(image_set):
    first, second, other = (trainer(image_set, order=order) for order in (0, 0, 1))
    for learner in (first, second, other):
        learner.run()
    assert same(weights(first), weights(second))
    assert not same(weights(first), weights(other))


def test_orthogonalised_matrices_have_singular_values_near_one():
    generator = torch.Generator().manual_seed(0)
    for shape in ((16, 72), (72, 16), (20, 20)):
        values = torch.linalg.svdvals(
            orthogonalize(torch.randn(shape, generator=generator), iterations=6)
        )
        assert values.min() > 0.5 and values.max() < 1.3


def test_muon_steps_are_of_its_rates_and_rescaled():
    model = build_model("fastnet", widths=[8, 16, 16])
    muon = make_optimizer(
        model,
        "muon",
        0.1,
        rescale=True,
        vector_lr=0.2,
        classifier_lr=0.3,
        weight_decay=0.01,
        momentum=0.5,
    )
    hidden, vectors, classifier = muon.param_groups
    assert all(weight.ndim == 4 for weight in hidden["params"]) and len(hidden["params"]) == 6
    assert classifier["params"] == [model.classifier.weight] and classifier["lr"] == 0.3
    assert all(weight.ndim == 1 for weight in vectors["params"])
    before = model.classifier.weight.detach().clone()
    model(torch.randn(4, 3, 32, 32)).square().sum().backward()
    gradient = model.classifier.weight.grad.clone()
    muon.step()
    for weight in hidden["params"]:
        # The norm was √n before a step of length at most the rate (times 1.2) in each of the n directions.
        assert weight.norm().item() == pytest.approx(len(weight) ** 0.5, rel=0.13)
    # Nesterov's first step is 1 + momentum times the gradient; the decay is of the weight before.
    torch.testing.assert_close(model.classifier.weight, before * 0.99 - 0.3 * 1.9 * gradient)


def test_whitened_training_patches_are_uncorrelated(image_set):
    learner = trainer(image_set, architecture="fastnet")
    images = learner.normalize(image_set.images)
    half = learner.model.whitening(images)[:, :12].permute(0, 2, 3, 1).flatten(0, 2)
    strong = half.var(dim=0) > 0.5  # directions with less variance than the floor stay weaker
    covariance = torch.cov(half[:, strong].T)
    assert strong.sum() >= 4
    torch.testing.assert_close(covariance, torch.eye(len(covariance)), atol=0.1, rtol=0)
    assert learner.model.whitening.weight.requires_grad is False
    assert learner.run()[-1].train_loss < learner.history[0].train_loss


def test_test_time_views_are_means_over_flips_and_shifts(image_set):
    learner = trainer(image_set, epochs=1)
    model, images = learner.model, image_set.images
    mirrored = images.flip(2)
    plain, other = (predict(model, learner.normalize, x) for x in (images, mirrored))
    torch.testing.assert_close(
        predict(model, learner.normalize, images, views="flip"), (plain + other) / 2
    )
    inner = torch.nn.functional.pad(
        images.permute(0, 3, 1, 2).float(), (1, 1, 1, 1), mode="reflect"
    ).byte()
    moved = [inner[:, :, i : i + 32, i : i + 32].permute(0, 2, 3, 1) for i in (0, 2)]
    shifted = [predict(model, learner.normalize, x, views="flip") for x in moved]
    expected = (plain + other) / 4 + (shifted[0] + shifted[1]) / 4
    torch.testing.assert_close(
        predict(model, learner.normalize, images, views="flip_and_shift"), expected
    )


def test_mixed_targets_weigh_both_labels(image_set):
    learner = trainer(image_set, augment=[{"name": "mixup", "alpha": 1.0}], epochs=1)
    logits, labels, own = torch.randn(6, 3), torch.tensor([0, 1, 2, 0, 1, 2]), torch.rand(6)
    target = torch.zeros(6, 3)
    for i in range(6):
        target[i, labels[i]] += own[i]
        target[i, labels[i - 1]] += 1 - own[i]
    expected = torch.nn.functional.cross_entropy(logits, target)
    torch.testing.assert_close(learner._loss(logits, labels, own), expected)
    assert math.isfinite(learner.run()[0].train_loss)


def test_training_starts_without_importing_torchs_compiler():
    """It takes seconds, at the start of every run."""
    program = (
        "import sys, torch\n"
        "from study.training.optimizers import make_optimizer\n"
        "for name in ('adam', 'adamw', 'sgd', 'muon'):\n"
        "    model = torch.nn.Linear(2, 2); model(torch.ones(1, 2)).sum().backward()\n"
        "    optimizer = make_optimizer(model, name, 0.1)\n"
        "    optimizer.step(); optimizer.zero_grad(); optimizer.load_state_dict(optimizer.state_dict())\n"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_a_diverging_training_stops_with_advice(image_set):
    with pytest.raises(StudyError, match=r"diverged in epoch \d.*lower 'optimizer.lr'"):
        trainer(image_set, optimizer={"name": "sgd", "lr": 1e30}, epochs=5).run()


def test_an_empty_training_set_is_refused_and_an_empty_validation_set_is_not(image_set):
    empty = ImageSet(image_set.images[:0], image_set.labels[:0])
    with pytest.raises(StudyError, match="training split is empty"):
        trainer(empty)
    assert math.isnan(trainer(image_set, epochs=1, val=empty).run()[0].val_loss)
    with pytest.raises(
        StudyError, match="chooses an epoch by the validation split, which is empty"
    ):
        trainer(image_set, val=empty, keep="best")


def test_a_recipe_may_count_steps_instead_of_epochs(image_set):
    small = ImageSet(image_set.images[:40], image_set.labels[:40])
    epochs = [
        len(trainer(images, epochs=9, steps=7).run()) for images in (image_set, small)
    ]  # 4 and 2 steps an epoch
    assert epochs == [2, 4]
    assert len(trainer(image_set, steps=1).run()) == 1


def test_the_best_epoch_is_kept_and_patience_ends_the_training(image_set):
    wrong = ImageSet(
        image_set.images, (image_set.labels + 1) % 3
    )  # the better it learns, the worse it validates
    learner = trainer(image_set, val=wrong, keep="best", patience=2, epochs=30)
    history = learner.run()
    accuracies = [epoch.val_accuracy for epoch in history]
    best = accuracies.index(max(accuracies)) + 1
    assert learner.best["epoch"] == best and len(history) == best + 2 < 30
    assert evaluate(learner.evaluated, learner.normalize, wrong, bf16=learner.bf16)[1] == max(
        accuracies
    )


def test_the_average_of_the_weights_is_the_exponential_one(image_set):
    plain, averaged = trainer(image_set, epochs=1), trainer(image_set, epochs=1, ema=0.9)
    seen = []
    step = averaged.average.update
    averaged.average.update = lambda model: (
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


def test_label_smoothing_and_clipping_do_what_they_say(image_set):
    smooth = trainer(image_set, label_smoothing=0.3, epochs=1)
    assert smooth.run()[0].train_loss != trainer(image_set, epochs=1).run()[0].train_loss
    rate, limit = 1.0, 1e-3
    clipped = trainer(
        image_set,
        optimizer={"name": "sgd", "lr": rate},
        clip_norm=limit,
        epochs=1,
        batch_size=len(image_set),
    )
    before = torch.cat([p.detach().flatten().clone() for p in clipped.model.parameters()])
    clipped.run()
    after = torch.cat([p.detach().flatten() for p in clipped.model.parameters()])
    assert (after - before).norm().item() == pytest.approx(rate * limit, rel=1e-3)


def test_norms_and_biases_can_be_spared_weight_decay():
    model = build_model("resnet9")
    spared = make_optimizer(model, "sgd", 0.1, weight_decay=0.5, decay_norms_and_biases=False)
    decayed, free = spared.param_groups
    assert decayed["weight_decay"] == 0.5 and all(p.ndim >= 2 for p in decayed["params"])
    assert free["weight_decay"] == 0 and all(p.ndim < 2 for p in free["params"])
    assert sum(len(group["params"]) for group in spared.param_groups) == len(
        list(model.parameters())
    )


@pytest.mark.parametrize("stop_at", [1, 2, 7, 8, 9, 17, 24, 31])
def test_a_training_stopped_after_any_step_goes_on_to_the_same_bits(image_set, tmp_path, stop_at):
    class Stopped(Exception):
        pass

    undisturbed = trainer(image_set, **FULL_RECIPE)
    undisturbed.run()

    saves = 0

    def save(state):
        nonlocal saves
        saves += 1
        save_checkpoint(tmp_path / "c.pt", "key", state)
        if saves == stop_at:
            raise Stopped

    with pytest.raises(Stopped):
        trainer(image_set, **FULL_RECIPE).run(save=save, save_every=-1)  # after every step
    resumed = trainer(image_set, **FULL_RECIPE)
    torch.manual_seed(99)  # whatever happened in between
    resumed.load_state_dict(load_checkpoint(tmp_path / "c.pt", "key", torch.device("cpu")))
    resumed.run()
    assert same(weights(undisturbed), weights(resumed))
    tables = undisturbed.dynamics.table(), resumed.dynamics.table()
    assert all(np.array_equal(tables[0][name], tables[1][name]) for name in tables[0])
    assert [facts(epoch) for epoch in resumed.history] == [
        facts(epoch) for epoch in undisturbed.history
    ]


def test_a_training_killed_at_random_moments_ends_with_the_same_bits(tmp_path):
    # One process imports torch, once, and forks the jobs, so that a kill costs little.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        [
            "study.training.trainer",
            "study.training.checkpoints",
            "study.models.build",
            "pandas",
            "pytest",
        ]
    )
    random = np.random.default_rng(1)

    def started(folder: Path) -> multiprocessing.Process:
        folder.mkdir(exist_ok=True)
        (folder / "started").unlink(missing_ok=True)
        process = context.Process(target=train_as_a_job, args=(folder,))
        process.start()
        while not (folder / "started").exists() and process.is_alive():
            time.sleep(0.002)
        return process

    started(tmp_path / "undisturbed").join()
    *expected, seconds = torch.load(tmp_path / "undisturbed" / "result.pt")
    kills = went_on = 0
    for attempt in range(40):
        folder = tmp_path / f"killed{attempt}"
        while not (folder / "result.pt").exists():
            process = started(folder)
            process.join(0.02 + random.uniform(0, 0.6 * seconds))
            went_on += int((folder / "started").read_text()) > 0
            if process.is_alive():
                process.kill()
                process.join()
                kills += 1
        *found, _ = torch.load(folder / "result.pt")
        assert same(found[0], expected[0]) and found[1] == expected[1]
        if kills >= 12 and went_on >= 3:
            break
    assert kills >= 12 and went_on >= 3, (kills, went_on, seconds)


def test_a_damaged_or_foreign_checkpoint_is_passed_over(tmp_path, capsys):
    path, device = tmp_path / "c.pt", torch.device("cpu")
    assert load_checkpoint(path, "key", device) is None
    save_checkpoint(path, "key", {"x": torch.ones(2)})
    assert load_checkpoint(path, "key", device)["x"].tolist() == [1, 1]
    assert load_checkpoint(path, "other", device) is None
    assert "another recipe, data or code" in capsys.readouterr().err
    path.write_bytes(path.read_bytes()[:-100])
    assert load_checkpoint(path, "key", device) is None
    assert "unreadable checkpoint" in capsys.readouterr().err


class Trap:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.mkdir, (self.path,)


def test_a_checkpoint_with_code_in_it_is_not_run(tmp_path):
    torch.save({"key": "key", "state": Trap(tmp_path / "sprung")}, tmp_path / "c.pt")
    assert load_checkpoint(tmp_path / "c.pt", "key", torch.device("cpu")) is None
    assert not (tmp_path / "sprung").exists()


def test_predictions_do_not_depend_on_the_batch(image_set):
    learner = trainer(image_set, epochs=1)
    whole, parts = (
        predict(learner.model, learner.normalize, image_set.images, batch_size=size)
        for size in (120, 7)
    )
    assert whole.dtype == torch.float32
    torch.testing.assert_close(whole, parts)


@pytest.fixture(scope="module")
def run_folder(decoded, tmp_path_factory):
    """One run of the scripts, twice: train, predict, measure."""
    folder = tmp_path_factory.mktemp("run")
    labels = read_index(decoded / "index.csv").labels
    for name, image_ids in draw_partitions(labels, {"v1": 150, "v2": 150}, 42).items():
        write_split(
            folder / f"{name}.csv",
            split_partition(image_ids, labels, {"train": 0.7, "val": 0.15, "test": 0.15}, 5),
        )
    (folder / "recipe.yaml").write_text(RECIPE)
    (folder / "none.csv").write_text("image_id,other_id\n")
    for attempt in ("a", "b"):
        run_script(
            "train.py", "--images", decoded / "images.npy", "--index", decoded / "index.csv", "--splits", folder / "v1.csv",
            "--recipe", folder / "recipe.yaml", "--seed", 5, "--weights", folder / attempt / "model.safetensors",
            "--history", folder / attempt / "history.csv", "--run", folder / attempt / "run.json",
            "--dynamics", folder / attempt / "dynamics.npz",
        )  # fmt: skip
    run_script(
        "predict.py", "--images", decoded / "images.npy", "--splits", folder / "v1.csv", "--weights",
        folder / "a" / "model.safetensors", "--run", folder / "a" / "run.json", "--output", folder / "a" / "predictions.npz",
    )  # fmt: skip
    parts = [read_split(folder / f"{name}.csv") for name in ("v1", "v2")]
    write_common_test(folder / "common.csv", common_test(parts))
    run_script(
        "measure.py", "--predictions", folder / "a" / "predictions.npz",
        "--index", decoded / "index.csv", "--common-test", folder / "common.csv",
        "--duplicates", folder / "none.csv", "--metrics", folder / "a" / "metrics.json",
        "--report", folder / "a" / "report.txt",
        "--classification-report", folder / "a" / "classes.json",
        "--misclassified", folder / "a" / "misclassified.csv",
    )  # fmt: skip
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
    data = ("--images", decoded / "images.npy", "--splits", run_folder / "v1.csv")
    trained = ("--weights", tmp_path / "model.safetensors", "--run", tmp_path / "run.json")
    run_script(
        "train.py", *data, *trained, "--index", decoded / "index.csv", "--recipe", tmp_path / "recipe.yaml",
        "--seed", 5, "--history", tmp_path / "history.csv",
    )  # fmt: skip
    assert read_json(tmp_path / "run.json")["status"] == "diverged"
    run_script("predict.py", *data, *trained, "--output", tmp_path / "predictions.npz")
    predictions = load_predictions(tmp_path / "predictions.npz")
    assert predictions.diverged and predictions.has_role("train").sum() == 105
    measured = (
        "--predictions", tmp_path / "predictions.npz", "--index", decoded / "index.csv",
        "--metrics", tmp_path / "metrics.json", "--misclassified", tmp_path / "misclassified.csv",
    )  # fmt: skip
    run_script(
        "measure.py", *measured, "--common-test", run_folder / "common.csv",
        "--duplicates", run_folder / "none.csv", "--report", tmp_path / "report.txt",
        "--classification-report", tmp_path / "classes.json",
    )  # fmt: skip
    run_script(
        "draw_run.py", *measured, "--images", decoded / "images.npy", "--title", "cnn2",
        "--history", tmp_path / "history.csv", "--run", tmp_path / "run.json",
        "--mistakes", tmp_path / "misclassified.svg", "--curves", tmp_path / "curves.svg",
        "--confusion-matrix", tmp_path / "confusion.svg",
    )  # fmt: skip
    assert read_json(tmp_path / "metrics.json")["overall_accuracy"] is None
    assert "diverged" in (tmp_path / "report.txt").read_text()
    assert (tmp_path / "misclassified.csv").read_text() == "image_id,file,true,pred,confidence\n"
    assert all(
        "<svg" in (tmp_path / f"{name}.svg").read_text()
        for name in ("misclassified", "curves", "confusion")
    )
    labels = read_index(decoded / "index.csv").labels
    sound = load_predictions(run_folder / "a" / "predictions.npz")
    with_it, _ = hardness_table([Judge("a", sound), Judge("b", predictions)], labels, 10)
    assert with_it.equals(hardness_table([Judge("a", sound)], labels, 10)[0])


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


@pytest.mark.parametrize(
    "path", sorted((ROOT / "config" / "models").glob("*_tuned.yaml")), ids=lambda path: path.stem
)
def test_the_first_steps_of_a_tuned_recipe_do_not_throw_the_network_off(path):
    labels = torch.arange(192) % 10
    noise = torch.randint(0, 60, (192, 32, 32, 3), generator=torch.Generator().manual_seed(0))
    images = (labels[:, None, None, None] * 20 + noise).byte()
    recipe = read_yaml(path) | {"epochs": 2, "stop_after": 1, "batch_size": 32}
    learner = new_trainer(recipe, 1, 10, ImageSet(images, labels), ImageSet(images[:0], labels[:0]))
    learner.run()
    # Chance is 2.3. A rate that suits one network made another one's loss 25, and it did not recover in epochs.
    assert learner.history[0].train_loss < 8
