"""Scores of hardness are compared with people, with intervals."""

import math
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, spearmanr
from sklearn.metrics import average_precision_score, roc_auc_score

from study.hardness.human_agreement import (
    COLUMNS,
    SCORES,
    WITHIN,
    _resampled,
    agreement,
    finding,
    human_error_by_hardness,
    judged_images,
    models_and_people,
)
from study.hardness.human_votes import HumanVotes, human_targets
from study.hardness.noise_ceiling import CEILING, ceiling, halves_of
from study.hardness.rank_metrics import Ranking, rank_metrics
from study.report.plots.validation import human_error_figure, precision_recall_figure


def judged(n=300, noise=1.0, seed=0) -> pd.DataFrame:
    """Return images whose human error grows with how hard they are, and scores with more noise.

    Some of the scores are tied.
    """
    random = np.random.default_rng(seed)
    truth = random.random(n)
    votes = random.binomial(10, truth)
    targets = human_targets(
        HumanVotes(np.arange(n), np.stack([10 - votes, votes], axis=1), np.zeros(n, int))
    )
    blurred = truth + noise * random.normal(size=n)
    scores = pd.DataFrame(
        {
            "image_id": np.arange(n),
            "hardness": truth,
            "error_rate": np.clip(np.round(5 * blurred), 0, 5) / 5,
            "label_suspicion": blurred,
            "p_label_mean": 1 - votes / 10,
        }
    )
    return judged_images(scores, targets)


def value_of(table, target, score, metric, column="value") -> float:
    return table.set_index(["target", "score", "metric"]).loc[(target, score, metric), column]


def expected_average_precision(target, score) -> float:
    """Return the mean of the average precision over all orders of the ties, place by place."""
    table = (
        pd.DataFrame({"score": score, "target": target})
        .groupby("score")["target"]
        .agg(["size", "sum"])[::-1]
    )
    total, shown, found = 0.0, 0, 0
    for size, hits in table.itertuples(index=False):
        for place in range(size):
            among_earlier = place * (hits - 1) / (size - 1) if size > 1 else 0
            total += hits / size * (found + 1 + among_earlier) / (shown + place + 1)
        shown, found = shown + size, found + hits
    return total / found


METRICS = {
    "spearman": lambda target, score: spearmanr(target, score).statistic,
    "auroc": roc_auc_score,
    "average_precision": expected_average_precision,
}


def test_a_perfect_score_agrees_perfectly():
    table = agreement(judged(), resamples=50)
    for target, metric in (
        ("human_error", "spearman"),
        ("human_rejects", "auroc"),
        ("human_hard", "average_precision"),
    ):
        parts = [
            value_of(table, target, "1 - p_label_mean", metric, name)
            for name in ("value", "low", "high")
        ]
        assert parts == pytest.approx([1, 1, 1])


def test_values_are_those_of_scipy_and_scikit_learn_with_ties_in_an_order_by_chance():
    images = judged()
    assert images["error_rate"].nunique() == 6
    table = agreement(images, resamples=1)
    assert len(table) == 6 * len(SCORES) + 1
    table = table[table["score"] != CEILING]
    precision = value_of(table, "human_hard", "hardness", "average_precision")
    assert precision == pytest.approx(
        average_precision_score(images["human_hard"], images["hardness"])
    )  # no ties
    for row in table.itertuples():
        assert row.value == pytest.approx(
            METRICS[row.metric](images[row.target], images[row.score])
        ), row
        assert row.n == 300 and (
            pd.isna(row.n_positive) or row.n_positive == images[row.target].sum()
        )


def test_the_metrics_of_a_resample_are_those_of_its_images_repeated():
    images = judged(60)
    (weights,) = _resampled(np.arange(60), 5, seed=3)
    scores = {name: Ranking(images[name].to_numpy()) for name in SCORES}
    graded = {"human_entropy": Ranking(images["human_entropy"].to_numpy())}
    found = rank_metrics(
        scores, graded, {"human_rejects": images["human_rejects"].to_numpy()}, weights
    )
    assert weights.shape == (60, 5) and (weights.sum(axis=0) == 60).all() and len(found) == 12
    for (target, score, metric), values in found.items():
        for resample, value in enumerate(values):
            drawn = images.loc[np.repeat(np.arange(60), weights[:, resample].astype(int))]
            assert value == pytest.approx(METRICS[metric](drawn[target], drawn[score]))


