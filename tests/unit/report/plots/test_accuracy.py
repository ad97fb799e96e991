"""Figures of accuracy show the numbers they are given."""

import numpy as np
import pandas as pd
import pytest

from study.report.plots.accuracy import accuracy_by_combo_figure, recall_figure


def test_recalls_are_written_into_their_cells():
    recalls = pd.DataFrame(
        [[0.5, 0.75], [0.25, np.nan]],
        index=pd.MultiIndex.from_tuples([("cnn2", "v1"), ("cnn2", "v2")], names=["model", "combo"]),
        columns=["cat", "dog"],
    )
    axes = recall_figure(recalls).axes[0]
    written = {text.get_position(): text.get_text() for text in axes.texts}
    assert written == {(0, 0): "50%", (1, 0): "75%", (0, 1): "25%"}
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cnn2 on v1", "cnn2 on v2"]


BASELINES = pd.DataFrame(
    {"combo": ["v1", "v1+v2"], "measured_on": ["common_test", "test"]}
    | {"nearest_neighbour": [0.62, 0.68], "largest_class": [0.1, 0.1]}
)


@pytest.fixture
def summary():
    runs = pd.DataFrame(
        [
            {"combo": combo, "model": model, "seed": seed,
             "common_test_accuracy": base + seed / 100, "test_accuracy": base - seed / 100}
            for combo, base in (("v1", 0.6), ("v1+v2", 0.7))
            for model in ("cnn2", "cnn3")
            for seed in (1, 2)
        ]
    )  # fmt: skip
    groups = runs.groupby(["combo", "model"], sort=False).agg(
        common_test_accuracy_mean=("common_test_accuracy", "mean"),
        test_accuracy_mean=("test_accuracy", "mean"),
    )
    for metric in ("common_test_accuracy", "test_accuracy"):
        groups[f"{metric}_low"] = groups[f"{metric}_mean"] - 0.05
        groups[f"{metric}_high"] = groups[f"{metric}_mean"] + 0.05
    return runs, groups.reset_index()


def test_the_accuracy_figure_draws_every_run_and_states_the_finding(summary):
    figure = accuracy_by_combo_figure(*summary, BASELINES)
    common, _ = figure.axes
    drawn = sorted(y for line in common.lines for y in line.get_ydata())
    assert drawn == pytest.approx(sorted(summary[0]["common_test_accuracy"]))
    assert [tick.get_text() for tick in common.get_xticklabels()] == ["v1", "v1+v2"]
    best = "Highest mean accuracy on the common test: cnn2 on v1+v2, 71.5%"
    assert figure.get_suptitle() == best
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["cnn2", "cnn3"]
    low, high = common.get_ylim()
    assert low < min(drawn) and high > max(drawn)


def test_what_needs_no_network_is_drawn_where_it_was_measured_and_told_in_numbers(summary):
    figure = accuracy_by_combo_figure(*summary, BASELINES)
    for axes, (combo, reached) in zip(figure.axes, ((0, 0.62), (1, 0.68)), strict=True):
        grey = [c.get_segments()[0] for c in axes.collections if c.get_zorder() == 0]
        assert np.allclose(grey[0], [[combo - 0.42, reached], [combo + 0.42, reached]])
    assert figure.axes[0].get_ylim()[0] > 0.4  # not widened to 10 %
    said = " ".join(figure.legends[0].get_title().get_text().split())
    assert "Dotted: nearest neighbour on 8×8 pixels, 62.0% to 68.0%." in said
    assert "Dashed: always the largest class, 10.0% (below the picture)." in said


def test_an_interval_that_leaves_the_picture_says_so(summary):
    runs, groups = summary
    groups.loc[0, "common_test_accuracy_high"] = 0.99
    common, _ = accuracy_by_combo_figure(runs, groups, BASELINES).axes
    arrows = [line.get_ydata()[0] for line in common.lines if line.get_marker() in (6, 7)]
    assert arrows == [common.get_ylim()[1]]


def test_a_combo_without_a_common_test_is_drawn_in_the_other_panel_only(summary):
    runs, groups = summary
    official = runs["combo"].eq("v1+v2")
    runs.loc[official, "common_test_accuracy"] = np.nan
    groups.loc[groups["combo"].eq("v1+v2"), groups.filter(regex="^common").columns] = np.nan
    figure = accuracy_by_combo_figure(runs, groups, BASELINES)
    counts = [
        sum(np.isfinite(line.get_ydata()).sum() for line in axes.lines) for axes in figure.axes
    ]
    assert counts == [4, 8]
    assert figure.get_suptitle().endswith("on the common test: cnn2 on v1, 61.5%")
    groups.loc[:, groups.filter(regex="^common").columns] = np.nan
    runs["common_test_accuracy"] = np.nan
    assert "on its own test" in accuracy_by_combo_figure(runs, groups, BASELINES).get_suptitle()
