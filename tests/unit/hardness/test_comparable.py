"""Scores compare images, however many and whichever runs judge them."""

import itertools

import numpy as np
import pandas as pd
import pytest
from made_up_run import MadeUpRun
from sklearn.metrics import average_precision_score

from study.hardness.comparable import comparable_runs
from study.hardness.judgements import read_judgements
from study.hardness.scores import KINDS, hardness_table
from study.runs.predictions import ROLE_CODES, Predictions

N, K = 6000, 5
PARTITION = np.arange(N) % 3
# Means of these say the same of any group of equally hard images.
MEANS = (
    "hardness", "label_suspicion", "error_rate", "p_label_mean", "entropy_total",
    "entropy_aleatoric", "mi_model", "mi_seed", "wrong_of_four", "cl_issue", "memorisation",
)  # fmt: skip


def study_of(combos: list[str], seeds: range) -> tuple[np.ndarray, list[MadeUpRun], np.ndarray]:
    """Return labels, runs of two models, better with more training images, and what images show.

    Some images look like another class than their label to all runs, and every image a little to
    all runs of a model.
    """
    random = np.random.default_rng(0)
    labels, ease = random.integers(0, K, N), random.gamma(2, 1.2, N)
    looks = np.where(random.random(N) < 0.05, (labels + 1) % K, labels)
    taste = {model: random.normal(0, 0.5, (N, K)) for model in ("a", "b")}
    runs = []
    for combo, seed, model in itertools.product(combos, seeds, taste):
        place = np.random.default_rng(seed).random(N)
        names = np.select([place < 0.8, place < 0.9], ["train", "val"], "test")
        own = np.isin(PARTITION, [int(name[1:]) - 1 for name in combo.split("+")])
        roles = own * np.array([ROLE_CODES[name] for name in names], np.uint8)
        logits = random.normal(taste[model], 1)
        logits[np.arange(N), looks] += (1.6 + 0.6 * combo.count("+")) * ease
        logits[np.arange(N), labels] += 1.5 * (roles == ROLE_CODES["train"])
        runs.append(MadeUpRun(model, Predictions(logits.astype(np.float32), roles), seed=seed))
    return labels, runs, looks


def scores(table: pd.DataFrame) -> pd.DataFrame:
    """Return `MEANS` and, as a column each, the kinds; float."""
    kinds = pd.get_dummies(pd.Categorical(table["kind"], KINDS))
    return pd.concat([table[list(MEANS)], kinds], axis=1).astype(float)


def differences(one: pd.DataFrame, other: pd.DataFrame) -> pd.Series:
    """Return by how many standard errors the means of scores differ."""
    error = np.sqrt(one.var() / one.count() + other.var() / other.count())
    return ((one.mean() - other.mean()) / error.replace(0, np.inf)).abs()


def test_partitions_do_not_differ_where_the_truth_does_not():
    labels, runs, _ = study_of(["v1", "v2", "v3", "v1+v2", "v1+v2+v3"], range(2))
    table = hardness_table(read_judgements(runs, labels, K))
    judges = table.groupby(PARTITION)["n_eligible"].mean()
    assert judges.max() > 1.4 * judges.min()
    parts = [scores(table)[part == PARTITION] for part in range(3)]
    for one, other in itertools.combinations(parts, 2):
        error = np.sqrt(one.var() / len(one) + other.var() / len(other))
        assert ((one.mean() - other.mean()).abs() <= 4 * error).all()


def test_scores_do_not_drift_with_the_number_of_judges():
    labels, runs, _ = study_of(["v1", "v2", "v3"], range(5))
    tables = [
        hardness_table(read_judgements([run for run in runs if run.seed < n], labels, K))
        for n in (1, 5)
    ]
    assert [table["n_comparable"].median() for table in tables] == [4, 20]
    few, many = (scores(table) for table in tables)
    change = few - many
    assert (change.mean().abs() <= 4 * change.std() / np.sqrt(N)).all()
    assert (many.drop(columns="few judges").mean() > 0.01).all()


def test_memorisation_is_of_runs_of_equal_training_size():
    with_larger = study_of(["v1", "v2", "v3", "v1+v2", "v1+v2+v3"], range(3))
    alone = study_of(["v1", "v2", "v3"], range(3))
    means = [
        hardness_table(read_judgements(runs, labels, K))["memorisation"].mean()
        for labels, runs, _ in (with_larger, alone)
    ]
    assert means[0] == pytest.approx(means[1], abs=0.004) and means[1] > 0.1


