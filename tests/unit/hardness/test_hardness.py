"""Which images stay hard: scores against their definitions, planted wrong labels, and lists of images that no model learnt."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from cleanlab.filter import find_label_issues
from scipy.special import softmax
from scipy.stats import betabinom, entropy, rankdata
from statsmodels.stats.proportion import proportion_confint

from study.config.combos import chain_of
from study.hardness.hard_to_learn import Chain, hard_to_learn, text_report
from study.hardness.judgements import (
    Judge,
    Judgements,
    beta_binomial,
    growth,
    hardness_table,
    judgement_scores,
    list_length,
    split_half,
)
from study.runs.predictions import ROLE_CODES, Predictions

N, K = 60, 3


def judge(random, model, labels, strength, ids_of) -> Judge:
    """Return a run that knows the labels with some strength; `ids_of` gives the images it trained, validated and tested on."""
    logits = random.normal(0, 1, (len(labels), K)).astype(np.float32)
    logits[np.arange(len(labels)), labels] += strength
    roles = np.zeros(len(labels), np.uint8)
    for role, ids in ids_of.items():
        roles[ids] = ROLE_CODES[role]
    return Judge(model, Predictions(logits, roles))


@pytest.fixture(scope="module")
def study():
    """Three runs of one model and two of another; image 0 has been seen by all, image 1 by none."""
    random = np.random.default_rng(0)
    labels = random.integers(0, K, N)
    judges = []
    for i, model in enumerate(["strong", "strong", "strong", "weak", "weak"]):
        ids = random.permutation(np.arange(2, N))
        roles = {"train": np.append(ids[:20], 0), "val": ids[20:25], "test": ids[25:35]}
        judges.append(
            judge(random, model, labels, 2.0 if model == "strong" else 0.5 + 0.1 * i, roles)
        )
    return labels, judges


def by_hand(labels, judges, image):
    """Return p, rank and prediction of each run that may judge an image, by model."""
    found = {}
    for one in judges:
        run = one.predictions
        may = ~np.isin(run.roles, [ROLE_CODES["train"], ROLE_CODES["val"]])
        if may[image]:
            p = softmax(run.logits.astype(float), axis=1)
            loss = -np.log(p[np.arange(N), labels])
            rank = rankdata(loss[may])[np.flatnonzero(may) == image][0] / may.sum()
            found.setdefault(one.model, []).append((p[image], rank))
    return found


def test_every_image_has_a_row_and_scores_are_their_definitions(study):
    labels, judges = study
    table, _ = hardness_table(judges, labels, K)
    assert len(table) == N and table["n_eligible"].iloc[0] == 0 and table["n_eligible"].iloc[1] == 5
    for image in range(1, N):
        models = by_hand(labels, judges, image)
        row, y = table.iloc[image], labels[image]
        runs = [run for own in models.values() for run in own]
        assert row["n_eligible"] == len(runs) and row["n_models_eligible"] == len(models)
        if not runs:
            continue
        ranks = [np.mean([rank for _, rank in own]) for own in models.values()]
        assert row["hardness"] == pytest.approx(np.mean(ranks), abs=1e-6)
        if len(models) == 2:
            assert row["hardness_se"] == pytest.approx(np.std(ranks, ddof=1) / np.sqrt(2), abs=1e-6)
        else:
            assert np.isnan(row["hardness_se"])
        p_models = [np.mean([p for p, _ in own], axis=0) for own in models.values()]
        p_mean = np.mean(p_models, axis=0)
        assert row["p_label_mean"] == pytest.approx(p_mean[y])
        assert row["p_label_std"] == pytest.approx(np.std([p[y] for p, _ in runs]), abs=1e-7)
        margins = [
            np.mean([p[y] - np.delete(p, y).max() for p, _ in own]) for own in models.values()
        ]
        assert row["label_suspicion"] == pytest.approx((1 - np.mean(margins)) / 2)
        votes = np.bincount([p.argmax() for p, _ in runs], minlength=K)
        assert row["consensus"] == votes.argmax() and row["consensus_share"] == pytest.approx(
            votes.max() / len(runs)
        )
        assert row["consensus_p"] == pytest.approx(p_mean[votes.argmax()])
        assert row["second_p"] == pytest.approx(np.delete(p_mean, votes.argmax()).max())
        assert row["n_wrong"] == len(runs) - votes[y]
        low, high = proportion_confint(row["n_wrong"], len(runs), method="wilson")
        assert (row["error_rate_low"], row["error_rate_high"]) == pytest.approx((low, high))
        aleatoric = np.mean([np.mean([entropy(p) for p, _ in own]) for own in models.values()])
        assert row["entropy_total"] == pytest.approx(entropy(p_mean)) and row[
            "entropy_aleatoric"
        ] == pytest.approx(aleatoric)
        assert row["mi_model"] == pytest.approx(
            entropy(p_mean) - np.mean([entropy(p) for p in p_models]), abs=1e-9
        )
        parts = row[["entropy_aleatoric", "mi_model", "mi_seed"]].sum()
        assert (
            parts == pytest.approx(row["entropy_total"])
            and row["mi_seed"] >= -1e-9
            and row["mi_model"] >= -1e-9
        )
        wrong = sum(
            np.bincount([p.argmax() for p, _ in own], minlength=K).argmax() != y
            for own in models.values()
        )
        assert row["models_wrong"] == wrong


def test_an_image_that_no_run_may_judge_has_no_scores(study):
    labels, judges = study
    row = hardness_table(judges, labels, K)[0].iloc[0]
    empty = [
        "error_rate",
        "hardness",
        "p_label_mean",
        "label_suspicion",
        "consensus_share",
        "consensus_p",
        "entropy_total",
    ]
    assert (
        row[empty].isna().all()
        and row["kind"] == ""
        and row["consensus"] == -1
        and not row["cl_issue"]
    )


def test_a_run_may_not_judge_an_image_whose_near_duplicate_it_has_seen(study):
    labels, judges = study
    run = judges[0].predictions
    seen, unseen = (
        np.flatnonzero(run.has_role("train"))[0],
        np.flatnonzero(run.has_role("test", "unseen")),
    )
    pairs = np.array([sorted((seen, unseen[0])), sorted((unseen[1], unseen[2]))])
    may = run.may_judge(pairs)
    assert not may[unseen[0]] and may[unseen[1]] and may[unseen[2]] and not may[seen]
    table = hardness_table(judges, labels, K, pairs)[0]
    without = hardness_table(judges, labels, K)[0]
    assert table["n_eligible"].iloc[unseen[0]] < without["n_eligible"].iloc[unseen[0]]


def test_confident_learning_is_cleanlabs_on_mean_probabilities(study):
    labels, judges = study
    table, _ = hardness_table(judges, labels, K)
    judged = np.flatnonzero(table["n_eligible"] > 0)
    p = np.array([
        np.mean([np.mean([p for p, _ in own], axis=0) for own in by_hand(labels, judges, i).values()], axis=0) for i in judged
    ])  # fmt: skip
    expected = find_label_issues(labels[judged], p, filter_by="confident_learning", n_jobs=1)
    assert list(table["cl_issue"].to_numpy()[judged]) == list(expected) and expected.any()


def test_kinds_follow_error_rate_and_agreement():
    labels = np.zeros(5, int)
    answers = np.array(
        [
            [1, 1, 0, 0, 0],
            [1, 1, 0, 1, 0],
            [1, 2, 0, 0, 0],
            [1, 2, 0, 0, 0],
            [1, 0, 0, 0, 0],
            [1, 0, 0, 0, 2],
        ]
    )
    runs = [
        Judge("m", Predictions(10 * np.eye(3, dtype=np.float32)[row], np.zeros(5, np.uint8)))
        for row in answers
    ]
    kinds = hardness_table(runs, labels, 3)[0]["kind"]
    assert list(kinds) == ["consensus other", "split", "easy", "some", "some"]
    unstable = [
        Judge("m", Predictions(10 * np.eye(3, dtype=np.float32)[[a]], np.zeros(1, np.uint8)))
        for a in (0, 0, 0, 1, 2)
    ]
    assert list(hardness_table(unstable, labels[:1], 3)[0]["kind"]) == ["unstable"]


def test_training_dynamics_are_means_over_the_runs_that_trained_on_an_image(study):
    labels, judges = study
    kept = []
    for value, one in enumerate(judges):
        ids = np.flatnonzero(one.predictions.has_role("train"))
        statistics = dict.fromkeys(
            ("confidence", "variability", "correctness", "forgetting", "aum"),
            np.full(len(ids), value),
        )
        kept.append(
            one._replace(
                dynamics={
                    "image_id": ids,
                    "first_learnt": np.where(ids % 2, value + 1, 0),
                    **statistics,
                }
            )
        )
    table, _ = hardness_table(kept, labels, K)
    for image in range(N):
        values = [v for v, one in enumerate(judges) if one.predictions.has_role("train")[image]]
        row = table.iloc[image]
        if not values:
            assert np.isnan(row["train_aum"])
            continue
        assert row["train_aum"] == row["train_confidence"] == pytest.approx(np.mean(values))
        first = np.mean(values) + 1 if image % 2 else np.nan
        assert row["train_first_learnt"] == pytest.approx(first, nan_ok=True)


def test_memorisation_is_what_training_on_an_image_adds(study):
    labels, judges = study
    table, _ = hardness_table(judges, labels, K)
    for image in range(1, N):
        p_in = {}
        for one in judges:
            if one.predictions.has_role("train")[image]:
                p = softmax(one.predictions.logits[image].astype(float))[labels[image]]
                p_in.setdefault(one.model, []).append(p)
        expected = (
            np.mean([np.mean(own) for own in p_in.values()]) - table["p_label_mean"][image]
            if p_in
            else np.nan
        )
        assert table["memorisation"][image] == pytest.approx(expected, nan_ok=True)


def test_the_beta_binomial_prior_is_found_again():
    random = np.random.default_rng(1)
    count = random.integers(3, 16, 20_000)
    a, b = beta_binomial(betabinom.rvs(count, 0.6, 1.4, random_state=random), count)
    assert (a, b) == pytest.approx((0.6, 1.4), rel=0.08)


def noisy_study(n=3000, runs=12):
    random = np.random.default_rng(2)
    labels = random.integers(0, K, n)
    difficulty = random.normal(0, 1.5, n)
    judges = []
    for i in range(runs):
        logits = random.normal(0, 1, (n, K)).astype(np.float32)
        logits[np.arange(n), labels] += 1.5 - difficulty
        roles = np.where(random.random(n) < 0.3, ROLE_CODES["train"], 0).astype(np.uint8)
        judges.append(Judge(f"m{i % 2}", Predictions(logits, roles)))
    return labels, difficulty, judges


@pytest.mark.parametrize(
    ("n_images", "length"),
    [(60_000, 1000), (20_000, 1000), (19_999, 500), (1_797, 50), (40, 2), (20, 1), (0, 1)],
)
def test_the_list_of_the_hardest_is_a_small_part_of_the_images(n_images, length):
    assert list_length(n_images) == length


def test_the_rank_of_the_loss_gives_a_steadier_list_than_the_count():
    labels, difficulty, judges = noisy_study()
    table, judgements = hardness_table(judges, labels, K)
    assert (
        np.corrcoef(table["hardness"], difficulty)[0, 1]
        > np.corrcoef(table["error_rate"], difficulty)[0, 1]
        > 0.7
    )
    halves = {
        half.score: half
        for half in split_half(judgements, np.random.default_rng(3), tops=(300,), repetitions=5)
    }
    assert halves["hardness"].overlap[300] > halves["error_rate"].overlap[300] > 0.1
    assert (
        halves["hardness"].full > halves["hardness"].correlation > halves["error_rate"].correlation
    )
    rows = pd.DataFrame(growth(judgements, np.random.default_rng(4), top=300, repetitions=3))
    by_rank = rows[rows["score"] == "hardness"]
    assert list(by_rank["n_runs"]) == [1, 2, 4, 8, 12] and by_rank["overlap"].iloc[-1] == 1
    assert (by_rank["overlap"].diff().dropna() > 0).all()


def test_chosen_runs_score_as_a_study_of_these_runs_alone():
    labels, _, judges = noisy_study(400, 6)
    _, judgements = hardness_table(judges, labels, K)
    chosen = np.array([True, True, False, True, False, False])
    scores = judgement_scores(judgements, chosen)
    alone, _ = hardness_table(
        [one for one, use in zip(judges, chosen, strict=True) if use], labels, K
    )
    for name in ("hardness", "error_rate"):
        assert scores[name] == pytest.approx(alone[name].to_numpy(), nan_ok=True, abs=1e-6)


def test_memory_does_not_grow_with_the_number_of_runs():
    def peak(runs):
        labels, _, judges = noisy_study(4000, runs)
        tracemalloc.start()
        _, judgements = hardness_table(judges, labels, K)
        judgement_scores(judgements, np.ones(runs, bool))
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    few = peak(4)
    assert peak(64) < few + 60 * 4000 / 2  # half a byte a run and image


def test_a_study_in_which_everything_diverged_has_no_scores():
    nothing = Judge("m", Predictions(np.full((4, K), np.nan, np.float32), np.zeros(4, np.uint8)))
    table, judgements = hardness_table([nothing], np.array([0, 1, 2, 0]), K)
    assert (
        table["hardness"].isna().all()
        and judgements.models == []
        and split_half(judgements, np.random.default_rng(0), tops=(1,)) == []
    )


def test_the_chain_of_combos_grows_from_the_partition():
    combos = ["v1", "v2", "v3", "v1+v2", "v1+v2+v3", "official"]
    assert chain_of(combos, "v1") == ["v1", "v1+v2", "v1+v2+v3"]
    assert chain_of(combos, "v3") == ["v3", "v1+v2+v3"]
    assert chain_of(["v1+v2", "v2"], "v1") == []


def test_hard_to_learn_images_are_those_that_every_model_of_the_chain_gets_wrong():
    labels = np.array([0, 1, 2, 0, 1, 2, 0, 0])
    ids = np.arange(6)  # the partition; 6 and 7 are of another one

    def chain(seed, answers, roles):
        codes = np.array([ROLE_CODES[role] for role in roles], np.uint8)
        return Chain("m", seed, {
            combo: Predictions(10 * np.eye(3, dtype=np.float32)[np.array(row)], codes) for combo, row in answers.items()
        })  # fmt: skip

    roles = ["test", "test", "train", "train", "val", "train", "test", "test"]
    first = chain(1, {"v1": [1, 1, 0, 1, 0, 2, 2, 2], "v1+v2": [2, 1, 1, 0, 0, 2, 2, 2]}, roles)
    second = chain(2, {"v1": [1, 0, 2, 1, 0, 0, 2, 2], "v1+v2": [1, 0, 2, 1, 0, 0, 2, 2]}, roles)
    images, counts = hard_to_learn([first, second], ids, labels)
    found = {(r.judged, r.model, r.seed): [] for r in counts.itertuples()}
    for row in images.itertuples():
        found[row.judged, row.model, row.seed].append((row.image_id, row.true, row.predicted))
    assert found["out of sample", "m", 1] == [(0, 0, 1)] and found["out of sample", "m", 2] == [
        (0, 0, 1),
        (1, 1, 0),
    ]
    assert found["trained on", "m", 1] == [(2, 2, 0)] and found["trained on", "m", 2] == [
        (3, 0, 1),
        (5, 2, 0),
    ]
    assert found["out of sample", "all", -1] == [(0, 0, 1)] and found["trained on", "all", -1] == []
    assert set(counts["n_judged"]) == {2, 3}
    report = text_report(images, counts, ["cat", "dog", "fox"], "v1", ["v1", "v1+v2"])
    assert (
        "== Out of sample, m, seed 2 ==\nImages judged: 2\nClass distribution:\ncat: 1\ndog: 1\nfox: 0"
        in report
    )
    assert (
        "== Trained on, all models and seeds ==\nImages judged: 3\nNo hard-to-learn images found."
        in report
    )
    assert "Total hard-to-learn images: 2" in report


def test_two_runs_that_contradict_each_other_leave_no_reliability_to_extrapolate():
    judgements = Judgements(4)
    ranks = np.array([0.25, 0.5, 0.75, 1.0], np.float32)
    for rank in (ranks, ranks[::-1]):
        judgements.add("cnn2", rank, np.zeros(4, bool))
    hardness = split_half(judgements, np.random.default_rng(0), tops=(1,))[0]
    assert hardness.correlation == pytest.approx(-1) and np.isnan(hardness.full)
