"""Which classes a run takes for which.

scikit-learn has this too, but takes most of a second to import, at each run's figures.
"""

import numpy as np


def confusion(labels: np.ndarray, predicted: np.ndarray, n_classes: int) -> np.ndarray:
    """Return the confusion matrix, int64 K×K: rows are true classes, columns predicted ones.

    Args:
        labels: int, n.
        predicted: int, n.
        n_classes: K.
    """
    matrix = np.zeros((n_classes, n_classes), np.int64)
    np.add.at(matrix, (labels, predicted), 1)
    return matrix
