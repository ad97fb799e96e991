"""Figures of comparisons."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from study.report.plots.comparisons import variance_figure
from study.report.plots.style import save_figure


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_variance_bars_are_in_points_and_unknown_ones_are_called_so(tmp_path):
    components = pd.DataFrame(
        {"model": "a", "source": ["partition", "seed", "finite test"], "sd": [np.nan, 0.01, 0.004]}
        | {"low": [np.nan, 0.005, np.nan], "high": [np.nan, 0.03, np.nan], "p": np.nan}
    )
    figure = variance_figure(components)
    assert [bar.get_width() for bar in figure.axes[0].patches] == pytest.approx([1.0, 0.4])
    assert [text.get_text().strip() for text in figure.axes[0].texts] == [
        "not known", "1.00", "0.40",
    ]  # fmt: skip
    save_figure(figure, tmp_path / "variance.svg")
    save_figure(variance_figure(components), tmp_path / "again.svg")
    assert (tmp_path / "variance.svg").read_bytes() == (tmp_path / "again.svg").read_bytes()
