"""The learning-rate search: its rates, its end and its suggestions."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import ROOT, assert_one_clear_line, documentation, run_script
from small_trainings import flags, make_image_set, trainer

from study.data.index import read_index
from study.data.splits import split_partition, write_split
from study.errors import StudyError
from study.files import read_csv
from study.training.rate_search import (
    RangeTest,
    range_test,
    search_recipe,
    steepest,
    suggestions,
    valley,
)

SETTINGS = {"start": 1e-5, "end": 1.0, "steps": 41, "smoothing": 0.2, "divergence": 5.0}


def search(**settings):
    settings = SETTINGS | settings
    recipe = {
        "optimizer": {"name": "adam", "lr": 0.1},
        "schedule": {"name": "one_cycle"},
        "keep": "best",
    }
    return range_test(
        trainer(make_image_set(), **search_recipe(recipe, settings["start"])), **settings
    )


def seen(losses) -> RangeTest:
    losses = np.asarray(losses, float)
    return RangeTest(1e-7 * 1e8 ** (np.arange(len(losses)) / 99), losses, losses, False)


def test_rates_grow_exponentially_and_losses_are_smoothed_exponentially():
    test = search(divergence=1e9)
    assert len(test.losses) == 41 and not test.diverged
    assert test.learning_rates == pytest.approx(10 ** np.linspace(-5, 0, 41))
    expected = [test.losses[0]]
    for loss in test.losses[1:]:
        expected.append(0.2 * loss + 0.8 * expected[-1])
    assert test.smoothed == pytest.approx(expected)
    assert test.smoothed.min() < 0.7 * test.smoothed[0]  # the rates are really trained with


def test_the_search_repeats_itself_and_ends_when_the_loss_diverges():
    assert np.array_equal(search().losses, search().losses)
    diverged = search(end=1e9, divergence=2)
    assert diverged.diverged and len(diverged.losses) < 41
    assert np.isfinite(diverged.smoothed).all()


def test_only_the_searched_rate_of_muon_changes():
    recipe = {"name": "muon", "lr": 1e-4, "vector_lr": 0.05, "classifier_lr": 0.07}
    learner = trainer(make_image_set(), optimizer=recipe)
    range_test(learner, **SETTINGS | {"start": 1e-4, "end": 1e-2, "steps": 20, "divergence": 1e9})
    assert [group["lr"] for group in learner.step.optimizer.param_groups] == pytest.approx(
        [1e-2, 0.05, 0.07]
    )


def test_weights_decay_by_the_same_share_at_each_rate_of_muon():
    start = 1e-7  # the decay at this rate, kept for all, would turn the weights over at 1e-3
    recipe = {"name": "muon", "lr": start, "weight_decay": 1e-3, "vector_lr": 0.01}
    recipe |= {"classifier_lr": 0.01}
    learner = trainer(make_image_set(), optimizer=recipe)
    update, shares = learner.step.update, []

    def recorded():
        hidden = learner.step.optimizer.param_groups[0]
        shares.append(hidden["lr"] * hidden["weight_decay"])
        update()

    learner.step.update = recorded
    test = range_test(learner, **SETTINGS | {"start": start, "end": 1e-2})
    assert shares == pytest.approx([1e-3] * 41) and not test.diverged


def test_a_first_loss_that_is_no_number_is_refused():
    learner = trainer(make_image_set())
    learner.model.classifier.bias.data.fill_(float("nan"))
    with pytest.raises(StudyError, match="the loss is nan before the first step"):
        range_test(learner, **SETTINGS)


def test_the_steepest_step_is_the_authors():
    # A fall around step 46 of a hundred: 5.214e-4, what the fifth study found from 1e-7 to 10.
    test = seen(-np.tanh((np.arange(92) - 46) / 5))
    assert steepest(test) == 46
    assert test.learning_rates[46] == pytest.approx(5.214e-4, rel=1e-3)


def test_the_first_and_last_steps_are_no_suggestion():
    losses = np.linspace(1, 0.9, 60)
    losses[:5] += 50 - 10 * np.arange(5)
    losses[-3:] -= 20
    assert 10 <= steepest(seen(losses)) < 55


def test_the_valley_is_the_middle_of_the_longest_fall():
    falling = np.concatenate(
        [np.linspace(2, 2.5, 20), np.linspace(2.4, 0.4, 30), np.linspace(0.5, 9, 10)]
    )
    assert 30 <= valley(seen(falling)) <= 36
    assert valley(seen(np.arange(20))) == 0


@pytest.mark.parametrize(
    ("losses", "advice"), [(range(40), "never falls"), ([3, 2, 1], "after 3 steps, too few")]
)
def test_a_search_without_a_fall_is_refused(losses, advice):
    with pytest.raises(StudyError, match=advice):
        steepest(seen(losses))


def exploding(bottom, dead):
    """A fall to `bottom`, an explosion, and a steep fall of the dead network to `dead`."""
    return np.concatenate(
        [np.linspace(2.3, bottom, 60), np.linspace(bottom, 9, 8), np.linspace(9, dead, 12)]
    )


@pytest.mark.parametrize("dead", [2.3, 1.0])
def test_suggestions_come_from_before_the_loss_rises_for_good(dead):
    found, failures = suggestions(seen(exploding(1.5, dead)))
    assert found.keys() == {"steepest", "valley"} and not failures
    assert all(step < 60 for step in found.values())


@pytest.mark.parametrize("losses", [exploding(2.295, 1.0), np.linspace(2, 9, 60), np.full(60, 2.3)])
def test_a_search_without_a_usable_fall_suggests_nothing(losses):
    found, failures = suggestions(seen(losses))
    assert not found and failures.keys() == {"steepest", "valley"}
    assert all("never falls in the" in reason for reason in failures.values())


def test_the_script_sees_training_images_only_and_its_rate_is_trained_with(decoded, tmp_path):
    labels = read_index(decoded / "index.csv").labels
    split = split_partition(np.arange(300), labels, {"train": 0.7, "val": 0.15, "test": 0.15}, 5)
    write_split(tmp_path / "split.csv", split)
    recipe = {
        "architecture": {"name": "cnn2", "filters": 16},
        "augment": [],
        "batch_size": 16,
        "epochs": 1,
        "normalize": {"mean": [0.5] * 3, "std": [0.5] * 3},
        "optimizer": {"name": "adam", "lr": "from lr_find"},
        "schedule": {"name": "constant"},
        "keep": "best",
    }
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    data = flags(
        images=decoded / "images.npy",
        index=decoded / "index.csv",
        splits=tmp_path / "split.csv",
        recipe=tmp_path / "recipe.yaml",
        seed=5,
    )
    outputs = flags(table=tmp_path / "t.csv", suggestion=tmp_path / "s.json")
    upside_down = run_script("lr_find.py", *data, *outputs, "--start", 1, "--end", 0.1, check=False)
    assert_one_clear_line(upside_down.stderr, "--start is 1", "0 < start < end")
    settings = ("--start", 1e-5, "--end", 1, "--steps", 40, "--smoothing", 0.3, "--rule", "valley")
    run_script("lr_find.py", *data, *outputs, *settings)
    figure = tmp_path / "f.svg"
    run_script("draw_lr_find.py", *outputs, "--title", "x", "--figure", figure)
    assert "x: learning-rate search" in figure.read_text() and "valley" in figure.read_text()
    found = json.loads((tmp_path / "s.json").read_text())
    assert found["learning_rate"] == found["suggestions"]["valley"]
    assert found["n_train"] == len(split["train"])
    assert len(read_csv(tmp_path / "t.csv")) == found["steps"]

    trained = flags(
        weights=tmp_path / "w.safetensors", history=tmp_path / "h.csv", run=tmp_path / "r.json"
    )
    without = run_script("train.py", *data, *trained, check=False)
    assert_one_clear_line(without.stderr, "optimizer.lr is 'from lr_find'", "pass --lr-find")
    assert not (tmp_path / "r.json").exists()
    run_script("train.py", *data, *trained, "--lr-find", tmp_path / "s.json")
    record = json.loads((tmp_path / "r.json").read_text())
    assert record["recipe"]["optimizer"]["lr"] == found["learning_rate"]
    assert record["lr_find"]["suggestions"] == found["suggestions"]


@pytest.mark.parametrize("seed", [42, 100])
def test_the_suggestion_for_s4_is_within_a_factor_of_three_of_its_authors(seed):
    place = ROOT / "results/reference/lr_find"
    losses = pd.read_csv(place / f"resnet9_official_seed{seed}.csv")
    seen = RangeTest(
        *(losses[name].to_numpy() for name in ("learning_rate", "loss", "smoothed_loss")),
        diverged=True,
    )
    found = seen.learning_rates[suggestions(seen)[0]["steepest"]]
    assert 1 / 3 < found / 5.21e-4 < 3
    assert json.loads((place / f"resnet9_official_seed{seed}.json").read_text())[
        "learning_rate"
    ] == pytest.approx(found)
    assert f"{found:.1e}".replace("e-0", "e-") in documentation()
