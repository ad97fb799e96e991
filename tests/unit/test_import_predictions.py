"""A run that is made from a file of predictions, or refused in one line."""

import json

import numpy as np
import pandas as pd
import pytest
from conftest import assert_one_clear_line, run_script
from made_index import write_index

from study.data.index import write_image_ids
from study.data.splits import write_split
from study.files import write_json, write_text
from study.runs.gradcam_maps import load_maps
from study.runs.predictions import load_predictions

CLASSES, N = ["cat", "dog"], 8
IDS = {"train": np.arange(4), "val": np.array([4]), "test": np.array([5, 6])}
OUTPUTS = ("weights", "history", "dynamics", "run", "predictions", "maps")


@pytest.fixture
def made(tmp_path):
    """Return what imports a table of predictions, and the folder of what this wrote."""
    labels = np.arange(N) % 2
    write_index(tmp_path / "i.csv", labels, CLASSES, tested=[3])
    write_split(tmp_path / "s.csv", IDS)
    write_image_ids(tmp_path / "c.csv", np.array([5, 6, 7]))
    write_json(tmp_path / "d.json", {"images": [N, 32, 32, 3]})

    def run(table, saw="unknown", flags=(), **options):
        recipe = f"architecture: {{name: predictions, saw: {saw}, varies_with: []}}\n"
        write_text(tmp_path / "r.yaml", recipe)
        table.to_csv(tmp_path / "p.csv", index=False)
        words = [
            *("--file", tmp_path / "p.csv", "--data", tmp_path / "d.json", "--combo", "v1"),
            *("--index", tmp_path / "i.csv", "--splits", tmp_path / "s.csv", "--seed", 1),
            *("--common-test", tmp_path / "c.csv", "--recipe", tmp_path / "r.yaml"),
            *(word for name in OUTPUTS for word in (f"--{name}", tmp_path / f"out/{name}.npz")),
        ]
        (tmp_path / "out").mkdir(exist_ok=True)
        return run_script("import_predictions.py", *words, *flags, **options), tmp_path / "out"

    return run


def table(**columns):
    p = np.linspace(0.1, 0.8, N)
    return pd.DataFrame({"file": [f"{i}.png" for i in range(N)], "dog": p, "cat": 1 - p} | columns)


def test_it_leaves_what_a_training_leaves(made):
    _, out = made(table(), "combo")
    predictions = load_predictions(out / "predictions.npz")
    assert np.exp(predictions.log_probabilities())[:, 1] == pytest.approx(table()["dog"], rel=1e-6)
    assert list(predictions.roles) == [1, 1, 1, 1, 2, 3, 3, 0]
    record = json.loads((out / "run.npz").read_text())
    assert record["n_train"] == 4 and record["epochs"] == 0 and record["train_seconds"] is None
    assert record["imported"] == {"saw": "combo", "sha256": predictions.imported}
    assert "made elsewhere" in load_maps(out / "maps.npz").why_none
    _, out = made(table())
    assert json.loads((out / "run.npz").read_text())["n_train"] is None
    assert not load_predictions(out / "predictions.npz").may_judge().any()


@pytest.mark.parametrize(
    ("changed", "fragment"),
    [
        (table(role=["test"] * 7 + ["train"]), "trained or chosen on 1 images that v1 with seed 1"),
        (table(cat=0.9), "are not probabilities that sum to 1"),
        (table()[1:], "of which 1 are missing, first file 0.png"),
        (table().rename(columns={"cat": "cow"}), "expected the classes of the study, cat, dog"),
    ],
)
def test_what_does_not_fit_the_study_is_refused_and_leaves_nothing(made, changed, fragment):
    result, out = made(changed, check=False)
    assert result.returncode == 1 and not list(out.iterdir())
    assert_one_clear_line(result.stderr, fragment)


def test_a_model_that_was_trained_on_test_images_of_their_own_is_refused(made):
    """Image 3 is one of these where the study has them, and an image like others where not."""
    stated = table(role=["unseen"] * 3 + ["val"] + ["unseen"] * 4)
    made(stated)
    result, _ = made(stated, flags=["--external-test"], check=False)
    assert_one_clear_line(result.stderr, "trained or chosen on 1 images that v1 with seed 1")