def test_an_interval_leaves_out_a_fortieth_of_the_resamples_at_each_end():
    images = judged(60)
    ranking = {"hardness": Ranking(images["hardness"].to_numpy())}
    positive = {"human_rejects": images["human_rejects"].to_numpy()}
    blocks = [
        rank_metrics(ranking, {}, positive, weights)
        for weights in _resampled(np.arange(60), 200, seed=4)
    ]
    values = np.concatenate([block["human_rejects", "hardness", "auroc"] for block in blocks])
    table = agreement(images, resamples=200, seed=4)
    ends = [value_of(table, "human_rejects", "hardness", "auroc", name) for name in ("low", "high")]
    assert len(values) == 200 and ends == pytest.approx(np.quantile(values, [0.025, 0.975]))


@pytest.mark.parametrize("n_votes", [3, 10])
def test_the_noise_ceiling_is_what_a_score_that_knows_what_all_people_say_reaches(n_votes):
    random = np.random.default_rng(n_votes)
    truth = random.beta(1, 3, 2000)
    wrong = random.binomial(n_votes, truth)
    images = judged(2000).assign(human_n=n_votes, human_error=wrong / n_votes, hardness=truth)
    table = agreement(images, resamples=20)
    reached = value_of(table, "human_error", "hardness", "spearman")
    best = value_of(table, "human_error", CEILING, "spearman")
    assert reached - 0.02 < best < reached + (0.05 if n_votes == 3 else 0.02)
    assert value_of(table, "human_error", CEILING, "spearman", "low") < best
    assert halves_of(images.assign(human_n=1), 0) is None
    assert CEILING not in set(agreement(images.assign(human_n=1), resamples=2)["score"])
    assert ceiling(np.array([0.5, -0.1]), 2) == pytest.approx([math.sqrt(2 / 3), 0])


def test_within_classes_a_score_that_knows_but_the_class_says_nothing():
    images, labels = judged(600), np.random.default_rng(1).integers(0, 3, 600)
    by_class = images.assign(hardness=labels, human_error=(labels + images["human_error"]) / 3)
    table = agreement(by_class, resamples=20, labels=labels)
    assert value_of(table, "human_error", "hardness", "spearman") > 0.9
    assert math.isnan(value_of(table, "human_error", "hardness", WITHIN))
    expected = [
        spearmanr(part["human_error"], part["label_suspicion"]).statistic
        for _, part in by_class.groupby(labels)
    ]
    found = value_of(table, "human_error", "label_suspicion", WITHIN)
    assert found == pytest.approx(np.average(expected, weights=np.bincount(labels)))
    assert value_of(table, "human_error", "label_suspicion", WITHIN, "low") < found


def test_images_that_belong_together_are_drawn_together():
    """Each picture ten times says as much as once, and not as ten pictures."""
    once, twin = judged(40), np.repeat(np.arange(40), 10)
    tenfold = once.iloc[twin].assign(image_id=np.arange(400)).reset_index(drop=True)
    width = {
        name: value_of(table, "human_error", "hardness", "spearman", "high")
        - value_of(table, "human_error", "hardness", "spearman", "low")
        for name, table in {
            "once": agreement(once, 400),
            "together": agreement(tenfold, 400, together=twin),
            "apart": agreement(tenfold, 400),
        }.items()
    }
    assert width["together"] == pytest.approx(width["once"], rel=0.01)
    assert width["apart"] < 0.5 * width["once"]


def test_average_precision_of_ties_is_the_mean_over_their_orders():
    score, target = np.array([1, 1, 2, 2, 2, 3.0]), np.array([0, 1, 0, 1, 0, 0])
    orders = [
        average_precision_score(target, score + 0.01 * np.array(order))
        for order in permutations(range(6))
    ]
    weights = np.ones((6, 1))
    found = rank_metrics({"count": Ranking(score)}, {}, {"rejected": target == 1}, weights)
    assert found["rejected", "count", "average_precision"] == pytest.approx(np.mean(orders))
    assert expected_average_precision(target, score) == pytest.approx(np.mean(orders))
    # scikit-learn's would make any order within the ties look better than none.
    assert average_precision_score(target, score) < np.mean(orders) - 0.05


