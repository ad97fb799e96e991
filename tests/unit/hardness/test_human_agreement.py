"""People's votes are read from files of others and of one's own; scores are compared with them, with intervals."""

import json
import math
import pickle
import zipfile
from copy import deepcopy
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import CLASSES, ROOT, assert_one_clear_line, run_script
from scipy.stats import norm, spearmanr
from sklearn.metrics import average_precision_score, roc_auc_score

from study.config.checks import check_config
from study.data.index import Index, read_index
from study.errors import StudyError
from study.files import read_yaml
from study.hardness.human_agreement import (
    SCORES,
    _metrics,
    _Ranking,
    _resampled,
    agreement,
    finding,
    human_error_by_hardness,
    judged_images,
    models_and_people,
    precision_and_recall,
)
from study.hardness.human_votes import HumanVotes, human_columns, human_targets, read_votes
from study.report.plots.validation import human_error_figure, precision_recall_figure

# Nine training images and then four test images of three classes.
LABELS = np.array([0, 1, 2, 0, 1, 2, 0, 1, 2, 2, 0, 1, 2])
INDEX = Index(LABELS, ["cat", "deer", "dog"], [""] * 13, np.array(["train"] * 9 + ["test"] * 4))
TEST_COUNTS = np.array([[0, 0, 50], [25, 25, 0], [30, 20, 0], [0, 13, 38]])


def targets_of(kind, path) -> pd.DataFrame:
    return human_targets(read_votes(kind, path, INDEX)).set_index("image_id")


def complaint(kind, path) -> str:
    """Return the one line that refuses a file of votes."""
    with pytest.raises(StudyError) as refused:
        read_votes(kind, path, INDEX)
    message = str(refused.value)
    assert message.startswith(f"{path}: ") and "\n" not in message
    return message


def test_counts_on_test_images_become_error_entropy_and_verdicts(tmp_path):
    np.save(tmp_path / "counts.npy", TEST_COUNTS.astype(float))
    targets = targets_of("cifar10h", tmp_path / "counts.npy")
    assert targets.index.tolist() == [9, 10, 11, 12]
    assert targets["human_error"].tolist() == pytest.approx([0, 0.5, 0.6, 13 / 51])
    assert targets["human_entropy"].loc[9:10].tolist() == pytest.approx([0, math.log(2)])
    # A tie with the label rejects nothing.
    assert targets["human_rejects"].tolist() == [False, False, True, False]
    assert targets["human_hard"].tolist() == [False, True, True, True]


def test_a_quarter_of_dissenting_people_makes_an_image_hard():
    votes = np.array([[39, 13], [40, 12], [15, 5], [3, 1]])
    targets = human_targets(HumanVotes(np.arange(4), votes, np.zeros(4, int)))
    assert targets["human_hard"].tolist() == [True, False, True, True]


def test_like_votes_for_other_classes_have_the_same_entropy_to_the_last_bit():
    votes = np.stack(
        [
            np.random.default_rng(seed).permutation([17, 11, 7, 5, 3, 2, 2, 1, 1, 1])
            for seed in range(50)
        ]
    )
    assert (
        human_targets(HumanVotes(np.arange(50), votes, np.zeros(50, int)))[
            "human_entropy"
        ].nunique()
        == 1
    )


def test_votes_become_columns_beside_the_scores():
    asked = HumanVotes(np.array([2, 0]), np.array([[1, 3, 0], [4, 0, 0]]), np.array([0, 0]))
    again = HumanVotes(np.array([0, 3]), np.array([[0, 9, 0], [0, 1, 9]]), np.array([0, 1]))
    reviews = HumanVotes(np.array([1]), np.array([[2, 1, 2, 0]]), np.zeros(1, int), reviews=True)
    columns = human_columns({"one": asked, "two": again, "reviews": reviews}, ["cat", "dog"], 5)
    assert columns["human_source"].fillna("").tolist() == [
        "one",
        "",
        "one",
        "two",
        "",
    ]  # the first source counts
    assert columns["human_top"].fillna("").tolist() == ["cat", "", "dog", "none", ""]
    assert columns["human_n"].fillna(0).tolist() == [4, 0, 4, 10, 0]
    assert columns["human_error"].dropna().tolist() == [0, 0.75, 0.9]
    assert columns["human_rejects"].dropna().tolist() == [False, True, True]
    assert columns["review_neither"].fillna(-1).tolist() == [-1, 2, -1, -1, -1]
    assert human_columns({}, ["cat", "dog"], 5).shape == (5, 0)


