"""How well scores of hardness agree with people, with intervals.

The intervals are percentiles over bootstrap resamples of the images (B. Efron, 1979), the same
resamples for every score, so that differences between scores are paired. They say how far other
images of the same kind might move a value, and nothing of other runs. Images that belong together
are drawn together. With few positive images
those of average precision are too narrow. In a simulation with 60 positive ones among 2,000 images,
the 95 % interval of a difference held the truth in 86 of 100 cases (AUROC's in 95).
"""

from collections.abc import Container, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from study.comparison.intervals import percentile_interval, t_interval
from study.hardness.noise_ceiling import CEILING, Halves, ceiling, halves_of
from study.hardness.rank_metrics import Ranking, rank_metrics
from study.runs.confusion import confusion

# Larger is harder.
SCORES = ("hardness", "error_rate", "label_suspicion", "1 - p_label_mean")
# What the others are compared with: the share of runs that misclassify the image.
BASELINE = "error_rate"
GRADED_TARGETS = ("human_error", "human_entropy")
YES_NO_TARGETS = ("human_rejects", "human_hard")
# Of the images of each class alone, averaged: it says nothing of which classes are hard.
WITHIN = "spearman_within_class"
COLUMNS = [
    "target", "score", "metric", "value", "low", "high", f"difference_to_{BASELINE}",
    "difference_low", "difference_high", "n", "n_positive",
]  # fmt: skip
# Below this mean probability of the label an image counts as hard for the models.
HARD_FOR_MODELS = 0.5

# Resamples at a time: enough for numpy to be busy, few enough for the processor's cache.
_BLOCK = 16
# Groups of images in a figure: so many, if each has at least this many images.
_GROUPS, _GROUP_SIZE = 20, 25
# A class of fewer images has no correlation.
_FEWEST = 3


def judged_images(hard_examples: pd.DataFrame, targets: pd.DataFrame) -> pd.DataFrame:
    """Return the images that both models and people judged.

    Args:
        hard_examples: one row per image with `image_id`, `hardness`, `error_rate`,
            `label_suspicion` and `p_label_mean`, empty where no run may judge it, or none that
            scores are compared by.
        targets: what `study.hardness.human_votes.human_targets` returned.

    Returns:
        One row per image: `image_id`, `SCORES`, `p_label_mean` and the targets, by image_id. All
        have the same scores. What none of the images has is NaN; `hardness` each has. There may be
        no such image.
    """
    columns = ["image_id", *SCORES[:-1], "p_label_mean"]
    images = hard_examples[columns].merge(targets, on="image_id")
    # A score that none of these images has would take all of them away.
    some_have = [name for name in columns if images[name].notna().any()]
    images = images.dropna(subset=list({"hardness", *some_have}))
    images = images.sort_values("image_id", ignore_index=True)
    return images.assign(**{SCORES[-1]: 1 - images["p_label_mean"]})


class _Compared(NamedTuple):
    """Images whose scores and targets are compared.

    Attributes:
        rows: int64, m; of all images.
        scores: m ranked, by name; likewise
        graded: targets.
        halves: for each random cut of the votes, both halves' error; of the images that have any.
        voted: int64; these among all images.
    """

    rows: np.ndarray
    scores: dict[str, Ranking]
    graded: dict[str, Ranking]
    halves: list[tuple[Ranking, Ranking]]
    voted: np.ndarray


