"""Student's interval: against the textbook."""

import math

import pytest

from study.comparison.intervals import t_interval


def test_the_t_interval_is_the_textbook_one():
    interval = t_interval([0.60, 0.62, 0.64])
    assert (
        interval.mean == pytest.approx(0.62)
        and interval.sd == pytest.approx(0.02)
        and interval.n == 3
    )
    assert interval.high - interval.mean == pytest.approx(4.3026527 * 0.02 / math.sqrt(3))
    assert math.isnan(t_interval([0.5]).low)
