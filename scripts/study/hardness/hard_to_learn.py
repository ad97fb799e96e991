"""Images of a partition that no model on a growing chain of combos learnt: the question of the two DVC studies.

They looked at images that were in the test split of every combo, a hundred or two of 20,000. Here every image of the partition is
looked at, by the part that it plays in a run: *out of sample*, in the test split (the same for all combos of a seed), or *trained
on*, when not even the models that were trained on it get it right.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from study.runs.metrics import confusion
from study.runs.predictions import Predictions

PARTS = {"out of sample": ("test",), "trained on": ("train",)}


class Chain(NamedTuple):
    """The runs of one model and seed on all combos of the chain.

    Attributes:
        model: its name.
        seed: of the runs.
        runs: predictions by combo, the partition by itself first.
    """

    model: str
    seed: int
    runs: Mapping[str, Predictions]


def hard_to_learn(
    chains: Iterable[Chain], image_ids: np.ndarray, labels: np.ndarray
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the images that all runs of a chain got wrong, and how many were looked at.

    Args:
        chains: of all models and seeds; those in which a run diverged are passed over.
        image_ids: of the partition.
        labels: int, N.

    Returns:
        - a row an image, model, seed and part: `judged` ("out of sample" or "trained on"), `model`, `seed`, `image_id`, `true` and
          `predicted` (label numbers; the prediction of the model on the partition alone);
        - a row a model, seed and part: `judged`, `model`, `seed`, `n_judged` images and `n_hard` of them.

        After the single models and seeds, rows with model "all" and seed -1 hold the images that every run of every chain which
        judged them got wrong, with the most frequent of the predictions.
    """
    rows, counts = [], []
    for judged, roles in PARTS.items():
        looked, wrong = np.zeros((2, len(labels)), np.int64)
        votes = np.zeros((len(labels), int(labels.max()) + 1), np.int64)
        for chain in chains:
            runs = list(chain.runs.values())
            if any(run.diverged for run in runs):
                continue
            judges = np.all([run.has_role(*roles)[image_ids] for run in runs], axis=0)
            ids = image_ids[judges]
            answers = np.array([run.logits[ids].argmax(axis=1) for run in runs])
            hard = (answers != labels[ids]).all(axis=0)
            looked[ids] += 1
            wrong[ids] += hard
            votes[ids, answers[0]] += 1
            rows.append(_rows(judged, chain.model, chain.seed, ids[hard], labels, answers[0][hard]))
            counts.append([judged, chain.model, chain.seed, len(ids), int(hard.sum())])
        ids = np.flatnonzero((looked > 0) & (wrong == looked))
        rows.append(_rows(judged, "all", -1, ids, labels, votes[ids].argmax(axis=1)))
        counts.append([judged, "all", -1, int((looked > 0).sum()), len(ids)])
    return pd.concat(rows, ignore_index=True), pd.DataFrame(
        counts, columns=["judged", "model", "seed", "n_judged", "n_hard"]
    )


def _rows(
    judged: str, model: str, seed: int, ids: np.ndarray, labels: np.ndarray, predicted: np.ndarray
) -> pd.DataFrame:
    same = {"judged": judged, "model": model, "seed": seed}
    return pd.DataFrame(
        same | {"image_id": ids, "true": labels[ids], "predicted": predicted}, index=range(len(ids))
    )


def text_report(
    images: pd.DataFrame,
    counts: pd.DataFrame,
    classes: Sequence[str],
    partition: str,
    combos: Sequence[str],
) -> str:
    """Return what `hard_to_learn` found as plain text: for each model and seed class distribution, True × Predicted and total."""
    lines = [
        f"Images of {partition} that none of the models on {', '.join(combos)} learnt.",
        "Out of sample: test images of the partition, which none of these models trained on or was chosen by.",
        "Trained on: training images of the partition that all of these models get wrong although they trained on them.",
        "Predicted: by the model on the first combo; over all models and seeds, the most frequent such prediction.",
    ]
    for count in counts.itertuples():
        own = images[
            (images["judged"] == count.judged)
            & (images["model"] == count.model)
            & (images["seed"] == count.seed)
        ]
        who = (
            "all models and seeds" if count.model == "all" else f"{count.model}, seed {count.seed}"
        )
        lines += [
            "",
            f"== {count.judged.capitalize()}, {who} ==",
            f"Images judged: {count.n_judged}",
        ]
        if own.empty:
            lines.append("No hard-to-learn images found.")
            continue
        true, predicted = own["true"].to_numpy(), own["predicted"].to_numpy()
        numbers = np.bincount(true, minlength=len(classes))
        table = pd.DataFrame(
            confusion(true, predicted, len(classes)), index=classes, columns=classes
        )
        lines += [
            "Class distribution:",
            *(f"{name}: {n}" for name, n in zip(classes, numbers, strict=True)),
        ]
        lines += ["True (rows) x Predicted (columns):", table.to_string()]
        lines.append(f"Total hard-to-learn images: {len(own)}")
    return "\n".join(lines) + "\n"
