"""How well a score ranks images like a target, for many resamples at a time.

Rank correlation, AUROC and average precision from weights: how often each image is there.
"""

import numpy as np


class Ranking:
    """The order of images by a value, from low to high, with equal values together."""

    def __init__(self, values: np.ndarray):
        _, self.groups = np.unique(values, return_inverse=True)
        self.order = np.argsort(self.groups, kind="stable")
        self.starts = np.flatnonzero(np.diff(self.groups[self.order], prepend=-1))

    def totals(self, ordered: np.ndarray) -> np.ndarray:
        """Return the summed weights of the images of each distinct value, G×B.

        Args:
            ordered: n×B; the weights in the order `self.order`.
        """
        return np.add.reduceat(ordered, self.starts, axis=0)


def rank_metrics(
    scores: dict[str, Ranking],
    graded: dict[str, Ranking],
    yes_no: dict[str, np.ndarray],
    weights: np.ndarray,
) -> dict[tuple[str, str, str], np.ndarray]:
    """Return each metric, float B, by (target, score, metric).

    Args:
        scores: of the images, larger is harder.
        graded: targets that are ranked, for `spearman`.
        yes_no: targets, bool n, for `auroc` and `average_precision`.
        weights: n×B; how often image i is there in resample b.
    """
    metrics = {}
    target_ranks = {target: _centred_ranks(ranking, weights) for target, ranking in graded.items()}
    for score, ranking in scores.items():
        ranks, spread = _centred_ranks(ranking, weights)
        weighted = weights * ranks
        for target, (others, other_spread) in target_ranks.items():
            covariance = np.einsum("ib,ib->b", weighted, others)
            metrics[target, score, "spearman"] = covariance / np.sqrt(spread * other_spread)
        ordered = weights[ranking.order]
        totals = ranking.totals(ordered)
        reciprocals = _reciprocal_ranks(totals)
        for target, positive in yes_no.items():
            hits = ranking.totals(ordered * positive[ranking.order, None])
            metrics[target, score, "auroc"] = _auroc(hits, totals - hits)
            metrics[target, score, "average_precision"] = _average_precision(
                hits, totals, reciprocals
            )
    return metrics


def _centred_ranks(ranking: Ranking, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each image's mid-rank minus the mean rank, n×B, and the sum of its squares, B."""
    totals = ranking.totals(weights[ranking.order])
    ranks = np.cumsum(totals, axis=0) - totals / 2 - weights.sum(axis=0) / 2
    return ranks[ranking.groups], (totals * ranks**2).sum(axis=0)


def _auroc(hits: np.ndarray, misses: np.ndarray) -> np.ndarray:
    """Return the probability that a positive image has the larger score; ties count half.

    Args:
        hits: positive images of each score, G×B.
        misses: the other images.
    """
    below = np.cumsum(misses, axis=0) - misses / 2
    return (hits * below).sum(axis=0) / (hits.sum(axis=0) * misses.sum(axis=0))


def _average_precision(hits: np.ndarray, totals: np.ndarray, reciprocals: np.ndarray) -> np.ndarray:
    """Return the expected average precision if images of equal score are ordered by chance.

    Without ties it is scikit-learn's. That gives all images of a tie the precision at its end, and
    so prefers to a count the same count with its ties broken at random.

    Args:
        hits: positive images of each score, G×B.
        totals: images of each score.
        reciprocals: what `_reciprocal_ranks` returned for `totals`.

    Source: F. McSherry and M. Najork, "Computing information retrieval performance measures
    efficiently in the presence of tied scores", ECIR 2008.
    """
    before, hits_before = (counts[::-1].cumsum(axis=0)[::-1] - counts for counts in (totals, hits))
    first = (hits_before + 1) * reciprocals
    later = (hits - 1) / np.maximum(totals - 1, 1) * (totals - (before + 1) * reciprocals)
    return (hits / np.maximum(totals, 1) * (first + later)).sum(axis=0) / hits.sum(axis=0)


def _reciprocal_ranks(totals: np.ndarray) -> np.ndarray:
    """Return the sum of 1 / rank over the images of each score, G×B; the largest ranks first.

    Args:
        totals: images of each score, G×B.
    """
    last = totals[::-1].cumsum(axis=0).astype(int)
    harmonic = np.concatenate([[0], np.cumsum(1 / np.arange(1, last[-1].max() + 1))])
    return np.diff(harmonic[last], axis=0, prepend=0)[::-1]
