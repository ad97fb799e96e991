"""Whether two runs fail on the same images more often than their accuracies make likely."""

import math

import numpy as np


def error_consistency(a: np.ndarray, b: np.ndarray) -> float:
    """Return Cohen's kappa of being right: 0 as two independent runs of these accuracies would agree, 1 fully.

    NaN where both are always right, always wrong, or there are no images.

    Args:
        a: bool, n; right answers of one run.
        b: bool, n; of another run on the same images.

    Source: R. Geirhos et al., "Beyond Accuracy: Quantifying Trial-by-Trial Behaviour of CNNs and Humans by Measuring Error
    Consistency", 2020.
    """
    if len(a) == 0:
        return math.nan
    observed = float((a == b).mean())
    right_a, right_b = float(a.mean()), float(b.mean())
    expected = right_a * right_b + (1 - right_a) * (1 - right_b)
    return math.nan if expected == 1 else (observed - expected) / (1 - expected)
