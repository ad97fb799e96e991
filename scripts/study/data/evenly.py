"""Some images that stand for all."""

import numpy as np


def evenly_spaced(n: int, most: int) -> np.ndarray:
    """Return up to `most` of n positions, int64: all, or the first, the last and some between."""
    return np.linspace(0, n - 1, min(n, most)).astype(np.int64)