def agreement(
    images: pd.DataFrame,
    resamples: int = 2000,
    seed: int = 0,
    together: np.ndarray | None = None,
    labels: np.ndarray | None = None,
) -> pd.DataFrame:
    """Return how well each score agrees with each target.

    Args:
        images: what `judged_images` returned, at least one.
        resamples: bootstrap resamples of the images.
        seed: of the resamples.
        together: int64, N; the group of each image_id. Default: each image is alone.
        labels: int64, N; the class of each image_id. Default: one class.

    Returns:
        One row per target, metric and score. It holds `value` with its 95 % interval `low`,
        `high`, the `difference_to_error_rate` with its interval, and `n` images. Of these,
        `n_positive` are positive (yes-no targets). The metric is `spearman` for graded targets
        (ties at their mean rank), and `auroc` and `average_precision` for yes-no targets (ties half
        right, and in a random order). With labels, `WITHIN` is Spearman's correlation in each
        class, its mean over classes, which weigh as they have images. Where images have several
        votes, `CEILING` stands among the scores of the human error.
        What is undefined, because all images have the same score or target, or none has the score,
        is NaN.
    """
    yes_no = {name: images[name].to_numpy(bool) for name in YES_NO_TARGETS}
    n, unit, image_ids = len(images), np.arange(len(images)), images["image_id"]
    if together is not None:
        unit = np.unique(together[image_ids], return_inverse=True)[1]
    halves = halves_of(images, seed)
    classes = [] if labels is None else _rows_of_classes(labels[image_ids])
    every, *by_class = (_compared(images, halves, rows) for rows in [np.arange(n), *classes])
    missing = {name for name in SCORES if images[name].isna().all()}
    with np.errstate(invalid="ignore"):  # undefined is NaN
        values, *blocks = (
            _without(missing, _metrics(every, by_class, yes_no, halves, weights))
            for weights in [np.ones((n, 1)), *_resampled(unit, resamples, seed)]
        )
    rows = []
    for (target, score, metric), value in values.items():
        samples, baseline = (
            np.concatenate([block[target, name, metric] for block in blocks])
            for name in (score, BASELINE)
        )
        difference = value[0] - values[target, BASELINE, metric][0]
        ends = *percentile_interval(samples), difference, *percentile_interval(samples - baseline)
        n_positive = int(yes_no[target].sum()) if target in yes_no else pd.NA
        rows.append((target, score, metric, value[0], *ends, n, n_positive))
    return pd.DataFrame(rows, columns=COLUMNS).astype({"n_positive": "Int64"})


def _without(
    scores: Container[str], found: dict[tuple[str, str, str], np.ndarray]
) -> dict[tuple[str, str, str], np.ndarray]:
    """Return metrics by target, score and metric, NaN for these scores."""
    return {
        key: np.full_like(values, np.nan) if key[1] in scores else values
        for key, values in found.items()
    }


def _rows_of_classes(labels: np.ndarray) -> list[np.ndarray]:
    rows = [np.flatnonzero(labels == k) for k in np.unique(labels)]
    return [of_class for of_class in rows if len(of_class) >= _FEWEST]


def _compared(images: pd.DataFrame, halves: Halves | None, rows: np.ndarray) -> _Compared:
    def ranked(names: Sequence[str]) -> dict[str, Ranking]:
        return {name: Ranking(images[name].to_numpy(float)[rows]) for name in names}

    cut, voted = [], np.array([], int)
    if halves is not None:
        among = np.isin(halves.rows, rows)
        cut = [tuple(Ranking(e[among]) for e in errors) for errors in halves.errors]
        voted = halves.rows[among]
    return _Compared(rows, ranked(SCORES), ranked(GRADED_TARGETS), cut, voted)


def _metrics(
    every: _Compared,
    by_class: Sequence[_Compared],
    yes_no: dict[str, np.ndarray],
    halves: Halves | None,
    weights: np.ndarray,
) -> dict[tuple[str, str, str], np.ndarray]:
    """Return each metric of resamples, float B, by target, score and metric, in this order.

    Args:
        every: all images.
        by_class: those of each class.
        yes_no: targets, bool n.
        halves: of the votes, if there are.
        weights: n×B; how often each image is there.
    """
    found = rank_metrics(every.scores, every.graded, yes_no, weights)
    if halves is not None:
        halves_agree = _between_halves(every, weights)
        found[GRADED_TARGETS[0], CEILING, "spearman"] = ceiling(halves_agree, halves.times)
    if by_class:
        parts = [rank_metrics(c.scores, c.graded, {}, weights[c.rows]) for c in by_class]
        sizes = np.array([len(c.rows) for c in by_class], float)
        for target, score, metric in parts[0]:
            values = [part[target, score, metric] for part in parts]
            found[target, score, WITHIN] = _weighted_mean(values, sizes)
        if halves is not None:
            mean = _weighted_mean([_between_halves(c, weights) for c in by_class], sizes)
            found[GRADED_TARGETS[0], CEILING, WITHIN] = ceiling(mean, halves.times)
    order = [*GRADED_TARGETS, *YES_NO_TARGETS], ["spearman", WITHIN, "auroc", "average_precision"]
    return dict(
        sorted(found.items(), key=lambda i: (order[0].index(i[0][0]), order[1].index(i[0][2])))
    )


