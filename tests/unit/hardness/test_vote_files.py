"""People's votes are read from files of others and of your own."""

import json
import math
import pickle
import zipfile

import numpy as np
import pandas as pd
import pytest
import torch
from trap import Trap

from study.data.index import Index
from study.errors import StudyError
from study.hardness.human_votes import human_targets
from study.hardness.vote_files import read_votes

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


def test_verdicts_of_the_gallery_are_reviews_of_labels(tmp_path):
    index = INDEX._replace(files=[f"{i}.png" for i in range(13)])
    rows = ["3,3.png,,wrong label,dog,me,", "8,8.png,,fine,,me,", "8,8.png,,ambiguous,,you,"]
    table = ["image_id,file,sha256,verdict,label,who,when", *rows]
    (tmp_path / "v.csv").write_text("\n".join(table))
    votes = read_votes("verdicts", tmp_path / "v.csv", index)
    assert votes.image_ids.tolist() == [3, 8] and votes.reviews
    assert votes.votes.tolist() == [[0, 1, 0, 0], [1, 0, 0, 1]]
    assert human_targets(votes)["human_rejects"].tolist() == [True, False]
    (tmp_path / "v.csv").write_text(table[0])
    assert "no verdict" in complaint("verdicts", tmp_path / "v.csv")


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
        (
            {"random_label2": LABELS[:8]},
            ["'random_label2' holds 8 int64", "expected 9 class numbers"],
        ),
        ({"random_label2": LABELS[:9] - 1}, ["'random_label2' says -1 of image 0", "0–2"]),
        ({"random_label2": LABELS[:9] + 0.5}, ["'random_label2' says 0.5 of image 0"]),
        ({"random_label2": [0] * 9}, ["'random_label2' holds a list"]),
        (
            {"clean_label": LABELS[8::-1]},
            ["'clean_label' differs from the labels of 6 images", "image 0", "TensorFlow"],
        ),
        ({"random_label3": torch.zeros(9)}, ["refused to load torch"]),
    ],
)  # fmt: skip
def test_wrong_rounds_are_refused(tmp_path, changes, fragments):
    torch.save(three_rounds(**changes), tmp_path / "human.pt")
    message = complaint("cifar10n", tmp_path / "human.pt")
    for fragment in [*fragments, "CIFAR-10_human.pt"]:
        assert fragment in message, message


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
        ("image_id,n_votes,cat,deer,dog\n0,1e19,0,0,1\n", ["image 0 has 1e+19 votes"]),
        ("image_id,n_votes,cat,deer,dog\n0,0,0,0,0\n", ["image 0 has no votes"]),
    ],
)
def test_a_wrong_table_of_votes_is_refused(tmp_path, text, fragments):
    (tmp_path / "own.csv").write_text(text)
    message = complaint("csv", tmp_path / "own.csv")
    for fragment in fragments:
        assert fragment in message, message
