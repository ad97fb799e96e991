"""Whether two runs fail on the same images more often than their accuracies make likely."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from study.comparison.answers import Answers, Study
from study.data.names import OFFICIAL


def error_consistency(a: np.ndarray, b: np.ndarray) -> float:
    """Return Cohen's kappa of being right: 0 for independent runs of these accuracies, 1 for equal.

    NaN where both are always right, always wrong, or there are no images.

    Args:
        a: bool, n; right answers of one run.
        b: bool, n; of another run on the same images.

    Source: R. Geirhos et al., "Beyond Accuracy: Quantifying Trial-by-Trial Behaviour of CNNs and
    Humans by Measuring Error Consistency", 2020.
    """
    if len(a) == 0:
        return math.nan
    observed = float((a == b).mean())
    right_a, right_b = float(a.mean()), float(b.mean())
    expected = right_a * right_b + (1 - right_a) * (1 - right_b)
    return math.nan if expected == 1 else (observed - expected) / (1 - expected)


def agreement_table(study: Study) -> pd.DataFrame:
    """Return how far models, and seeds, fail on the same images.

    All combos of partitions are looked at on the same images: those that no run of the two seeds
    trained or validated on, nor on one nearly the same. Those of the combo official are its own.
    """
    rows = []
    for combo in study.combos:
        unseen = _unseen(study, official=combo == OFFICIAL)
        for i, a in enumerate(study.models):
            seeds = _known(study, combo, a)
            pairs = list(itertools.combinations(seeds.values(), 2))
            if study.varies(a, "seed"):
                rows += _agreement("seeds", combo, a, a, pairs, unseen)
            for b in study.models[:i]:
                others = _known(study, combo, b)
                pairs = [(others[seed], seeds[seed]) for seed in seeds if seed in others]
                rows += _agreement("models", combo, b, a, pairs, unseen)
    columns = ["between", "combo", "a", "b", "kappa", "least", "most", "n_pairs", "n_images"]
    return pd.DataFrame(rows, columns=columns)


def _known(study: Study, combo: str, model: str) -> dict[int, Answers]:
    """Return the answers by seed, of those runs whose training images are known."""
    return {seed: one for seed, one in study.group(combo, model).items() if one.unseen.any()}


def _unseen(study: Study, *, official: bool) -> dict[int, np.ndarray]:
    """Return by seed a mask, bool N, of the images that all its runs may judge."""
    unseen: dict[int, np.ndarray] = {}
    for combo, model in study.groups:
        if (combo == OFFICIAL) == official:
            for seed, one in _known(study, combo, model).items():
                unseen[seed] = unseen[seed] & one.unseen if seed in unseen else one.unseen
    return unseen


def _agreement(
    kind: str,
    combo: str,
    a: str,
    b: str,
    pairs: Sequence[tuple[Answers, Answers]],
    unseen: Mapping[int, np.ndarray],
) -> list[dict[str, Any]]:
    """Return the row of some pairs of runs; none without pairs."""
    if not pairs:
        return []
    kappas, n_images = [], []
    for x, y in pairs:
        by_both = unseen[x.run.seed] & unseen[y.run.seed]
        kappa = error_consistency(x.right[by_both], y.right[by_both])
        if not np.isnan(kappa):  # as of two runs without a mistake
            kappas.append(kappa)
            n_images.append(by_both.sum())
    if not kappas:
        return []
    return [
        {
            "between": kind,
            "combo": combo,
            "a": a,
            "b": b,
            "kappa": np.mean(kappas),
            "least": min(kappas),
            "most": max(kappas),
            "n_pairs": len(kappas),
            "n_images": int(np.mean(n_images)),
        }
    ]
