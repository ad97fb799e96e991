"""How far the list of the hardest images can be relied on, and what it takes in memory."""

import tracemalloc

import numpy as np
import pytest
from made_up_run import MadeUpRun

from study.hardness.judgements import RunRanks, read_judgements
from study.hardness.reliability import (
    chosen_scores,
    growth,
    list_length,
    reliability_table,
    split_half,
)
from study.hardness.scores import hardness_table
from study.runs.predictions import ROLE_CODES, Predictions

K = 3


def noisy_study(n=3000, n_runs=12):
    random = np.random.default_rng(2)
    labels = random.integers(0, K, n)
    difficulty = random.normal(0, 1.5, n)
    runs = []
    for i in range(n_runs):
        logits = random.normal(0, 1, (n, K)).astype(np.float32)
        logits[np.arange(n), labels] += 1.5 - difficulty
        roles = np.where(random.random(n) < 0.3, ROLE_CODES["train"], 0).astype(np.uint8)
        runs.append(MadeUpRun(f"m{i % 2}", Predictions(logits, roles)))
    return labels, difficulty, runs


@pytest.mark.parametrize(
    ("n_images", "length"),
    [(60_000, 1000), (20_000, 1000), (19_999, 500), (1_797, 50), (40, 2), (20, 1), (0, 1)],
)
def test_the_list_of_the_hardest_is_a_small_part_of_the_images(n_images, length):
    assert list_length(n_images) == length


def test_the_rank_of_the_loss_gives_a_steadier_list_than_the_count():
    labels, difficulty, runs = noisy_study()
    judgements = read_judgements(runs, labels, K)
    table = hardness_table(judgements)
    assert (
        np.corrcoef(table["hardness"], difficulty)[0, 1]
        > np.corrcoef(table["error_rate"], difficulty)[0, 1]
        > 0.7
    )
    halved = split_half(judgements.ranks, np.random.default_rng(3), tops=(150,), repetitions=5)
    halves = {half.score: half for half in halved}
    assert halves["hardness"].overlap[150] > halves["error_rate"].overlap[150] > 0.1
    assert (
        halves["hardness"].full > halves["hardness"].correlation > halves["error_rate"].correlation
    )
    rows = growth(judgements.ranks, np.random.default_rng(4), top=300, repetitions=3)
    by_rank = rows[rows["score"] == "hardness"]
    assert list(by_rank["n_runs"]) == [1, 2, 4, 8, 12] and by_rank["overlap"].iloc[-1] == 1
    assert (by_rank["overlap"].diff().dropna() > 0).all()


def test_chosen_runs_score_as_a_study_of_these_runs_alone():
    labels, _, runs = noisy_study(400, 6)
    ranks = read_judgements(runs, labels, K).ranks
    chosen = np.array([True, True, False, True, False, False])
    scores = chosen_scores(ranks, chosen)
    kept = [run for run, use in zip(runs, chosen, strict=True) if use]
    alone = hardness_table(read_judgements(kept, labels, K))
    for name in ("hardness", "error_rate"):
        assert scores[name] == pytest.approx(alone[name].to_numpy(), nan_ok=True, abs=1e-6)


def test_halves_that_judge_few_images_in_common_say_nothing_of_the_list():
    """One partition, two models: halves with the same seeds share ten images, others all."""
    labels = np.random.default_rng(0).integers(0, K, 2000)
    runs = []
    for seed in range(3):
        random = np.random.default_rng(seed)
        test = random.permutation(2000)[:100]
        roles = np.full(2000, ROLE_CODES["train"], np.uint8)
        roles[test] = ROLE_CODES["test"]
        runs += [
            MadeUpRun(model, Predictions(random.normal(0, 1, (2000, K)).astype(np.float32), roles))
            for model in ("a", "b")
        ]
    ranks = read_judgements(runs, labels, K).ranks
    for seed in range(5):  # whichever halves come first
        for half in split_half(ranks, np.random.default_rng(seed), tops=(1, 10)):
            # The answers are chance, so lists of 10 in a hundred images and more share little.
            assert half.repetitions == 20 and half.overlap[10] < 0.3
            assert not np.isnan(half.correlation)
    alone = [run for run in runs if run.model == "a"]
    ranks = read_judgements(alone, labels, K).ranks
    halves = split_half(ranks, np.random.default_rng(0), tops=(10,))
    assert halves and all(half.overlap == {} for half in halves)


def test_memory_does_not_grow_with_the_number_of_runs():
    def peak(n_runs):
        labels, _, runs = noisy_study(4000, n_runs)
        tracemalloc.start()
        ranks = read_judgements(runs, labels, K).ranks
        chosen_scores(ranks, np.ones(n_runs, bool))
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    few = peak(4)
    assert peak(64) < few + 60 * 4000 / 2  # half a byte per run and image


def test_a_study_in_which_everything_diverged_has_no_scores():
    nothing = MadeUpRun(
        "m", Predictions(np.full((4, K), np.nan, np.float32), np.zeros(4, np.uint8))
    )
    judgements = read_judgements([nothing], np.array([0, 1, 2, 0]), K)
    assert hardness_table(judgements)["hardness"].isna().all() and judgements.ranks.models == []
    random = np.random.default_rng(0)
    assert split_half(judgements.ranks, random, tops=(1,)) == []
    assert list(reliability_table([])) == ["score", "correlation", "full"]
    assert growth(judgements.ranks, random, top=1).empty


def test_two_runs_that_contradict_each_other_leave_no_reliability_to_extrapolate():
    ranks = RunRanks(4)
    rising = np.array([0.25, 0.5, 0.75, 1.0], np.float32)
    for rank in (rising, rising[::-1]):
        ranks.add("cnn2", rank, np.zeros(4, bool))
    hardness = split_half(ranks, np.random.default_rng(0), tops=(1,))[0]
    assert hardness.correlation == pytest.approx(-1) and np.isnan(hardness.full)
