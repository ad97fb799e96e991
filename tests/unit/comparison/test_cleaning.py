"""What cleaning changed adds up, and images that are left out count nowhere."""

import numpy as np
import pytest

from study.comparison.cleaning import changed_since, cleaning_effects
from study.comparison.difference import OF_BOTH, OF_IMAGES
from study.data.index import Index, write_image_ids
from study.runs.predictions import Predictions, roles_in_run, save_predictions
from study.runs.run import run_of

N, TESTED = 12, np.arange(2, 12)
GIVEN = np.arange(N) % 2


def index(labels, left_out=()):
    files, split = [f"{i}.png" for i in range(N)], np.array(["train"] * N)
    out = np.isin(np.arange(N), left_out)
    return Index(np.array(labels), ["cat", "dog"], files, split, None, GIVEN, out)


def write_runs(results, answers, tested):
    """Write a run a model and seed; `answers` are the labels that each gives, by (model, seed)."""
    runs = {}
    for (model, seed), said in answers.items():
        run = run_of(results, "v1", model, seed)
        run.folder.mkdir(parents=True)
        logits = np.eye(2, dtype=np.float32)[np.array(said)]
        roles = roles_in_run(N, {"train": np.arange(2), "test": tested})
        save_predictions(run.folder / "predictions.npz", Predictions(logits, roles))
        write_image_ids(results / f"splits/common/seed{seed}.csv", tested)
        runs[run.key] = run
    return runs


def test_the_difference_is_what_labels_and_what_training_changed(tmp_path):
    labels = GIVEN.copy()
    labels[[2, 3]] = 1 - labels[[2, 3]]
    said = GIVEN.copy()
    said[[2, 5]] = 1 - said[[2, 5]]  # right of 2 after it is corrected, wrong of 3 from then on
    learnt = labels.copy()
    learnt[6] = 1 - learnt[6]
    keys = [("a", 1), ("a", 2), ("b", 1)]
    before = write_runs(tmp_path / "old", dict.fromkeys(keys, said), TESTED)
    new = {key: learnt if key[0] == "a" else said for key in keys}
    after = write_runs(tmp_path / "new", new, TESTED[:-1])
    images = changed_since(index(GIVEN), index(labels, left_out=[11]))
    assert images.left_out.nonzero()[0].tolist() == [11]
    effects = cleaning_effects(before, after, images).set_index("model")
    assert effects.index.tolist() == ["all", "a", "b"]
    assert effects["n_images"].tolist() == [9, 9, 9] and effects["n_seeds"].tolist() == [2, 2, 1]
    assert effects["holds_for"].tolist() == [OF_BOTH, OF_BOTH, OF_IMAGES]
    a, b = effects.loc["a"], effects.loc["b"]
    assert (a["accuracy_before"], a["accuracy_after"]) == pytest.approx((7 / 9, 8 / 9))
    assert (a["labels"], a["training"]) == pytest.approx((0, 1 / 9))
    assert (b["difference"], b["training"]) == pytest.approx((0, 0))
    assert b["training_low"] == b["training_high"] == 0
    parts = effects["labels"] + effects["training"]
    assert parts.to_numpy() == pytest.approx(effects["difference"].to_numpy())
    assert (effects["labels_low"] < effects["labels_high"]).all()
