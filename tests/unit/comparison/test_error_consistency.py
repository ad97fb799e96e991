"""Error consistency against scikit-learn."""

import math

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from study.comparison.error_consistency import error_consistency


def test_error_consistency_is_cohens_kappa_of_being_right():
    random = np.random.default_rng(17)
    a, b = random.random(500) < 0.7, random.random(500) < 0.6
    b[:200] = a[:200]
    assert error_consistency(a, b) == pytest.approx(cohen_kappa_score(a, b))
    assert math.isnan(error_consistency(np.ones(4, bool), np.ones(4, bool)))
    assert math.isnan(error_consistency(a[:0], b[:0]))