def test_wrong_labels_are_found_by_label_suspicion_at_least_as_well_as_by_hardness():
    labels, runs, looks = study_of(["v1", "v2", "v3"], range(2))
    table, wrong = hardness_table(read_judgements(runs, labels, K)), labels != looks
    suspicion, hardness, count = (
        average_precision_score(wrong, table[name])
        for name in ("label_suspicion", "hardness", "error_rate")
    )
    assert suspicion >= hardness > count
    issue = table["cl_issue"].to_numpy(bool)
    assert wrong[issue].mean() > 0.9 and issue[wrong].mean() > 0.4


def runs_that_train_on(*sizes: int) -> list[MadeUpRun]:
    """Return runs on the first images of 200; a negative size is of a run that diverged."""
    logits = np.zeros((200, 2), np.float32)
    return [
        MadeUpRun(
            "m",
            Predictions(
                np.full_like(logits, np.nan) if size < 0 else logits,
                np.where(np.arange(200) < size, ROLE_CODES["train"], 0).astype(np.uint8),
            ),
        )
        for size in sizes
    ]


def imported(file: str, n_train: int = 0, saw: str = "unseen") -> MadeUpRun:
    """Return a run whose predictions come from a file, trained on the first images of 200."""
    roles = np.where(np.arange(200) < n_train, ROLE_CODES["train"], ROLE_CODES[saw])
    answers = Predictions(np.zeros((200, 2), np.float32), roles.astype(np.uint8), file)
    return MadeUpRun(file, answers)


def test_models_that_saw_nothing_are_compared_with_each_other_where_no_training_compares_images():
    zero_shot, unknown = [imported(f"clip{i}") for i in range(4)], imported("vit", saw="unknown")
    assert comparable_runs([*zero_shot, unknown]) == [True] * 4 + [False]
    assert comparable_runs(zero_shot[:1]) == [True] and comparable_runs([unknown]) == [False]
    # Runs that trained here go first, unless only the others are enough for an image.
    trained = runs_that_train_on(*[50] * 4)
    assert comparable_runs([*zero_shot, *trained]) == [False] * 4 + [True] * 4
    assert comparable_runs([*zero_shot, *trained[:3]]) == [True] * 4 + [False] * 3
    assert comparable_runs([*zero_shot[:3], *trained[:3]]) == [False] * 3 + [True] * 3


def test_a_file_that_serves_all_seeds_is_one_judge():
    assert comparable_runs([imported("clip")] * 5 + runs_that_train_on(50)) == [False] * 5 + [True]
    trained = [imported("vit", 100)] * 5 + runs_that_train_on(50, 50)
    assert comparable_runs(trained) == [False] * 5 + [True] * 2


def test_images_have_an_error_rate_and_a_kind_by_models_that_saw_nothing():
    labels, runs, _ = study_of(["v1"], range(3))
    unseen = np.zeros(N, np.uint8)
    zero_shot = [
        MadeUpRun(f"m{i}", Predictions(run.answers.logits, unseen, f"file {i}"))
        for i, run in enumerate(runs[:5])
    ]
    # As in a study of two seeds.
    table = hardness_table(read_judgements(zero_shot * 2, labels, K))
    assert (table["n_comparable"] == 5).all() and table["error_rate"].notna().all()
    assert table["wrong_of_four"].notna().all() and not (table["kind"] == "few judges").any()
    assert table["memorisation"].isna().all()


@pytest.mark.parametrize(
    ("sizes", "comparable"),
    [
        ([], []),
        ([50], [True]),
        ([-50], [False]),
        ([50, 52, 100, 100], [True, True, False, False]),  # a few images more change nothing
        ([50, 100, 110, 120, 105], [False, True, True, True, True]),  # these fill more seats
        ([100] * 5 + [50] * 4 + [-100], [False] * 5 + [True] * 4 + [False]),  # four of them do
    ],
)
def test_runs_compare_images_where_most_images_have_four_of_their_training_size(sizes, comparable):
    assert comparable_runs(runs_that_train_on(*sizes)) == comparable
