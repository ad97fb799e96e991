"""What it does to a score when test images were trained on."""

from collections.abc import Mapping

import numpy as np

from study.runs.predictions import Predictions


def leak(
    leaky: Predictions,
    test: np.ndarray,
    right: Predictions,
    right_test: np.ndarray,
    labels: np.ndarray,
) -> Mapping[str, float]:
    """Return the accuracy of one model on another's test images, with and without those it was trained on.

    Args:
        leaky: of a run on a combo that was split afresh.
        test: int, n; the test images of a partition, as it was split by itself.
        right: of a run on the same combo with the splits of its partitions.
        right_test: int; the test images of that partition in these splits.
        labels: int, N.

    Returns:
        `n_test` images; `n_trained`, how many of them the leaky run trained on, and `share_trained`; `accuracy` on all of them;
        `accuracy_unseen` of the same model on those that it neither trained nor validated on; `flattery`, the first less the
        second; `accuracy_right`, of the run without a leak on its test images of that partition.
    """
    trained = leaky.has_role("train")[test]
    unseen = ~leaky.has_role("train", "val")[test]
    correct = (leaky.logits.argmax(axis=1) == labels)[test]
    correct_right = (right.logits.argmax(axis=1) == labels)[right_test]
    return {
        "n_test": len(test),
        "n_trained": int(trained.sum()),
        "share_trained": float(trained.mean()),
        "accuracy": float(correct.mean()),
        "accuracy_unseen": float(correct[unseen].mean()),
        "flattery": float(correct.mean() - correct[unseen].mean()),
        "accuracy_right": float(correct_right.mean()),
    }
