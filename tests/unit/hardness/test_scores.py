"""Scores of hardness against their definitions."""

import itertools

import numpy as np
import pandas as pd
import pytest
from cleanlab.filter import find_label_issues
from made_up_run import MadeUpRun
from scipy.special import softmax
from scipy.stats import betabinom, norm, rankdata
from statsmodels.stats.proportion import proportion_confint

from study.hardness.judgements import read_judgements
from study.hardness.scores import beta_binomial, hardness_table
from study.runs.predictions import ROLE_CODES, Predictions
from study.runs.second_looks import SecondLook

N, K = 60, 3


def scores_of(runs, labels, *duplicates):
    return hardness_table(read_judgements(runs, labels, K, *duplicates))


def made_up(random, model, labels, strength, ids_of) -> MadeUpRun:
    """Return a run that knows the labels with some strength.

    `ids_of` gives the images that it trained, validated and tested on.
    """
    logits = random.normal(0, 1, (len(labels), K)).astype(np.float32)
    logits[np.arange(len(labels)), labels] += strength
    roles = np.zeros(len(labels), np.uint8)
    for role, ids in ids_of.items():
        roles[ids] = ROLE_CODES[role]
    return MadeUpRun(model, Predictions(logits, roles))


@pytest.fixture(scope="module")
def study():
    """Three runs of one model and two of another; image 0 has been seen by all, image 1 by none."""
    random = np.random.default_rng(0)
    labels = random.integers(0, K, N)
    runs = []
    for i, model in enumerate(["strong", "strong", "strong", "weak", "weak"]):
        ids = random.permutation(np.arange(2, N))
        roles = {"train": np.append(ids[:20], 0), "val": ids[20:25], "test": ids[25:35]}
        runs.append(
            made_up(random, model, labels, 2.0 if model == "strong" else 0.5 + 0.1 * i, roles)
        )
    return labels, runs


def by_hand(labels, runs, image):
    """Return p and ranks of loss and log-margin of each run that may judge, by model."""
    found = {}
    for one in runs:
        run = one.answers
        may = ~np.isin(run.roles, [ROLE_CODES["train"], ROLE_CODES["val"]])
        if may[image]:
            p = softmax(run.logits.astype(float), axis=1)
            loss = -np.log(p[np.arange(N), labels])
            others = np.where(np.eye(K, dtype=bool)[labels], 0, p).max(axis=1)
            ranks = (
                rankdata(values[may])[np.flatnonzero(may) == image][0] / may.sum()
                for values in (loss, np.log(others) + loss)
            )
            found.setdefault(one.model, []).append((p[image], *ranks))
    return found


def test_every_image_has_a_row_and_scores_are_their_definitions(study):
    labels, runs = study
    table = scores_of(runs, labels)
    assert len(table) == N and table["n_eligible"].iloc[0] == 0 and table["n_eligible"].iloc[1] == 5
    for image in range(1, N):
        models = by_hand(labels, runs, image)
        row, y = table.iloc[image], labels[image]
        answers = [run for of_model in models.values() for run in of_model]
        assert row["n_eligible"] == len(answers) and row["n_models_eligible"] == len(models)
        if not answers:
            continue
        ranks = [np.mean([rank for _, rank, _ in of_model]) for of_model in models.values()]
        assert row["hardness"] == pytest.approx(np.mean(ranks), abs=1e-6)
        if len(models) == 2:
            assert row["hardness_se"] == pytest.approx(np.std(ranks, ddof=1) / np.sqrt(2), abs=1e-6)
        else:
            assert np.isnan(row["hardness_se"])
        p_models = [np.mean([p for p, *_ in of_model], axis=0) for of_model in models.values()]
        p_mean = np.mean(p_models, axis=0)
        assert row["p_label_mean"] == pytest.approx(p_mean[y])
        assert row["p_label_std"] == pytest.approx(
            np.std([p[y] for p, *_ in answers], ddof=1) if len(answers) > 1 else np.nan,
            abs=1e-7,
            nan_ok=True,
        )
        suspicion = [np.mean([run[2] for run in of_model]) for of_model in models.values()]
        assert row["label_suspicion"] == pytest.approx(np.mean(suspicion), abs=1e-6)
        votes = np.bincount([p.argmax() for p, *_ in answers], minlength=K)
        # Of equally frequent classes the more probable one.
        by_votes = sorted(range(K), key=lambda k: (votes[k], p_mean[k]))
        consensus = by_votes[-1]
        assert (row["consensus"], row["consensus_share"]) == pytest.approx(
            (consensus, votes.max() / len(answers))
        )
        assert row["consensus_p"] == pytest.approx(p_mean[consensus])
        assert row["second_p"] == pytest.approx(np.delete(p_mean, consensus).max())
        others = [k for k in by_votes if k != y and votes[k]]
        assert row["other_class"] == (others[-1] if others else -1)
        assert row["n_wrong"] == len(answers) - votes[y]
        low, high = proportion_confint(row["n_wrong"], len(answers), method="wilson")
        assert (row["error_rate_low"], row["error_rate_high"]) == pytest.approx((low, high))
        wrong = sum(
            np.bincount([p.argmax() for p, *_ in of_model], minlength=K).argmax() != y
            for of_model in models.values()
        )
        assert row["models_wrong"] == wrong