def test_the_count_does_not_differ_from_itself_and_differences_are_paired():
    table = agreement(judged(), resamples=200).set_index("score")
    differences = table.loc[
        "error_rate", ["difference_to_error_rate", "difference_low", "difference_high"]
    ]
    assert (differences == 0).all(axis=None)
    # Two scores with the same noise move together: their difference is surer than either.
    alike = table.loc["label_suspicion"]
    assert (
        alike["difference_high"] - alike["difference_low"] < 0.6 * (alike["high"] - alike["low"])
    ).all()


def test_intervals_hold_a_known_area_as_often_as_they_should_and_shrink_with_more_images():
    def area(n, seed):
        random = np.random.default_rng(seed)
        positive = random.random(n) < 0.3
        scores = pd.DataFrame(random.normal(size=(n, 4)) + positive[:, None], columns=SCORES)
        votes = {"human_n": 1, "human_error": 0, "human_entropy": 0}
        images = scores.assign(
            image_id=np.arange(n), human_rejects=positive, human_hard=positive, **votes
        )
        table = agreement(images, resamples=200)
        return [
            value_of(table, "human_rejects", "hardness", "auroc", name) for name in ("low", "high")
        ]

    intervals = [area(200, seed) for seed in range(40)]
    truth = norm.cdf(1 / math.sqrt(2))
    assert 34 <= sum(low <= truth <= high for low, high in intervals) <= 40
    widths = [
        np.mean([high - low for low, high in found])
        for found in (intervals, [area(800, s) for s in range(10)])
    ]
    assert widths[1] / widths[0] == pytest.approx(0.5, abs=0.1)


def test_the_same_seed_gives_the_same_intervals_and_another_one_others():
    images = judged(100)
    assert agreement(images, 40, seed=1).equals(agreement(images, 40, seed=1))
    assert not agreement(images, 40, seed=1)["low"].equals(agreement(images, 40, seed=2)["low"])


def test_what_is_undefined_is_missing():
    table = agreement(judged().assign(human_rejects=False, error_rate=0.0), resamples=20)
    rejected = table[table["target"] == "human_rejects"]
    assert (
        rejected[["value", "low", "high"]].isna().all(axis=None)
        and (rejected["n_positive"] == 0).all()
    )
    constant = table[(table["score"] == "error_rate") & (table["metric"] == "spearman")]
    assert constant["value"].isna().all()
    hardness = table[(table["score"] == "hardness") & (table["metric"] == "spearman")]
    assert hardness["low"].notna().all() and hardness["difference_low"].isna().all()


def test_only_images_that_a_run_may_judge_count():
    scores = judged(10).drop(
        columns=[SCORES[-1], "human_error", "human_entropy", "human_rejects", "human_hard"]
    )
    scores.loc[3, ["hardness", "error_rate", "label_suspicion", "p_label_mean"]] = np.nan
    votes = HumanVotes(np.array([3, 5, 4]), np.array([[9, 1], [8, 2], [1, 9]]), np.zeros(3, int))
    images = judged_images(scores, human_targets(votes))
    assert images["image_id"].tolist() == [4, 5]
    assert images["human_error"].tolist() == pytest.approx([0.9, 0.2])
    assert images[SCORES[-1]].tolist() == pytest.approx((1 - scores["p_label_mean"][4:6]).tolist())
    none = judged_images(scores, human_targets(votes).assign(image_id=99))
    assert none.empty and {*SCORES, "human_error"} <= set(none)


