"""How far the list of the hardest images can be relied on: halves of the runs, and fewer runs."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from study.hardness.judgements import RunRanks, mean_over_models

# The ranking by hardness, and beside it the one by the plain share of wrong runs.
SCORES = ("hardness", "error_rate")
# Halves may judge few images in common, and two lists of 10 among 12 images agree by chance.
_IMAGES_PER_PLACE = 10


class Reliability(NamedTuple):
    """How far two random halves of the runs agree on the ranking, means over repetitions.

    Attributes:
        score: "hardness" or "error_rate".
        correlation: Spearman's, over all images that both halves judge.
        full: the correlation that two whole sets of runs would have (Spearman-Brown).
        overlap: share of the hardest images in common, by how many these are. It is the mean over
            the repetitions whose halves judge at least `_IMAGES_PER_PLACE` times as many images in
            common; without any, the number of images is missing.
        repetitions: of the halving.
    """

    score: str
    correlation: float
    full: float
    overlap: dict[int, float]
    repetitions: int


def list_length(n_images: int) -> int:
    """Return the length of the list of the hardest images: 1,000, or a smaller round number.

    It is at most a twentieth of the images. Lists that are a good part of all images share much by
    chance: two of 1,000 among 1,797 images more than half.
    """
    rounds = (number * 10**power for power in (2, 1, 0) for number in (10, 5, 2))
    return next((length for length in rounds if 20 * length <= n_images), 1)


def split_half(
    ranks: RunRanks, random: np.random.Generator, tops: Sequence[int], repetitions: int = 20
) -> list[Reliability]:
    """Return how reliable the ranking by each score is.

    Each model's runs are halved at random. Ties, of which the share of wrong runs has many, are
    broken at random.

    Args:
        ranks: of all runs.
        random: of the halves and the ties.
        tops: how many images each compared list has.
        repetitions: of the halving.
    """
    agreements: dict[str, list[tuple[float, dict[int, float]]]] = {score: [] for score in SCORES}
    for _ in range(repetitions):
        first = _random_half(ranks.models, random)
        halves = [chosen_scores(ranks, half) for half in (first, ~first)]
        for score, of_score in agreements.items():
            a, b = (half[score] for half in halves)
            both = ~np.isnan(a) & ~np.isnan(b)
            if both.sum() < 3:
                continue
            a, b = a[both], b[both]
            correlation = float(np.corrcoef(pd.Series(a).rank(), pd.Series(b).rank())[0, 1])
            overlap = {
                top: _overlap(a, b, top, random)
                for top in tops
                if _IMAGES_PER_PLACE * top <= len(a)
            }
            of_score.append((correlation, overlap))
    return [_mean(score, of_score) for score, of_score in agreements.items() if of_score]


def _mean(score: str, agreements: list[tuple[float, dict[int, float]]]) -> Reliability:
    """Return the mean of correlations and overlaps."""
    # Halves whose scores are all tied have no correlation, NaN: the mean skips them.
    correlation = float(pd.Series([one for one, _ in agreements]).mean())
    # Not every repetition has every length of the lists.
    tops = sorted({top for _, overlaps in agreements for top in overlaps})
    overlap = {
        top: float(np.mean([overlaps[top] for _, overlaps in agreements if top in overlaps]))
        for top in tops
    }
    # Two runs that rank a handful of images in opposite ways leave nothing to extrapolate.
    full = 2 * correlation / (1 + correlation) if correlation > -1 else math.nan
    return Reliability(score, correlation, full, overlap, len(agreements))


def reliability_table(halves: Sequence[Reliability]) -> pd.DataFrame:
    """Return one row per score; a column `overlap_top_<n>` for each length of the lists."""
    rows = []
    for half in halves:
        row = half._asdict()
        overlap = row.pop("overlap")
        rows.append(row | {f"overlap_top_{top}": share for top, share in overlap.items()})
    return pd.DataFrame(rows, columns=None if rows else ["score", "correlation", "full"])


def growth(
    ranks: RunRanks, random: np.random.Generator, top: int, repetitions: int = 10
) -> pd.DataFrame:
    """Return how the list of the hardest images settles with the number of runs.

    Rows with `n_runs`, `score` and `overlap`: the share of the whole study's `top` hardest images
        that this number of random runs finds.
    """
    total = len(ranks.models)
    whole = chosen_scores(ranks, np.ones(total, bool))
    doubled = (2**power for power in range(math.ceil(math.log2(total + 1))))
    rows = []
    for size in sorted({*doubled, total} if total else ()):
        overlaps: dict[str, list[float]] = {score: [] for score in SCORES}
        for _ in range(repetitions):
            chosen = np.zeros(total, bool)
            chosen[random.permutation(total)[:size]] = True
            part = chosen_scores(ranks, chosen)
            for score, of_score in overlaps.items():
                a, b = (np.nan_to_num(scores[score], nan=-1) for scores in (whole, part))
                of_score.append(_overlap(a, b, min(top, len(a)), random))
        rows += [(size, score, float(np.mean(shares))) for score, shares in overlaps.items()]
    return pd.DataFrame(rows, columns=["n_runs", "score", "overlap"])


def chosen_scores(ranks: RunRanks, chosen: np.ndarray) -> dict[str, np.ndarray]:
    """Return `SCORES` of all images by the chosen runs, a mask; NaN where none may judge."""
    n = ranks.n_images
    sums: dict[
        str, tuple[np.ndarray, np.ndarray]
    ] = {}  # by model: of ranks, of runs that may judge
    wrongs, judges = np.zeros((2, n), np.int64)
    for run in np.flatnonzero(chosen):
        rank, wrong = ranks[run]
        may = ~np.isnan(rank)
        total, count = sums.setdefault(ranks.models[run], (np.zeros(n), np.zeros(n, np.int64)))
        np.add(total, rank, out=total, where=may)
        count += may
        if ranks.comparable[run]:
            wrongs += wrong
            judges += may
    with np.errstate(invalid="ignore"):
        by_model = [total / count for total, count in sums.values()]
        error_rate = wrongs / judges
    return {"hardness": mean_over_models(by_model, n), "error_rate": error_rate}


def _random_half(models: Sequence[str], random: np.random.Generator) -> np.ndarray:
    """Return a mask of half of each model's runs."""
    names = np.array(models)
    half = np.zeros(len(names), bool)
    for model in dict.fromkeys(models):
        runs = random.permutation(np.flatnonzero(names == model))
        # Of an odd number, the larger half goes either way.
        half[runs[: (len(runs) + random.integers(2)) // 2]] = True
    return half


def _overlap(a: np.ndarray, b: np.ndarray, top: int, random: np.random.Generator) -> float:
    """Return the share of the `top` largest of one that are among the other's; ties at random."""
    lists = (np.lexsort([random.random(len(values)), -values])[:top] for values in (a, b))
    return len(np.intersect1d(*lists)) / top
