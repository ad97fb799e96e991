"""Learning curves over seeds."""

import pandas as pd
import pytest
from made_up_run import history_of_run

from study.report.plots.curves import learning_curves_figure
from study.runs.history import seed_bands


def test_learning_curves_draw_the_means_within_the_range():
    runs = [
        history_of_run("v1", 1, [0.2, 0.4]),
        history_of_run("v1", 2, [0.4, 0.5]),
        history_of_run("v1+v2", 1, [0.3, 0.6]),
    ]
    figure = learning_curves_figure(seed_bands(pd.concat(runs, ignore_index=True)), "cnn2")
    *_, accuracy_on_test = figure.axes
    assert [axes.get_title("left") for axes in figure.axes[:2]] == [
        "Training images",
        "Own test images",
    ]
    lines = {line.get_label(): line.get_ydata().tolist() for line in accuracy_on_test.get_lines()}
    assert lines == {"v1": pytest.approx([0.3, 0.45]), "v1+v2": pytest.approx([0.3, 0.6])}
    band = accuracy_on_test.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == pytest.approx((0.2, 0.5))


def test_a_single_epoch_is_drawn_as_a_point():
    figure = learning_curves_figure(seed_bands(history_of_run("v1", 1, [0.5])), "cnn2")
    assert figure.axes[-1].get_lines()[0].get_marker() == "o"
