"""Images that no model on a chain of combos learnt."""

import numpy as np
from made_up_run import MadeUpRun

from study.hardness.hard_to_learn import chains_of, hard_to_learn, text_report
from study.runs.predictions import ROLE_CODES, Predictions


def test_hard_to_learn_images_are_those_that_every_model_of_the_chain_gets_wrong():
    labels = np.array([0, 1, 2, 0, 1, 2, 0, 0])
    ids = np.arange(6)  # the partition; 6 and 7 are of another one

    def chain(seed, answers, roles):
        codes = np.array([ROLE_CODES[role] for role in roles], np.uint8)
        logits = 10 * np.eye(3, dtype=np.float32)
        return [
            MadeUpRun("m", Predictions(logits[np.array(row)], codes), combo=combo, seed=seed)
            for combo, row in answers.items()
        ]

    roles = ["test", "test", "train", "train", "val", "train", "test", "test"]
    first = chain(1, {"v1": [1, 1, 0, 1, 0, 2, 2, 2], "v1+v2": [2, 1, 1, 0, 0, 2, 2, 2]}, roles)
    second = chain(2, {"v1": [1, 0, 2, 1, 0, 0, 2, 2], "v1+v2": [1, 0, 2, 1, 0, 0, 2, 2]}, roles)
    other = chain(1, {"v2": labels}, roles)
    chains = chains_of([*other, *first[::-1], *second], ["v1", "v1+v2"])
    assert chains == [first, second]
    images, counts, left_out = hard_to_learn(chains, ids, labels)
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
    report = text_report(images, counts, left_out, ["cat", "dog", "fox"], "v1", ["v1", "v1+v2"])
    judged = "Images judged: 2\nClass distribution:\ncat: 1\ndog: 1\nfox: 0"
    assert f"== Out of sample, m, seed 2 ==\n{judged}" in report
    assert (
        "== Trained on, all models and seeds ==\nImages judged: 3\nNo hard-to-learn images found."
        in report
    )
    assert "Total hard-to-learn images: 2" in report
    assert "Left out" not in report


def test_models_and_seeds_that_do_not_count_are_said():
    labels = np.array([0, 1])
    answers = Predictions(np.eye(2, dtype=np.float32), np.full(2, ROLE_CODES["test"], np.uint8))
    chains = [
        [MadeUpRun("m", answers, seed=1)],
        [MadeUpRun("m", answers._replace(logits=np.full((2, 2), np.nan, np.float32)), seed=2)],
        [MadeUpRun("clip", answers._replace(imported="clip.csv"), seed=1)],
    ]
    *found, left_out = hard_to_learn(chains, np.arange(2), labels)
    report = text_report(*found, left_out, ["cat", "dog"], "v1", ["v1"])
    said = "Left out: 2 of 3 models and seeds (m, seed 2; clip, seed 1), because a run diverged"
    assert f"\n{said}" in report
