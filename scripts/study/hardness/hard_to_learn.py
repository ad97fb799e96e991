"""Images of a partition that no model on a growing chain of combos learnt.

This is the question of the two DVC studies. They looked at images that were in the test split of
every combo, a hundred or two of 20,000. Here every image of the partition is looked at, by the part
that it plays in a run. *Out of sample* images are in the test split, which is the same for all
combos of a seed. *Trained on* images are wrong even for the models that were trained on them.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from study.runs.confusion import confusion
from study.runs.run import Run

PARTS = {"out of sample": "test", "trained on": "train"}


def chains_of(runs: Iterable[Run], combos: Sequence[str]) -> list[list[Run]]:
    """Return the runs of each model and seed on the combos of a chain, in its order."""
    chains: dict[tuple[str, int], dict[str, Run]] = {}
    for run in runs:
        chains.setdefault((run.model, run.seed), {})[run.combo] = run
    return [[of_combo[combo] for combo in combos] for of_combo in chains.values()]


def hard_to_learn(
    chains: Iterable[Sequence[Run]], image_ids: np.ndarray, labels: np.ndarray
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Return the images that all runs of a chain got wrong, and how many were looked at.

    Args:
        chains: the runs of each model and seed, the one on the partition alone first. Chains
            are passed over in which a run diverged, or trained on no image of the study.
        image_ids: of the partition.
        labels: int, N.

    Returns:
        - one row per image, model, seed and part: `judged` ("out of sample" or "trained on"),
          `model`, `seed`, `image_id`, and `true` and `predicted` as label numbers. `predicted` is
          the answer of the model on the partition alone.
        - one row per model, seed and part: `judged`, `model`, `seed`, `n_judged` images and
          `n_hard` of them.
        - the models and seeds whose chains were passed over, such as "cnn2, seed 42".

        Last in the tables come rows with model "all" and seed -1, with the most frequent
        prediction. They hold the images that every run which judged them got wrong, in every chain.
    """
    tallies = {judged: _Tally(judged, labels) for judged in PARTS}
    left_out = []
    for chain in chains:
        answers = [run.predictions() for run in chain]
        # Imported ones may not have trained on these images, or on unknown ones.
        if any(one.diverged or not one.trained_here for one in answers):
            left_out.append(f"{chain[0].model}, seed {chain[0].seed}")
            continue
        for judged, role in PARTS.items():
            may = np.all([predictions.has_role(role)[image_ids] for predictions in answers], axis=0)
            ids = image_ids[may]
            predicted = np.array([of_run.logits[ids].argmax(axis=1) for of_run in answers])
            tallies[judged].add(chain[0].model, chain[0].seed, ids, predicted)
    for tally in tallies.values():
        tally.add_all()
    return (
        pd.concat([rows for tally in tallies.values() for rows in tally.rows], ignore_index=True),
        pd.DataFrame(
            [count for tally in tallies.values() for count in tally.counts],
            columns=["judged", "model", "seed", "n_judged", "n_hard"],
        ),
        left_out,
    )


class _Tally:
    """The images that were judged in one way, chain by chain, and over all chains.

    Attributes:
        rows: tables of the images that a chain got wrong.
        counts: rows of how many images were judged and wrong.
    """

    def __init__(self, judged: str, labels: np.ndarray):
        self.rows: list[pd.DataFrame] = []
        self.counts: list[list] = []
        self._judged, self._labels = judged, labels
        self._n_chains, self._n_wrong = np.zeros((2, len(labels)), np.int64)
        self._votes = np.zeros((len(labels), int(labels.max()) + 1), np.int64)

    def add(self, model: str, seed: int, ids: np.ndarray, predicted: np.ndarray) -> None:
        """Take in the predictions, runs × images, of a chain that judges these images."""
        hard = (predicted != self._labels[ids]).all(axis=0)
        self._n_chains[ids] += 1
        self._n_wrong[ids] += hard
        self._votes[ids, predicted[0]] += 1
        self._append(model, seed, len(ids), ids[hard], predicted[0][hard])

    def add_all(self) -> None:
        """Close with the images that every chain got wrong which judged them."""
        judged = self._n_chains > 0
        ids = np.flatnonzero(judged & (self._n_wrong == self._n_chains))
        self._append("all", -1, int(judged.sum()), ids, self._votes[ids].argmax(axis=1))

    def _append(
        self, model: str, seed: int, n_judged: int, ids: np.ndarray, predicted: np.ndarray
    ) -> None:
        same = {"judged": self._judged, "model": model, "seed": seed}
        images = {"image_id": ids, "true": self._labels[ids], "predicted": predicted}
        self.rows.append(pd.DataFrame(same | images, index=range(len(ids))))
        self.counts.append([self._judged, model, seed, n_judged, len(ids)])


def text_report(
    images: pd.DataFrame,
    counts: pd.DataFrame,
    left_out: Sequence[str],
    classes: Sequence[str],
    partition: str,
    combos: Sequence[str],
) -> str:
    """Return what `hard_to_learn` found as plain text.

    For each model and seed: class distribution, True × Predicted and total.
    """
    lines = [
        f"Images of {partition} that none of the models on {', '.join(combos)} learnt.",
        "Out of sample: test images of the partition, which none of these models trained on or was "
        "chosen by.",
        "Trained on: training images of the partition that all of these models get wrong although "
        "they trained on them.",
        "Predicted: the answer of the model on the first combo. Over all models and seeds it is "
        "the most frequent of these answers.",
    ]
    if left_out:
        n = len(left_out) + len(counts) // len(PARTS) - 1  # the last one is of all
        lines.append(
            f"Left out: {len(left_out)} of {n} models and seeds ({'; '.join(left_out)}), because a "
            "run diverged, or is not known to have trained on images of this study."
        )
    for count in counts.itertuples():
        hard = images[
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
        if hard.empty:
            lines.append("No hard-to-learn images found.")
            continue
        true, predicted = hard["true"].to_numpy(), hard["predicted"].to_numpy()
        numbers = np.bincount(true, minlength=len(classes))
        table = pd.DataFrame(
            confusion(true, predicted, len(classes)), index=classes, columns=classes
        )
        lines += [
            "Class distribution:",
            *(f"{name}: {n}" for name, n in zip(classes, numbers, strict=True)),
        ]
        lines += ["True (rows) x Predicted (columns):", table.to_string()]
        lines.append(f"Total hard-to-learn images: {len(hard)}")
    return "\n".join(lines) + "\n"
