"""Models whose predictions were made elsewhere: entries of `models`, or one line that refuses."""

import pytest
from conftest import ROOT

from study.config.imports import model_names, predictions_file
from study.config.study import check_study
from study.errors import StudyError
from study.files import read_yaml

CONFIG = read_yaml(ROOT / "config/config.yaml") | {"reproduce": {"systems": [], "tuned": False}}


def checked(entry, **changes):
    return check_study(CONFIG | {"models": ["cnn2", entry]} | changes, ROOT)


def test_an_entry_stands_for_a_recipe_and_names_a_file_for_each_run():
    entry = {"name": "clip", "predictions": "preds/{combo}/clip_{seed}.csv", "saw": "combo"}
    recipe = checked(entry).recipes["clip"]["architecture"]
    assert recipe == {"name": "predictions", "saw": "combo", "varies_with": ["combo", "seed"]}
    assert predictions_file(entry, "v1+v2", 42).as_posix() == "preds/v1+v2/clip_42.csv"
    assert model_names({"models": ["cnn2", entry]}) == ["cnn2", "clip"]
    moved = checked(entry | {"predictions": "moved_{combo}_{seed}.npz"}).recipes["clip"]
    assert moved == {"architecture": recipe}
    unknown = checked({"name": "clip", "predictions": "clip.npz"}).recipes["clip"]["architecture"]
    assert unknown["saw"] == "unknown" and unknown["varies_with"] == []


ENTRY = {"name": "clip", "predictions": "clip.npz"}


@pytest.mark.parametrize(
    ("entry", "changes", "fragment"),
    [
        (ENTRY | {"seen": "nothing"}, {}, "unknown key 'seen' in models"),
        ({"name": "clip"}, {}, "has no 'predictions': add it"),
        (ENTRY | {"saw": "test"}, {}, "expected one of nothing, combo, unknown"),
        (ENTRY | {"name": "a b"}, {}, "models.*name"),
        (ENTRY | {"name": "cnn3"}, {}, "which is the recipe .*cnn3.yaml; write another name"),
        (ENTRY | {"name": "cnn2"}, {}, "'cnn2' more than once; give each file of predictions a n"),
        (ENTRY | {"name": "CNN2"}, {}, "one file on disks that do not tell upper from lower"),
        (ENTRY | {"predictions": "clip_{fold}.npz"}, {}, "without braces"),
        (ENTRY | {"predictions": "-clip.npz"}, {}, "reads like an option"),
        (ENTRY | {"predictions": "clip.pkl"}, {}, "expected a .csv or .npz file"),
        (ENTRY | {"saw": "combo"}, {}, r"write \{combo\} in the path, or saw: nothing"),
        (ENTRY, {"overrides": {"clip": {"epochs": 1}}}, "no training that overrides changes"),
        (ENTRY, {"lr_find": CONFIG["lr_find"] | {"models": ["clip"]}}, "lr_find.models has no tr"),
        (ENTRY, {"certify": ["v1/clip/42"]}, "certify cannot train v1/clip/42 again"),
        (
            ENTRY,
            {"tune": {"clip": {"method": "grid", "keys": {"epochs": [1, 2]}}}},
            "no training that tune changes",
        ),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(entry, changes, fragment):
    with pytest.raises(StudyError, match=fragment) as refused:
        checked(entry, **changes)
    assert "\n" not in str(refused.value)