def test_an_image_that_no_run_may_judge_has_no_scores(study):
    labels, runs = study
    row = scores_of(runs, labels).iloc[0]
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
        and pd.isna(row["cl_issue"])
    )


def test_where_no_comparable_run_judges_no_class_comes_next():
    """The run of the other size is the only one that may judge the last image."""
    small, large = np.zeros((2, 6), np.uint8)
    small[5], large[:4] = ROLE_CODES["train"], ROLE_CODES["train"]
    logits = np.eye(K, dtype=np.float32)[[0, 1, 2, 0, 1, 2]]
    runs = [MadeUpRun("m", Predictions(logits, roles)) for roles in (small, large)]
    table = scores_of(runs, np.array([0, 0, 2, 0, 1, 0]))
    assert list(table["n_eligible"]) == [1, 1, 1, 1, 2, 1]
    assert list(table["n_comparable"]) == [1, 1, 1, 1, 1, 0]
    last = table.iloc[5]
    assert last["consensus"] == 2 and last["second"] == -1
    assert last[["consensus_p", "second_p"]].isna().all()


def test_a_run_may_not_judge_an_image_whose_near_duplicate_it_has_seen(study):
    labels, runs = study
    run = runs[0].answers
    seen, unseen = (
        np.flatnonzero(run.has_role("train"))[0],
        np.flatnonzero(run.has_role("test", "unseen")),
    )
    pairs = np.array([sorted((seen, unseen[0])), sorted((unseen[1], unseen[2]))])
    may = run.may_judge(pairs)
    assert not may[unseen[0]] and may[unseen[1]] and may[unseen[2]] and not may[seen]
    table = scores_of(runs, labels, pairs)
    without = scores_of(runs, labels)
    assert table["n_eligible"].iloc[unseen[0]] < without["n_eligible"].iloc[unseen[0]]


def differ(one, other) -> float:
    """Return how often answers differ that are drawn by the probabilities of two runs."""
    return 1 - sum(one * other)


def test_disagreement_is_of_pairs_of_runs(study):
    labels, runs = study
    table = scores_of(runs, labels)
    for image in range(1, N):
        models = [[p for p, *_ in of_model] for of_model in by_hand(labels, runs, image).values()]
        row = table.iloc[image]
        own = np.mean([np.mean([differ(p, p) for p in of_model]) for of_model in models])
        assert row["entropy_aleatoric"] == pytest.approx(own)
        if len(models) == 2:
            between = np.mean([differ(p, q) for p, q in itertools.product(*models)])
            assert row["entropy_total"] == pytest.approx(between)
        else:
            assert np.isnan(row["entropy_total"])
        if len(models) == 2 and min(map(len, models)) > 1:
            pairs = [itertools.combinations(of_model, 2) for of_model in models]
            same = np.mean([np.mean([differ(p, q) for p, q in of_model]) for of_model in pairs])
            assert row["mi_seed"] == pytest.approx(same - own)
            assert row["mi_model"] == pytest.approx(between - same)
        else:
            assert np.isnan(row["mi_model"])


def test_labels_are_doubted_by_three_of_four_runs_that_each_are_cleanlabs():
    random = np.random.default_rng(4)
    labels = random.integers(0, K, 900)
    looks = np.where(np.arange(900) < 60, (labels + 1) % K, labels)
    runs = [made_up(random, "m", looks, 2.5, {}) for _ in range(4)]
    doubts = [
        find_label_issues(
            labels, softmax(run.answers.logits, axis=1), filter_by="confident_learning", n_jobs=1
        )
        for run in runs
    ]
    issue = scores_of(runs, labels)["cl_issue"]
    assert (issue.to_numpy(bool) == (np.sum(doubts, axis=0) >= 3)).all()
    assert issue[:60].sum() > 20 > issue[60:].sum()
    assert scores_of(runs[:3], labels)["cl_issue"].isna().all()  # too few
    weak = [made_up(random, "m", looks, 1.0, {}) for _ in range(4)]
    assert scores_of(weak, labels)["cl_issue"].isna().all()


def test_kinds_follow_four_judges():
    labels = np.zeros(5, int)
    answers = np.array([[1, 1, 0, 0, 0], [1, 2, 0, 1, 0], [1, 1, 0, 0, 0], [1, 1, 0, 0, 1]])
    runs = [
        MadeUpRun("m", Predictions(10 * np.eye(3, dtype=np.float32)[row], np.zeros(5, np.uint8)))
        for row in answers
    ]
    table = scores_of(runs, labels)
    assert list(table["kind"]) == ["consensus other", "split", "easy", "unstable", "unstable"]
    assert list(table["wrong_of_four"]) == [4, 4, 0, 1, 1]
    few = scores_of(runs[:3], labels)
    assert set(few["kind"]) == {"few judges"} and few["wrong_of_four"].isna().all()


