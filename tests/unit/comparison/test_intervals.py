"""Intervals and p-values against the textbook and scipy."""

import math

import pytest
from scipy import stats

from study.comparison.intervals import t_half_width, t_interval, t_p_value


def test_the_t_interval_is_the_textbook_one():
    interval = t_interval([0.60, 0.62, 0.64])
    assert (
        interval.mean == pytest.approx(0.62)
        and interval.sd == pytest.approx(0.02)
        and interval.n == 3
    )
    assert interval.high - interval.mean == pytest.approx(4.3026527 * 0.02 / math.sqrt(3))
    assert math.isnan(t_interval([0.5]).low)


def test_half_width_and_p_value_belong_together_and_an_error_of_zero_is_certain():
    assert t_p_value(t_half_width(0.02, 7), 0.02, 7) == pytest.approx(0.05)
    assert t_p_value(0.03, 0.02, 7) == pytest.approx(2 * stats.t.sf(1.5, 7))
    assert (t_p_value(0, 0, 7), t_p_value(0.1, 0, 7)) == (1, 0)
