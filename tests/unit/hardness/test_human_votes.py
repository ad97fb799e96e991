"""What follows from people's votes."""

import numpy as np

from study.hardness.human_votes import HumanVotes, human_columns, human_targets


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


def test_three_people_with_three_other_opinions_reject_nothing():
    votes = np.array([[0, 1, 1, 1], [0, 2, 1, 0], [1, 1, 1, 0], [0, 1, 0, 0]])
    targets = human_targets(HumanVotes(np.arange(4), votes, np.zeros(4, int)))
    assert targets["human_rejects"].tolist() == [False, True, False, False]
