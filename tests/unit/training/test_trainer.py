"""The training loop: what it records, keeps and refuses, and that it goes on to the same bits."""

import math
import multiprocessing
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT
from safetensors.torch import save_file
from small_trainings import (
    FULL_RECIPE,
    facts,
    make_image_set,
    same,
    train_as_a_job,
    trainer,
    weights,
)

from study.errors import StudyError
from study.files import read_yaml
from study.models.build import build_model
from study.models.inference import evaluate
from study.seeds import stream_seed
from study.training.checkpoints import load_checkpoint, save_checkpoint
from study.training.image_set import ImageSet
from study.training.trainer import new_trainer


def test_streams_of_a_seed_differ_and_never_change():
    assert stream_seed(42, "init") == 3670858408320401841
    assert (
        len({stream_seed(seed, stream) for seed in range(50) for stream in ("init", "order")})
        == 100
    )


@pytest.fixture(scope="module")
def image_set():
    return make_image_set()


def measured(learner, image_set):
    """Return loss and accuracy of what is evaluated of a training."""
    return evaluate(
        learner.evaluated,
        learner.step.normalize,
        image_set.images,
        image_set.labels,
        bf16=learner.step.bf16,
    )


def test_training_learns_and_records_every_epoch(image_set):
    learner = trainer(image_set, epochs=6)
    history = learner.run()
    assert [epoch.epoch for epoch in history] == [1, 2, 3, 4, 5, 6]
    assert history[-1].train_loss < 0.5 * history[0].train_loss
    assert history[-1].val_accuracy > 0.9
    last = measured(learner, image_set)
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
    last = measured(with_it, with_it.test_set)
    assert (history[-1].test_loss, history[-1].test_accuracy) == last


def test_every_image_is_visited_once_an_epoch(image_set, monkeypatch):
    learner = trainer(image_set, batch_size=50, epochs=2)
    visited = []
    make_input = learner.step.input
    monkeypatch.setattr(
        learner.step,
        "input",
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


def test_a_diverging_training_stops_with_advice(image_set):
    with pytest.raises(StudyError, match=r"diverged in epoch \d.*lower 'optimizer.lr'"):
        trainer(image_set, optimizer={"name": "sgd", "lr": 1e30}, epochs=5).run()


def test_an_empty_training_set_is_refused_and_an_empty_validation_set_is_not(image_set):
    empty = image_set.empty()
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
    assert measured(learner, wrong)[1] == max(accuracies)


def fine_tuned(image_set, folder, **more):
    """Return a trainer that starts from a file of weights, as all runs of such a recipe do."""
    torch.manual_seed(7)
    architecture = {"name": "fastnet", "widths": [8, 16, 16]}
    save_file(build_model(num_classes=5, **architecture).state_dict(), folder / "net.safetensors")
    recipe = FULL_RECIPE | {
        "architecture": architecture,
        "trained_weights": {"file": str(folder / "net.safetensors")},
        "normalize": {"mean": [0.5] * 3, "std": [0.5] * 3},
        "optimizer": {"name": "sgd", "lr": 0.02, "momentum": 0.9},
    }
    return new_trainer(recipe | more, 42, 3, image_set, image_set)


FINE_TUNED = [{"train": "head"}, {"train": {"last": 1}, "head_lr": 10}, {"train": "all"}]


@pytest.mark.parametrize(
    ("start", "stop_at"),
    [
        *((None, stop_at) for stop_at in (1, 2, 7, 8, 9, 17, 24, 31)),
        *((start, stop_at) for start in FINE_TUNED for stop_at in (2, 9, 24)),
    ],
)
def test_a_training_stopped_after_any_step_goes_on_to_the_same_bits(
    image_set, tmp_path, start, stop_at
):
    class Stopped(Exception):
        pass

    def learner():
        if start is None:
            return trainer(image_set, **FULL_RECIPE)
        return fine_tuned(image_set, tmp_path, **start)

    undisturbed = learner()
    undisturbed.run()

    saves = 0

    def save(state):
        nonlocal saves
        saves += 1
        save_checkpoint(tmp_path / "c.pt", "key", state)
        if saves == stop_at:
            raise Stopped

    with pytest.raises(Stopped):
        learner().run(save=save, save_every=-1)  # after every step
    resumed = learner()
    torch.manual_seed(99)  # whatever happened in between
    resumed.load_state_dict(load_checkpoint(tmp_path / "c.pt", "key", torch.device("cpu")))
    before = resumed.seconds
    assert before > 0  # in the middle of the first epoch too
    resumed.run()
    assert resumed.seconds > before
    assert same(weights(undisturbed), weights(resumed))
    tables = undisturbed.step.dynamics.table(), resumed.step.dynamics.table()
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


@pytest.mark.parametrize(
    "path", sorted((ROOT / "config" / "models").glob("*_tuned.yaml")), ids=lambda path: path.stem
)
def test_the_first_steps_of_a_tuned_recipe_do_not_throw_the_network_off(path):
    labels = torch.arange(192) % 10
    noise = torch.randint(0, 60, (192, 32, 32, 3), generator=torch.Generator().manual_seed(0))
    images = (labels[:, None, None, None] * 20 + noise).byte()
    recipe = read_yaml(path) | {"epochs": 2, "stop_after": 1, "batch_size": 32}
    train_set = ImageSet(images, labels)
    learner = new_trainer(recipe, 1, 10, train_set, train_set.empty())
    learner.run()
    # Chance is 2.3. A rate that suits one network made another one's loss 25, and it did not
    # recover in epochs.
    assert learner.history[0].train_loss < 8