def test_training_dynamics_are_means_over_the_runs_that_trained_on_an_image(study):
    labels, runs = study
    kept = []
    for value, one in enumerate(runs):
        ids = np.flatnonzero(one.answers.has_role("train"))
        statistics = dict.fromkeys(
            ("confidence", "variability", "correctness", "forgetting", "aum"),
            np.full(len(ids), value),
        )
        kept.append(
            one._replace(
                statistics={
                    "image_id": ids,
                    "first_learnt": np.where(ids % 2, value + 1, 0),
                    **statistics,
                }
            )
        )
    table = scores_of(kept, labels)
    for image in range(N):
        values = [v for v, one in enumerate(runs) if one.answers.has_role("train")[image]]
        row = table.iloc[image]
        if not values:
            assert np.isnan(row["train_aum"])
            continue
        assert row["train_aum"] == row["train_confidence"] == pytest.approx(np.mean(values))
        first = np.mean(values) + 1 if image % 2 else np.nan
        assert row["train_first_learnt"] == pytest.approx(first, nan_ok=True)


def test_memorisation_is_what_training_on_an_image_adds(study):
    labels, runs = study
    table = scores_of(runs, labels)
    for image in range(1, N):
        seen = {}
        for one in runs:
            if one.answers.has_role("train")[image]:
                p = softmax(one.answers.logits[image].astype(float))[labels[image]]
                seen.setdefault(one.model, []).append(p)
        judged = by_hand(labels, runs, image)
        added = [
            np.mean(seen[model]) - np.mean([p[labels[image]] for p, *_ in judged[model]])
            for model in seen.keys() & judged.keys()
        ]
        expected = np.mean(added) if added else np.nan
        assert table["memorisation"][image] == pytest.approx(expected, nan_ok=True)


def test_the_beta_binomial_prior_is_found_again():
    random = np.random.default_rng(1)
    count = random.integers(3, 16, 20_000)
    a, b = beta_binomial(betabinom.rvs(count, 0.6, 1.4, random_state=random), count)
    assert (a, b) == pytest.approx((0.6, 1.4), rel=0.08)


def test_hardness_is_the_rank_of_what_views_and_neighbours_say_together(study):
    labels, runs = study
    random = np.random.default_rng(8)
    looks = []
    for run in runs[:3]:  # those of one model; the other has no second look
        may = ~np.isin(run.answers.roles, [ROLE_CODES["train"], ROLE_CODES["val"]])
        near = random.multinomial(9, [1 / K] * K, N).astype(np.uint8) * may[:, None]
        looks.append(SecondLook(run.answers.logits[:, ::-1].copy(), near))
    runs = [run._replace(look=look) for run, look in zip(runs, looks, strict=False)] + runs[3:]
    table = scores_of(runs, labels)
    ranks, shares = [[], []], []
    for run in runs:
        may = ~np.isin(run.answers.roles, [ROLE_CODES["train"], ROLE_CODES["val"]])
        views = run.answers.logits if run.look.view_logits is None else run.look.view_logits
        p = softmax(views[may].astype(float), axis=1)
        own = np.eye(K, dtype=bool)[labels[may]]
        share = 1 - run.look.near_labels[may][own] / 9 if run.look.near_labels is not None else None
        scores = [
            norm.ppf((rankdata(values) - 0.5) / may.sum())
            for values in (-p[own], share)
            if values is not None
        ]
        rank = rankdata(sum(scores)) / may.sum()
        for of_study, values in ((ranks[run.model == "weak"], rank), (shares, share)):
            of_study.append(np.full(N, np.nan))
            if values is not None:
                of_study[-1][may] = values
    with pytest.warns(RuntimeWarning, match="Mean of empty slice"):
        by_model = [np.nanmean(of_model, axis=0) for of_model in ranks]
        hardness = np.nanmean(by_model, axis=0)
        disagreement = np.nanmean(shares, axis=0)
    assert table["hardness"].to_numpy() == pytest.approx(hardness, abs=1e-6, nan_ok=True)
    found = table["neighbour_disagreement"].to_numpy()
    assert found == pytest.approx(disagreement, abs=1e-6, nan_ok=True)
    plain = scores_of([run._replace(look=SecondLook()) for run in runs], labels)
    assert plain["neighbour_disagreement"].isna().all()
    others = [name for name in plain if name not in ("hardness", "hardness_se", "label_suspicion")]
    others.remove("neighbour_disagreement")
    assert table[others].equals(plain[others])
    assert not table["label_suspicion"].equals(plain["label_suspicion"])