def three_rounds(**changes):
    rounds = {"clean_label": LABELS[:9]} | {
        f"random_label{number}": LABELS[:9].copy() for number in (1, 2, 3)
    }
    rounds["random_label1"][:3] = [1, 2, 1]
    rounds["random_label2"][1:3] = [2, 0]
    rounds["random_label3"][2] = 0
    return rounds | changes


@pytest.mark.parametrize(
    "save", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value, protocol=2))]
)
def test_three_rounds_on_training_images_reject_where_two_agree_on_another_class(tmp_path, save):
    save(three_rounds(), tmp_path / "human.pt")
    targets = targets_of("cifar10n", tmp_path / "human.pt")
    assert targets.index.tolist() == list(range(9))
    assert targets["human_error"].tolist() == pytest.approx([1 / 3, 2 / 3, 1] + [0] * 6)
    assert targets["human_rejects"].tolist() == [False, True, True] + [False] * 6


def test_three_people_with_three_other_opinions_reject_nothing():
    votes = np.array([[0, 1, 1, 1], [0, 2, 1, 0], [1, 1, 1, 0], [0, 1, 0, 0]])
    targets = human_targets(HumanVotes(np.arange(4), votes, np.zeros(4, int)))
    assert targets["human_rejects"].tolist() == [False, True, False, False]


def review(row, given, guessed=0, neither=0, both=0, **changes):
    votes = {"given": given, "guessed": guessed, "neither": neither, "both": both}
    return {
        "id": row,
        "given_original_label": int(LABELS[9 + row]),
        "our_guessed_label": 0,
        "mturk": votes,
    } | changes


def test_reviews_reject_a_label_that_fewer_than_half_confirm(tmp_path):
    (tmp_path / "r.json").write_text(
        json.dumps([review(3, 3, guessed=2), review(0, 2, guessed=1, neither=1, both=1)])
    )
    targets = targets_of("label_errors", tmp_path / "r.json")
    assert targets["human_rejects"].to_dict() == {12: False, 9: True}
    assert targets["human_error"].to_dict() == pytest.approx({12: 0.4, 9: 0.6})


def test_votes_of_ones_own_may_choose_no_class(tmp_path):
    (tmp_path / "own.csv").write_text("n_votes,image_id,dog,deer,cat\n4,8,1,0,0\n2,0,0,0,2\n")
    targets = targets_of("csv", tmp_path / "own.csv")
    assert targets["human_error"].to_dict() == pytest.approx({8: 0.75, 0: 0})
    assert targets["human_rejects"].to_dict() == {8: True, 0: False}
    assert targets["human_entropy"][8] == pytest.approx(
        -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    )


@pytest.mark.parametrize(
    ("counts", "fragments"),
    [
        (TEST_COUNTS[:3], ["int64 of 3×3", "expected counts of 4×3"]),
        (TEST_COUNTS.astype(str), ["<U21 of 4×3"]),
        (np.roll(TEST_COUNTS, 1, axis=0), ["25% of the images only", "official test order"]),
        (TEST_COUNTS - 1, ["image 9 has -1 votes", "from 0 on"]),
        (TEST_COUNTS / 50, ["image 10 has 0.5 votes", "not probabilities"]),
        (np.where(TEST_COUNTS == 38, np.nan, TEST_COUNTS), ["image 12 has nan votes"]),
        (TEST_COUNTS * [[1], [0], [1], [1]], ["image 10 has no votes"]),
    ],
)
def test_wrong_counts_are_refused(tmp_path, counts, fragments):
    np.save(tmp_path / "counts.npy", counts)
    message = complaint("cifar10h", tmp_path / "counts.npy")
    for fragment in [*fragments, "cifar10h-counts.npy"]:
        assert fragment in message, message


@pytest.mark.parametrize("content", [b"", b"<html>", pickle.dumps({"a": 1})])
def test_what_is_no_array_is_refused_as_counts(tmp_path, content):
    (tmp_path / "counts.npy").write_bytes(content)
    assert "not an array in .npy form" in complaint("cifar10h", tmp_path / "counts.npy")


