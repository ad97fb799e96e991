"""Files of predictions are put in order, or refused in one line that says what is wrong."""

import numpy as np
import pandas as pd
import pytest

from study.errors import StudyError
from study.runs.prediction_files import read_answers

CLASSES, FILES = ["cat", "dog", "fox"], ["0.png", "1.png", "2.png", "3.png"]
IMAGES = {"image_id": pd.RangeIndex(4), "file": pd.Index(FILES)}
P = np.array([[0.7, 0.2, 0.1], [0.1, 0.9, 0.0], [0.2, 0.2, 0.6], [0.3, 0.4, 0.3]])


def table():
    return pd.DataFrame({"file": FILES} | dict(zip(CLASSES, P.T, strict=True)))


def archive():
    return {"probabilities": P, "classes": CLASSES, "image_id": np.arange(4)}


def read(folder, content):
    if isinstance(content, pd.DataFrame):
        content.to_csv(folder / "p.csv", index=False)
        return read_answers(folder / "p.csv", IMAGES, CLASSES, "the study")
    np.savez(folder / "p.npz", **content)
    return read_answers(folder / "p.npz", IMAGES, CLASSES, "the study")


@pytest.mark.parametrize(
    "content",
    [
        table().iloc[::-1, ::-1],
        archive(),
        {"logits": np.log(np.maximum(P, 1e-9))[::-1, ::-1] + 5}
        | {"classes": CLASSES[::-1], "files": np.array(FILES[::-1])},
    ],
)
def test_any_order_and_either_key_say_the_same(tmp_path, content):
    found = read(tmp_path, content)
    assert found.roles is None and np.exp(found.log_probabilities) == pytest.approx(P, abs=1e-8)
    assert np.isfinite(found.log_probabilities).all()


def test_roles_go_with_their_images(tmp_path):
    roles = ["train", "val", "test", "unseen"]
    assert list(read(tmp_path, table().assign(role=roles)[::-1]).roles) == roles
    assert list(read(tmp_path, archive() | {"role": roles}).roles) == roles


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (table().rename(columns={"fox": "wolf"}), "the classes of the study, cat, dog, fox; found"),
        (archive() | {"classes": ["cat", "dog", "wolf"]}, "the classes of the study"),
        (table()[1:], "has 3 images and the study 4, of which 1 are missing, first file 0.png"),
        (archive() | {"image_id": [1, 2, 3, 4]}, "of which 1 are missing, first image_id 0"),
        (table().assign(cat=P[:, 0] + 1), "4 images, first file 0.png, are not probabilities"),
        (archive() | {"probabilities": P + 1}, "first image_id 0, are not probabilities"),
        (table().assign(cat=1e308, dog=1e308), "not probabilities"),
        (table().assign(cat=-1, dog=1.8), "not probabilities"),
        (table().assign(cat=np.nan), "not probabilities"),
        ({"logits": P * np.nan, "classes": CLASSES, "image_id": np.arange(4)}, "are not finite"),
        (table().assign(cat="much"), "expected numbers"),
        (archive() | {"probabilities": P > 1}, "are bool of shape"),
        (archive() | {"probabilities": P[:, :2]}, r"shape \(4, 2\), expected floats"),
        (archive() | {"image_id": np.arange(3)}, r"image_id has the shape \(3,\)"),
        (pd.concat([table(), table()[:1]]), "file 0.png is there twice"),
        (archive() | {"image_id": [0, 1, 2, 2]}, "image_id 2 is there twice"),
        (table().assign(file=[None, *FILES[1:]]), "file is empty in row 1"),
        (table().drop(columns="file"), "expected image_id or file"),
        ({"a": P}, "expected the arrays probabilities or logits, classes and image_id or files"),
        (archive() | {"classes": np.array(CLASSES, object)}, "no pickled objects"),
        (table().assign(image_id=[0, 1, 3, 2]), "image_id 2 has another file than in the study"),
        (table().assign(role="seen"), "the role 'seen' is none of unseen, train, val, test"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(tmp_path, content, words):
    with pytest.raises(StudyError, match=words) as raised:
        read(tmp_path, content)
    assert "\n" not in str(raised.value)