def _between_halves(compared: _Compared, weights: np.ndarray) -> np.ndarray:
    """Return the correlation of human error by two halves of the votes, float B."""
    if len(compared.voted) < _FEWEST:
        return np.full(weights.shape[1], np.nan)
    of_voted = weights[compared.voted]
    found = [rank_metrics({"": a}, {"": b}, {}, of_voted) for a, b in compared.halves]
    return np.mean([metrics["", "", "spearman"] for metrics in found], axis=0)


def _weighted_mean(values: Sequence[np.ndarray], sizes: np.ndarray) -> np.ndarray:
    """Return the mean of those of C values that are defined, float B, weighted by C sizes."""
    table = np.array(values)
    weights = np.where(np.isnan(table), 0, sizes[:, None])
    return np.nansum(table * weights, axis=0) / weights.sum(axis=0)


def _resampled(unit: np.ndarray, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Yield how often each image is drawn, float n×B, for resamples in blocks of B.

    Args:
        unit: int, n; the number of what is drawn with each image, from 0 on.
        resamples: of the units.
        seed: of the draws.
    """
    generator, n = np.random.default_rng(seed), int(unit.max()) + 1
    for start in range(0, resamples, _BLOCK):
        block = min(_BLOCK, resamples - start)
        counts = [np.bincount(generator.integers(n, size=n), minlength=n) for _ in range(block)]
        yield np.stack(counts, axis=1).astype(float)[unit]


def finding(table: pd.DataFrame) -> str:
    """Return in one sentence how hardness fares against the plain count of errors.

    By AUROC: few images suffice for its intervals.

    Args:
        table: what `agreement` returned, of all sources; empty where there is nothing to compare.
    """
    known = table[table["metric"] == "auroc"].dropna(subset=["value"])
    rows = known[known["score"] == "hardness"].dropna(subset=["difference_low"])
    if rows.empty and "hardness" in set(known["score"]) and BASELINE not in set(known["score"]):
        return f"No image with votes has an {BASELINE} to compare hardness with"
    if rows.empty:
        return "Too few judged images have votes to compare hardness with the plain error count"
    better, worse = (rows["difference_low"] > 0).sum(), (rows["difference_high"] < 0).sum()
    return (
        f"By AUROC, hardness agrees with people better than the plain error count in {better} of "
        f"{len(rows)} comparisons, worse in {worse}, undecided in {len(rows) - better - worse}"
    )


def models_and_people(images: pd.DataFrame) -> np.ndarray:
    """Return how many images are hard for models and for people.

    Hard for models: the mean probability of the label is below `HARD_FOR_MODELS`.

    Returns:
        int64, 2×2: rows easy and hard for the models, columns easy and hard for people.
    """
    hard_for_models = (images["p_label_mean"] < HARD_FOR_MODELS).to_numpy(int)
    return confusion(hard_for_models, images["human_hard"].to_numpy(int), 2)


def precision_and_recall(
    score: Sequence[float], positive: Sequence[bool]
) -> tuple[np.ndarray, np.ndarray]:
    """Return precision and recall for every threshold of a score, recall falling.

    At least one image is positive.
    """
    # Imported where it is used: it takes seconds, and few studies have votes.
    from sklearn.metrics import precision_recall_curve

    precision, recall, _ = precision_recall_curve(positive, score, drop_intermediate=True)
    return precision[:-1], recall[:-1]  # without the end point (0, 1), which no threshold has


def human_error_by_hardness(images: pd.DataFrame) -> pd.DataFrame:
    """Return the mean human error of images of like hardness.

    Args:
        images: what `judged_images` returned.

    Returns:
        One row per group, easiest first, of as nearly equal sizes as possible: mean `hardness`;
        `human_error`, with `low` and `high`, the ends of its 95 % t-interval.
    """
    ordered = images.sort_values(["hardness", "image_id"])
    rows = []
    for places in np.array_split(
        np.arange(len(images)), min(_GROUPS, max(1, len(images) // _GROUP_SIZE))
    ):
        group = ordered.iloc[places]
        interval = t_interval(group["human_error"].tolist())
        rows.append((group["hardness"].mean(), interval.mean, interval.low, interval.high))
    return pd.DataFrame(rows, columns=["hardness", "human_error", "low", "high"])
