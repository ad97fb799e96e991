"""Figures of how a model is trained."""

import numpy as np

from study.report.plots.models import schedule_figure


def test_the_schedule_figure_draws_rate_and_momentum_over_epochs():
    values = np.stack([np.linspace(1, 0, 20), np.full(20, 0.9)], axis=1)
    rate, momentum = schedule_figure(values, 5, "title", "Momentum").axes
    assert np.array_equal(rate.lines[0].get_xdata(), np.arange(20) / 5)
    assert np.array_equal(rate.lines[0].get_ydata(), values[:, 0])
    assert (
        np.array_equal(momentum.lines[0].get_ydata(), values[:, 1])
        and momentum.get_ylabel() == "Momentum"
    )