@pytest.mark.parametrize(
    ("changes", "fragments"),
    [
        ({"random_label2": LABELS[:8]}, ["'random_label2' holds 8 int64", "expected 9 class numbers"]),
        ({"random_label2": LABELS[:9] - 1}, ["'random_label2' says -1 of image 0", "0–2"]),
        ({"random_label2": LABELS[:9] + 0.5}, ["'random_label2' says 0.5 of image 0"]),
        ({"random_label2": [0] * 9}, ["'random_label2' holds a list"]),
        ({"clean_label": LABELS[8::-1]}, ["'clean_label' differs from the labels of 6 images", "image 0", "TensorFlow"]),
        ({"random_label3": torch.zeros(9)}, ["refused to load torch"]),
    ],
)  # fmt: skip
def test_wrong_rounds_are_refused(tmp_path, changes, fragments):
    torch.save(three_rounds(**changes), tmp_path / "human.pt")
    message = complaint("cifar10n", tmp_path / "human.pt")
    for fragment in [*fragments, "CIFAR-10_human.pt"]:
        assert fragment in message, message


class Trap:
    """Unpickling this would make a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_reading_rounds_runs_nothing_of_the_file(tmp_path):
    torch.save(three_rounds(extra=Trap(tmp_path / "sprung")), tmp_path / "human.pt")
    assert "refused to load" in complaint("cifar10n", tmp_path / "human.pt")
    assert not (tmp_path / "sprung").exists()


def test_what_is_no_dictionary_of_arrays_is_refused_as_rounds(tmp_path):
    path = tmp_path / "human.pt"
    path.write_bytes(b"<html>")
    assert "not a dictionary of numpy arrays" in complaint("cifar10n", path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme", "")
    assert "without 'data.pkl'" in complaint("cifar10n", path)
    torch.save([1], path)
    assert "holds a list" in complaint("cifar10n", path)
    torch.save(three_rounds(), path, _use_new_zipfile_serialization=False)
    assert "holds a int" in complaint("cifar10n", path)
    torch.save({"clean_label": LABELS[:9]}, path)
    assert "no 'random_label1'" in complaint("cifar10n", path)


@pytest.mark.parametrize(
    ("reviews", "fragments"),
    [
        ("<html>", ["not a list of reviews"]),
        ({"id": 1}, ["not a list of reviews"]),
        ([review(0, 5, mturk={"given": 5})], ["not a list of reviews ('guessed')"]),
        ([review(0, 5, id="a")], ["not a list of reviews"]),
        ([], ["no image"]),
        ([review(0, 5, id=4)], ["id 4", "0–3"]),
        ([review(0, 5), review(0, 5)], ["id 0", "more than once"]),
        (
            [review(0, 5), review(1, 5, given_original_label=2)],
            ["'given_original_label' differs", "1 of 2", "id 1"],
        ),
        ([review(0, -5)], ["image 9 has -5 votes"]),
        ([review(0, 0)], ["image 9 has no votes"]),
    ],
)
def test_wrong_reviews_are_refused(tmp_path, reviews, fragments):
    (tmp_path / "r.json").write_text(reviews if isinstance(reviews, str) else json.dumps(reviews))
    message = complaint("label_errors", tmp_path / "r.json")
    for fragment in fragments:
        assert fragment in message, message


@pytest.mark.parametrize(
    ("text", "fragments"),
    [
        ("", ["no rows", "image_id, n_votes, cat, deer, dog"]),
        (
            "image_id,n_votes,cat,deer,frog\n0,1,1,0,0\n",
            ["unknown column 'frog'", "cat, deer, dog"],
        ),
        ("image_id,n_votes,cat,deer\n0,1,1,0\n", ["no column 'dog'"]),
        ("image_id,n_votes,cat,deer,dog\n0,1,1,,0\n", ["a number in every cell"]),
        ("image_id,n_votes,cat,deer,dog\n0,1,1\n", ["a number in every cell"]),
        ("image_id,n_votes,cat,deer,dog\n13,1,1,0,0\n", ["id 13", "0–12"]),
        ("image_id,n_votes,cat,deer,dog\n0,1,1,0,0\n0,1,1,0,0\n", ["id 0", "more than once"]),
        ("image_id,n_votes,cat,deer,dog\n0,1,1,1,0\n", ["image 0", "more votes than its n_votes"]),
        ("image_id,n_votes,cat,deer,dog\n0,5,4,-1,0\n", ["image 0 has -1 votes"]),
        ("image_id,n_votes,cat,deer,dog\n0,0,0,0,0\n", ["image 0 has no votes"]),
    ],
)
def test_a_wrong_table_of_votes_is_refused(tmp_path, text, fragments):
    (tmp_path / "own.csv").write_text(text)
    message = complaint("csv", tmp_path / "own.csv")
    for fragment in fragments:
        assert fragment in message, message


def judged(n=300, noise=1.0, seed=0) -> pd.DataFrame:
    """Return images whose human error grows with how hard they are, seen by scores with more or less noise, some of them tied."""
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
    assert len(table) == 6 * len(SCORES)
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
    (weights,) = _resampled(60, 5, seed=3)
    scores = {name: _Ranking(images[name].to_numpy()) for name in SCORES}
    graded = {"human_entropy": _Ranking(images["human_entropy"].to_numpy())}
    found = _metrics(scores, graded, {"human_rejects": images["human_rejects"].to_numpy()}, weights)
    assert weights.shape == (60, 5) and (weights.sum(axis=0) == 60).all() and len(found) == 12
    for (target, score, metric), values in found.items():
        for resample, value in enumerate(values):
            drawn = images.loc[np.repeat(np.arange(60), weights[:, resample].astype(int))]
            assert value == pytest.approx(METRICS[metric](drawn[target], drawn[score]))


def test_an_interval_leaves_out_a_fortieth_of_the_resamples_at_each_end():
    images = judged(60)
    ranking = {"hardness": _Ranking(images["hardness"].to_numpy())}
    positive = {"human_rejects": images["human_rejects"].to_numpy()}
    blocks = [_metrics(ranking, {}, positive, weights) for weights in _resampled(60, 200, seed=4)]
    values = np.concatenate([block["human_rejects", "hardness", "auroc"] for block in blocks])
    table = agreement(images, resamples=200, seed=4)
    ends = [value_of(table, "human_rejects", "hardness", "auroc", name) for name in ("low", "high")]
    assert len(values) == 200 and ends == pytest.approx(np.quantile(values, [0.025, 0.975]))


def test_average_precision_of_ties_is_the_mean_over_their_orders():
    score, target = np.array([1, 1, 2, 2, 2, 3.0]), np.array([0, 1, 0, 1, 0, 0])
    orders = [
        average_precision_score(target, score + 0.01 * np.array(order))
        for order in permutations(range(6))
    ]
    weights = np.ones((6, 1))
    found = _metrics({"count": _Ranking(score)}, {}, {"rejected": target == 1}, weights)
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
        images = scores.assign(
            human_error=0, human_entropy=0, human_rejects=positive, human_hard=positive
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
    with pytest.raises(StudyError, match="no image was judged both"):
        judged_images(scores, human_targets(votes).assign(image_id=99))
    with pytest.raises(StudyError, match="no column 'hardness'"):
        judged_images(scores.drop(columns="hardness"), human_targets(votes))


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


def test_the_curves_are_drawn_for_every_score_above_the_prevalence():
    images, none = judged(), judged().assign(human_rejects=False)
    results = pd.concat(
        [agreement(images, 2).assign(source="a"), agreement(none, 2).assign(source="b")]
    )
    meanings = {"human_rejects": "rejected"}
    figure = precision_recall_figure(
        {"a": images, "b": none}, SCORES, meanings, precision_and_recall, results, "title"
    )
    drawn, empty = figure.axes
    assert len(drawn.lines) == len(SCORES) + 1 and len(empty.lines) == 1
    assert drawn.lines[-1].get_ydata()[0] == pytest.approx(images["human_rejects"].mean())
    assert drawn.get_title("left") == f"a: {images['human_rejects'].sum()} of 300 images rejected"
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


@pytest.fixture
def study(decoded, tmp_path):
    """Scores of the synthetic data set, and people who fail where `hardness` says so."""
    index = read_index(decoded / "index.csv")
    random = np.random.default_rng(5)
    hard = random.random(360)
    scores = pd.DataFrame(
        {
            "image_id": np.arange(360), "class": np.array(CLASSES)[index.labels], "hardness": hard,
            "error_rate": random.integers(0, 3, 360) / 2, "label_suspicion": random.random(360), "p_label_mean": 1 - hard,
            "n_eligible": 2,
        }
    )  # fmt: skip
    scores.loc[359, ["hardness", "error_rate", "label_suspicion", "p_label_mean"]] = np.nan
    scores.sort_values("hardness", ascending=False).to_csv(
        tmp_path / "hard_examples.csv", index=False
    )
    test = np.flatnonzero(index.source_split == "test")
    wrong = np.round(40 * hard[test] ** 2).astype(int)
    counts = np.zeros((60, 10), int)
    counts[np.arange(60), index.labels[test]] = 50 - wrong
    counts[np.arange(60), (index.labels[test] + 1) % 10] = wrong
    np.save(tmp_path / "counts.npy", counts)
    train = {"clean_label": index.labels[:300]}
    for number in (1, 2, 3):
        train[f"random_label{number}"] = (
            index.labels[:300] + (random.random(300) < hard[:300])
        ) % 10
    torch.save(train, tmp_path / "human.pt")
    return tmp_path


def validate(folder, decoded, kinds, votes, **options):
    return run_script(
        "validate_hardness.py", "--hard-examples", folder / "hard_examples.csv", "--index", decoded / "index.csv",
        "--kinds", *kinds, "--votes", *votes, "--resamples", 100, "--page", folder / "out/v.html", "--precision-recall",
        folder / "out/pr.svg", "--human-error", folder / "out/he.svg", "--output", folder / "out/v.csv", **options,
    )  # fmt: skip


def test_the_comparison_is_made_from_files(study, decoded):
    validate(study, decoded, ["cifar10h", "cifar10n"], [study / "counts.npy", study / "human.pt"])
    table = pd.read_csv(study / "out/v.csv")
    assert list(table) == [
        "target", "source", "score", "metric", "value", "low", "high", "difference_to_error_rate", "difference_low",
        "difference_high", "n", "n_positive",
    ]  # fmt: skip
    assert len(table) == 2 * 6 * 4 and set(table["score"]) == set(SCORES)
    assert table.groupby("source")["n"].unique().map(list).to_dict() == {
        "cifar10h": [59],
        "cifar10n": [300],
    }
    row = table[
        (table["source"] == "cifar10h")
        & (table["score"] == "hardness")
        & (table["target"] == "human_rejects")
    ]
    assert row["value"].tolist() == pytest.approx([1, 1]) and (row["difference_low"] > 0).all()
    page = (study / "out/v.html").read_text()
    assert (
        "better than the plain error count in 4 of 4 comparisons" in page
        and "hard for both" in page
    )
    assert all((study / "out" / name).stat().st_size > 10_000 for name in ("pr.svg", "he.svg"))


def test_a_wrong_file_of_votes_ends_with_one_line_and_no_output(study, decoded):
    np.save(study / "counts.npy", np.load(study / "counts.npy")[:-1])
    result = validate(study, decoded, ["cifar10h"], [study / "counts.npy"], check=False)
    assert result.returncode == 1 and not (study / "out").exists()
    assert_one_clear_line(result.stderr, "counts.npy", "59×10", "expected counts of 60×10")


@pytest.mark.parametrize(
    ("votes", "dataset", "fragments"),
    [
        (
            [{"kind": "cifar10m", "path": "a"}],
            "cifar10",
            ['human_votes[0].kind is "cifar10m"', "cifar10h, cifar10n"],
        ),
        ([{"kind": "csv"}], "cifar10", ["human_votes[0] has no 'path'"]),
        ([{"kind": "csv", "path": ""}], "cifar10", ["human_votes[0].path"]),
        (
            [{"kind": "csv", "path": "a"}, {"kind": "csv", "path": "b"}],
            "cifar10",
            ["'csv' more than once"],
        ),
        (
            [{"kind": "csv", "path": "a"}, {"kind": "cifar10n", "path": "b"}],
            "digits",
            ["human_votes[1]", "'digits'"],
        ),
    ],
)
def test_a_wrong_list_of_votes_is_refused(votes, dataset, fragments):
    config, schema = (
        read_yaml(ROOT / name)
        for name in ("config/config.yaml", "workflow/schemas/config.schema.yaml")
    )
    config = deepcopy(config) | {"human_votes": votes}
    config["dataset"]["name"] = dataset
    if dataset == "digits":
        config["partitions"] = [{"name": name, "size": 10} for name in ("v1", "v2", "v3")]
    with pytest.raises(StudyError) as refused:
        check_config(config, schema)
    for fragment in fragments:
        assert fragment in str(refused.value), refused.value