def test_a_score_that_no_image_has_takes_no_image_away_and_has_empty_cells():
    whole = judged(100)
    scores = whole[["image_id", *SCORES[:-1], "p_label_mean"]]
    targets = whole.drop(columns=[*SCORES, "p_label_mean"])
    without = {"error_rate": np.nan, "p_label_mean": np.nan}
    images = judged_images(scores.assign(**without), targets)
    assert len(images) == 100
    table = agreement(images, 20)
    unknown = table["score"].isin(["error_rate", SCORES[-1]])
    assert table.loc[unknown, ["value", "low", "high"]].isna().all(axis=None) and unknown.any()
    known = agreement(whole, 20)[~unknown]
    same = ["score", "metric", "value", "low", "high", "n"]
    assert table.loc[~unknown, same].equals(known[same])
    assert table[["difference_to_error_rate", "difference_low"]].isna().all(axis=None)
    assert finding(table) == "No image with votes has an error_rate to compare hardness with"
    undefined = agreement(whole.assign(human_rejects=False, human_hard=False), 20)
    assert "Too few judged images have votes" in finding(undefined)
    figure = precision_recall_figure({"a": images}, table.assign(source="a"), "title")
    assert len(figure.axes[0].lines) == 3
    # Of scores that some images have, only these images count: all scores are of the same ones.
    scores.loc[:9, "error_rate"] = np.nan
    assert judged_images(scores, targets)["image_id"].tolist() == list(range(10, 100))


def test_models_and_people_are_crossed():
    images = pd.DataFrame(
        {"p_label_mean": [0.9, 0.5, 0.4, 0.1, 0.2], "human_hard": [False, True, False, True, True]}
    )
    assert models_and_people(images).tolist() == [[1, 1], [1, 2]]


def test_human_error_is_averaged_over_images_of_like_hardness():
    images = pd.DataFrame({"image_id": range(1000), "hardness": np.linspace(1, 0, 1000)})
    groups = human_error_by_hardness(images.assign(human_error=images["hardness"] ** 2))
    assert len(groups) == 20 and groups["hardness"].is_monotonic_increasing
    assert groups["human_error"].tolist() == pytest.approx(
        (groups["hardness"] ** 2).tolist(), abs=0.001
    )
    assert len(human_error_by_hardness(images.head(30).assign(human_error=0.0))) == 1


def test_the_finding_counts_what_is_better_worse_and_undecided():
    table = pd.DataFrame(
        [
            ("hardness", "auroc", 0.5, 0.1, 0.2),
            ("hardness", "auroc", 0.5, -0.2, -0.1),
            ("hardness", "auroc", 0.5, -0.2, 0.1),
            ("hardness", "auroc", math.nan, math.nan, math.nan),
            ("hardness", "average_precision", 0.5, 0.1, 0.2),
            ("label_suspicion", "auroc", 0.5, 0.1, 0.2),
        ],
        columns=["score", "metric", "value", "difference_low", "difference_high"],
    )
    assert (
        "better than the plain error count in 1 of 3 comparisons, worse in 1, undecided in 1"
        in finding(table)
    )
    assert "Too few judged images have votes" in finding(pd.DataFrame(columns=COLUMNS))


def test_the_curves_are_drawn_for_every_score_above_the_prevalence():
    images, none = judged(), judged().assign(human_rejects=False)
    results = pd.concat(
        [agreement(images, 2).assign(source="a"), agreement(none, 2).assign(source="b")]
    )
    figure = precision_recall_figure({"a": images, "b": none}, results, "title")
    drawn, _, empty, _ = figure.axes
    assert len(drawn.lines) == len(SCORES) + 1 and len(empty.lines) == 1
    assert drawn.lines[-1].get_ydata()[0] == pytest.approx(images["human_rejects"].mean())
    n = images["human_rejects"].sum()
    assert drawn.get_title("left") == f"a: {n} of 300 images rejected by people"
    expected = average_precision_score(images["human_rejects"], images["hardness"])  # no ties here
    assert drawn.get_legend().get_texts()[0].get_text() == f"hardness: {expected:.3f}"


def test_the_crossed_table_is_written_with_models_in_rows():
    images = judged()
    table = np.array([[150, 50], [70, 30]])
    figure = human_error_figure(
        {"a": table}, {"a": human_error_by_hardness(images)}, ["p < 0.5", "error"], "title"
    )
    cells, line = figure.axes
    texts = {
        (round(t.get_position()[1]), round(t.get_position()[0])): t.get_text() for t in cells.texts
    }
    assert texts[0, 1] == "50\n16.7%" and texts[1, 0] == "70\n23.3%"
    assert (
        line.lines[0].get_ydata().tolist()
        == human_error_by_hardness(images)["human_error"].tolist()
    )
