"""In what two runs, or two studies, differ."""

import itertools
import math
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from study.comparison.difference import difference_row
from study.comparison.intervals import (
    CONFIDENCE,
    holm,
    mcnemar_p_value,
    t_half_width,
    t_p_value,
)
from study.comparison.spread import ENOUGH_SEEDS, Spread, combo_classes, residual
from study.runs.predictions import Predictions

# Decimals of the measures of runs in summary.csv.
DECIMALS = 6
_NOTHING = "–"
_GROUP_COLUMNS = [
    "combo", "model", "n_seeds", "n_same", "mean_a", "mean_b", "difference", "low", "high", "p",
]  # fmt: skip


class Difference(NamedTuple):
    """A key, in dots, whose values differ; a value that is not there is a dash."""

    key: str
    before: Any
    after: Any


def differing(before: Any, after: Any, key: str = "") -> Iterator[Difference]:
    """Yield what differs between two values, mappings by key."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in dict.fromkeys([*before, *after]):
            values = (side.get(name, _NOTHING) for side in (before, after))
            yield from differing(*values, f"{key}.{name}" if key else str(name))
    elif before != after:
        yield Difference(key, before, after)


def seed_noise(groups: Sequence[Sequence[float]]) -> float:
    """Return how far two runs that differ in their seed alone lie apart in 95 of 100 cases.

    This is t·√2·sd with the standard deviation over seeds pooled over the groups, and its degrees
    of freedom.

    Args:
        groups: the values of runs that differ in their seed alone; NaN is left out.

    Returns:
        NaN if no group has two values.
    """
    known = [np.asarray(group, float)[~np.isnan(np.asarray(group, float))] for group in groups]
    known = [group for group in known if len(group)]
    freedom = sum(len(group) - 1 for group in known)
    if freedom == 0:
        return math.nan
    squares = sum(float(((group - group.mean()) ** 2).sum()) for group in known)
    return t_half_width(math.sqrt(2 * squares / freedom), freedom)


class PairedAnswers(NamedTuple):
    """The answers of two runs on the images that both may judge.

    Attributes:
        image_ids: int64, n; that both may judge.
        predicted: int64, 2×n; labels.
        confidence: float64, 2×n; probability of the predicted label.
        right: bool, 2×n.
        groups: int64, n; of images that belong together; None where each is alone.
    """

    image_ids: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray
    right: np.ndarray
    groups: np.ndarray | None = None

    @property
    def lost(self) -> np.ndarray:
        """Return a mask, bool n, of the images that only the first run gets right."""
        return self.right[0] & ~self.right[1]

    @property
    def won(self) -> np.ndarray:
        """Return a mask, bool n, of the images that only the second run gets right."""
        return self.right[1] & ~self.right[0]

    @property
    def p(self) -> float:
        """The two-sided p-value of McNemar's exact test, or of Student's t over groups of images.

        It tests whether these two trained models are right equally often.
        """
        if self.groups is not None:
            gap = self.right[1].astype(float) - self.right[0]
            return difference_row([gap], [self.groups])["p"] if len(gap) else 1.0
        return mcnemar_p_value(int(self.won.sum()), int(self.lost.sum()))


def paired_answers(
    a: Predictions,
    b: Predictions,
    labels: np.ndarray,
    duplicates: np.ndarray | None,
    groups: np.ndarray | None = None,
) -> PairedAnswers:
    """Compare two runs image by image.

    Args:
        a: a run.
        b: another one, on the same images; none are judged where one of the two diverged.
        labels: int, N.
        duplicates: int64, P×2; pairs of image_ids that are nearly the same.
        groups: int64, N; of images that belong together. Default: each is alone.
    """
    image_ids = np.flatnonzero(a.may_judge(duplicates) & b.may_judge(duplicates))
    log_probabilities = [
        Predictions(run.logits[image_ids], run.roles[image_ids]).log_probabilities()
        for run in (a, b)
    ]
    predicted = np.array([table.argmax(axis=1) for table in log_probabilities])
    confidence = np.array([np.exp(table.max(axis=1)) for table in log_probabilities])
    right = predicted == labels[image_ids]
    drawn = None if groups is None else groups[image_ids]
    return PairedAnswers(image_ids, predicted, confidence, right, drawn)


def changed_images(
    compared: PairedAnswers, labels: np.ndarray, classes: Sequence[str], files: Sequence[str]
) -> pd.DataFrame:
    """Return the images that one of two runs gets right and the other one wrong.

    Args:
        compared: what `paired_answers` returned.
        labels: int, N.
        classes: names in label order.
        files: N names.

    Returns:
        One row per image: `image_id`, `file`, `true`, `a` and `b` (predicted classes),
        `confidence_a`, `confidence_b`, `change`.
    """
    changed = compared.lost | compared.won
    ids, names = compared.image_ids[changed], np.array(classes)
    predicted, confidence = names[compared.predicted[:, changed]], compared.confidence[:, changed]
    return pd.DataFrame(
        {
            "image_id": ids,
            "file": [files[i] for i in ids],
            "true": names[labels[ids]],
            "a": predicted[0],
            "b": predicted[1],
            "confidence_a": confidence[0],
            "confidence_b": confidence[1],
            "change": np.where(compared.won[changed], "wrong to right", "right to wrong"),
        }
    )


def groups_of_studies(
    a: pd.DataFrame, b: pd.DataFrame, measure: str, same: Container[tuple] = ()
) -> pd.DataFrame:
    """Compare the combos and models that two studies have in common, seed by seed.

    Args:
        a: one row per run: combo, model, seed, n_train and the measure.
        b: likewise.
        measure: whose means are compared.
        same: `Run.key` of the runs that have the same weights, bit for bit, in both studies.

    Returns:
        One row per combo and model, with these columns:

        - `mean_a`, `mean_b` over the `n_seeds` that both have; `n_same` of these are the same runs;
        - `difference` b - a;
        - `low`, `high`: its 95 % interval, by Student's t. The noise is that of the seeds whose
          runs differ. Where these are fewer than five, it is that of all combos of the model of
          about this size, in both studies (the residual of groups × seeds, of additive effects).
          `official` stands apart, because it has test images of its own. Where these are too few,
          all combos of the model count;
        - `p_holm`, adjusted by Holm over the rows;
        - `verdict`: "same runs" where all are, else "a higher", "b higher" or "undecided".

        There is no interval and no p where all runs are the same, or the noise is unknown, as with
        one seed. There are no rows where no run is in both.
    """
    tables = [
        study.pivot_table(index=["model", "combo"], columns="seed", values=measure, sort=False)
        for study in (a, b)
    ]
    kinds, rows = _kinds(pd.concat([a, b])), []
    for model in dict.fromkeys(tables[0].index.get_level_values("model")):
        of_model = [
            table[table.index.get_level_values("model") == model].droplevel("model")
            for table in tables
        ]
        rows += _groups_of_model(model, *of_model, kinds, same)
    groups = pd.DataFrame(rows, columns=_GROUP_COLUMNS)
    known = groups["p"].notna().to_numpy()
    adjusted = np.full(len(groups), math.nan)
    adjusted[known] = holm(groups["p"].to_numpy()[known])
    groups["p_holm"] = adjusted
    higher = np.where(groups["difference"] > 0, "b higher", "a higher")
    decided = np.where(adjusted <= 1 - CONFIDENCE, higher, "undecided")
    groups["verdict"] = np.where(groups["n_same"] == groups["n_seeds"], "same runs", decided)
    return groups.drop(columns="p")


def _kinds(runs: pd.DataFrame) -> dict[str, int]:
    """Return by combo the number of its class of size, the larger of both studies'.

    `official` is a class by itself. Sizes that nobody knows are one class.
    """
    sizes = runs.reindex(columns=["combo", "n_train"]).astype({"n_train": float})
    return combo_classes(sizes.groupby("combo")["n_train"].max().fillna(0).to_dict())


def _groups_of_model(
    model: str,
    a: pd.DataFrame,
    b: pd.DataFrame,
    kinds: Mapping[str, int],
    same: Container[tuple],
) -> Iterator[tuple]:
    """Yield a row of `_GROUP_COLUMNS` for each combo of both tables, combos × seeds."""
    both = pd.concat([a, b], keys=["a", "b"])
    # A run that is in both studies shows its noise once.
    once = both.copy()
    for combo, seed in itertools.product(b.index, b.columns):
        if (combo, model, seed) in same:
            once.loc[("b", combo), seed] = math.nan
    runs, of_rows = once.to_numpy(float), once.index.get_level_values("combo").map(kinds).to_numpy()
    noises = {kind: _noise(runs[of_rows == kind]) or _noise(runs) for kind in set(of_rows)}
    for combo in a.index[a.index.isin(b.index)]:
        pair = both.loc[[("a", combo), ("b", combo)]].dropna(axis=1)
        n = len(pair.columns)
        if n == 0:
            continue
        n_same = sum((combo, model, seed) in same for seed in pair.columns)
        mean_a, mean_b = pair.mean(axis=1).to_numpy()
        value, half, p = float(mean_b - mean_a), math.nan, math.nan
        enough = n - n_same >= ENOUGH_SEEDS
        own = once.loc[pair.index, pair.columns].to_numpy(float)
        noise = _noise(own) if enough else noises[kinds[combo]]
        # Differences that agree exactly do not show how far those of other seeds would be apart.
        if n > max(1, n_same) and noise.freedom and (noise.variance or not value):
            error = math.sqrt(2 * noise.variance / n)
            half, p = t_half_width(error, noise.freedom), t_p_value(value, error, noise.freedom)
        yield combo, model, n, n_same, mean_a, mean_b, value, value - half, value + half, p


def _noise(runs: np.ndarray) -> Spread:
    """Return `residual`; what `DECIMALS` leave of differences that are equal is 0."""
    noise = residual(runs)
    return Spread(0.0, noise.freedom) if noise.variance < 10 ** (-2 * DECIMALS) else noise
