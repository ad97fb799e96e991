"""Figures of comparisons."""

import numpy as np
import pandas as pd
import pytest

from study.report.plots.comparisons import variance_figure


def test_variance_bars_are_in_points_and_unknown_ones_are_called_so():
    components = pd.DataFrame(
        {"model": "a", "source": ["partition", "seed", "finite test"], "sd": [np.nan, 0.01, 0.004]}
        | {"low": [np.nan, 0.005, np.nan], "high": [np.nan, 0.03, np.nan], "p": np.nan}
    )
    figure = variance_figure(components)
    assert [bar.get_width() for bar in figure.axes[0].patches] == pytest.approx([1.0, 0.4])
    assert [text.get_text().strip() for text in figure.axes[0].texts] == [
        "not known", "1.00", "0.40",
    ]  # fmt: skip
