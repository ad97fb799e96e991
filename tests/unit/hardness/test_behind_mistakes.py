"""A wrong training label that misleads runs is at the top of what stands behind mistakes."""

import numpy as np
import pandas as pd
from made_up_run import MadeUpRun

from study.data.embedding import directions
from study.data.index import Index
from study.hardness.behind_mistakes import COLUMNS
from study.hardness.judgements import read_judgements
from study.hardness.ranking import ranked
from study.hardness.scores import hardness_table
from study.runs.predictions import Predictions
from study.runs.second_looks import SecondLook, with_neighbours

N, K, PLANTED = 300, 3, 5


def planted_study():
    """Return labels of which one is wrong, and runs that answer as the nearest images' labels say.

    Images are of three kinds and lie beside each other; those around the wrong one are mistaken.
    """
    random = np.random.default_rng(2)
    truth = np.arange(N) % K
    features = 0.3 * random.normal(size=(N, 6)) + np.eye(6)[truth]
    around = np.flatnonzero(truth == truth[PLANTED])[:12]  # in a corner of their own
    features[around, 5] += 3
    labels = truth.copy()
    labels[PLANTED] = (truth[PLANTED] + 1) % K
    runs = []
    for seed in range(4):
        roles = random.choice(np.uint8([0, 1, 1, 3]), N)
        roles[around], roles[PLANTED] = 0, 1 if seed < 3 else 0
        answers = np.eye(K, dtype=np.float32)[truth]
        if seed < 3:
            answers[around] = np.eye(K, dtype=np.float32)[labels[PLANTED]]
        predictions = Predictions(5 * answers, roles)
        look = with_neighbours(SecondLook(), directions(features), labels, predictions)
        runs.append(MadeUpRun("m", predictions, seed=seed, look=look))
    return labels, runs, around


def table_of(labels, runs, pairs=None):
    judgements = read_judgements(runs, labels, K, pairs)
    index = Index(labels, list("abc"), ["train"] * N, [f"{i}.png" for i in range(N)])
    nothing = pd.DataFrame(columns=["image_id", "other_id", "pixel_distance",
                                    "low_frequency_distance"], dtype=int)  # fmt: skip
    ranking = ranked(hardness_table(judgements), index, {}, nothing, pd.DataFrame())
    return judgements.behind.table(ranking)


def test_a_wrong_training_label_stands_at_the_top():
    labels, runs, around = planted_study()
    table = table_of(labels, runs)
    assert tuple(table.columns) == COLUMNS
    first = table.iloc[0]
    assert first["image_id"] == PLANTED and first["class"] == "abc"[labels[PLANTED]]
    others = len(around) - 1
    assert (first["n_mistakes"], first["n_images"], first["n_runs"]) == (3 * others, others, 3)
    assert first["per_run"] == others > 3 * table["per_run"].iloc[1:].max()
    # By the one run that did not train on it.
    assert first["label_suspicion"] > 0.9 and first["consensus"] != first["class"]


def test_only_mistakes_count_of_runs_that_may_judge_the_image():
    labels, runs, around = planted_study()
    pair = np.array([[around[-1], np.flatnonzero(runs[0].answers.roles == 1)[0]]])
    assert table_of(labels, runs, pair).iloc[0]["n_mistakes"] < 3 * (len(around) - 1)
    without = [run._replace(look=SecondLook()) for run in runs]
    assert table_of(labels, without).empty
