"""Which images stay hard: how often the runs that may judge an image get it wrong."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from study.predictions import Predictions


def hard_examples(runs: Iterable[Predictions], labels: np.ndarray, n_classes: int) -> pd.DataFrame:
    """Return the misclassification rate of every image over the runs that may judge it, hardest first.

    A run may judge an image when it neither trained on it nor selected on it: the image's role is test or unseen.
    A run whose training diverged judges nothing.
    Runs are read one by one, so memory does not grow with their number.

    Args:
        runs: predictions of all runs.
        labels: int, N.
        n_classes: number of classes, K.

    Returns:
        One row an image with at least one eligible run: `image_id`, `label`, `n_eligible`, `n_wrong`, `error_rate`,
        `mean_probability` (of the label, over eligible runs), `predicted` (the most frequent prediction of the eligible
        runs; the lower class on ties) and `predicted_share`. Sorted by error rate (high first), then mean probability
        of the label (low first), then image_id.
    """
    n = len(labels)
    votes = np.zeros((n, n_classes), np.int64)
    probability = np.zeros(n)
    everything = np.arange(n)
    for run in runs:
        if run.diverged:
            continue
        eligible = run.has_role("test", "unseen")
        log_probabilities = run.log_probabilities()
        votes[everything[eligible], log_probabilities.argmax(axis=1)[eligible]] += 1
        probability[eligible] += np.exp(log_probabilities[everything, labels])[eligible]

    n_eligible = votes.sum(axis=1)
    judged = np.flatnonzero(n_eligible)
    count = n_eligible[judged]
    n_wrong = count - votes[judged, labels[judged]]
    table = pd.DataFrame(
        {
            "image_id": judged,
            "label": labels[judged],
            "n_eligible": count,
            "n_wrong": n_wrong,
            "error_rate": n_wrong / count,
            "mean_probability": probability[judged] / count,
            "predicted": votes[judged].argmax(axis=1),
            "predicted_share": votes[judged].max(axis=1) / count,
        }
    )
    return table.sort_values(
        ["error_rate", "mean_probability", "image_id"], ascending=[False, True, True], ignore_index=True
    )
