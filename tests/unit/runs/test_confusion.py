"""The confusion matrix against scikit-learn's."""

import numpy as np
from sklearn.metrics import confusion_matrix

from study.runs.confusion import confusion


def test_the_confusion_matrix_is_that_of_scikit_learn():
    random = np.random.default_rng(0)
    labels, predicted = random.integers(0, 4, (2, 300))  # no image of the fifth class
    expected = confusion_matrix(labels, predicted, labels=range(5))
    found = confusion(labels, predicted, 5)
    assert np.array_equal(found, expected) and found.dtype == np.int64
    assert not confusion(labels[:0], predicted[:0], 5).any()
