"""Figures of the whole study show the numbers they are given."""

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_hex

from study.report.plots.accuracy import class_accuracy_figure, cost_figure, resources_figure
from study.report.plots.comparisons import variance_figure
from study.report.plots.curves import learning_curves_figure
from study.report.plots.style import STYLE, font_families, model_looks, save_figure
from study.runs.history import read_history, seed_bands


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def history(combo, seed, accuracies, model="cnn2"):
    n = len(accuracies)
    return pd.DataFrame(
        {
            "combo": combo,
            "model": model,
            "seed": seed,
            "epoch": range(1, n + 1),
            "train_loss": np.linspace(2, 1, n),
        }
        | {
            "train_accuracy": accuracies,
            "test_loss": 1.0,
            "test_accuracy": accuracies,
            "val_loss": np.nan,
        }
    )


def test_a_digest_that_reads_like_a_number_stays_text(tmp_path):
    # pandas crashes on this one where it takes it for a number.
    (tmp_path / "history.csv").write_text("epoch,train_loss,chain\n1,0.5,8e83582924077314\n")
    table = read_history(tmp_path / "history.csv")
    assert table["chain"].tolist() == ["8e83582924077314"] and table["train_loss"].tolist() == [0.5]


def test_seed_bands_are_mean_and_range_of_what_is_there():
    runs = [history("v1", 1, [0.2, 0.4]), history("v1", 2, [0.4, 0.5]), history("v2", 1, [0.3])]
    bands = seed_bands(pd.concat(runs, ignore_index=True)).set_index(
        ["combo", "split", "measure", "epoch"]
    )
    row = bands.loc[("v1", "test", "accuracy", 2)]
    assert row[["mean", "lowest", "highest", "n"]].tolist() == pytest.approx([0.45, 0.4, 0.5, 2])
    assert bands.loc[("v2", "test", "accuracy", 1), "n"] == 1
    assert "val" not in bands.index.get_level_values("split")  # NaN throughout


def test_learning_curves_draw_the_means_within_the_range():
    runs = [
        history("v1", 1, [0.2, 0.4]),
        history("v1", 2, [0.4, 0.5]),
        history("v1+v2", 1, [0.3, 0.6]),
    ]
    figure = learning_curves_figure(seed_bands(pd.concat(runs, ignore_index=True)), "found")
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
    figure = learning_curves_figure(seed_bands(history("v1", 1, [0.5])), "found")
    assert figure.axes[-1].get_lines()[0].get_marker() == "o"


def test_class_accuracies_are_written_into_their_cells():
    recalls = pd.DataFrame(
        [[0.5, 0.75], [0.25, np.nan]],
        index=pd.MultiIndex.from_tuples([("cnn2", "v1"), ("cnn2", "v2")], names=["model", "combo"]),
        columns=["cat", "dog"],
    )
    axes = class_accuracy_figure(recalls, "found").axes[0]
    written = {text.get_position(): text.get_text() for text in axes.texts}
    assert written == {(0, 0): "50%", (1, 0): "75%", (0, 1): "25%"}
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cnn2 on v1", "cnn2 on v2"]


def test_costs_are_points_of_accuracy_in_the_models_own_colours():
    costs = pd.DataFrame(
        {"combo": ["v1+v2", "v1", "v1"], "model": ["b", "b", "c"], "accuracy": [0.7, 0.6, 0.8], "train_seconds": [20.0, 10.0, 30.0]}
        | {"parameters": [100, 100, 900], "multiply_adds": [5e6, 5e6, 1e6]}
    )  # fmt: skip
    models = ["a", "b", "c"]  # all runs of a diverged
    seconds, parameters, _ = cost_figure(costs, models, "found").axes
    first, second = seconds.get_lines()
    assert first.get_xydata().tolist() == [[10, 0.6], [20, 0.7]]
    looks = model_looks(models)
    assert [to_hex(line.get_color()).upper() for line in (first, second)] == [
        looks["b"]["color"],
        looks["c"]["color"],
    ]
    assert [text.get_text() for text in seconds.texts] == ["v1+v2", "v1"]  # where each is best
    low, high = parameters.get_xlim()
    assert low < 100 and high > 900


def test_every_training_is_a_point_of_time_and_memory():
    runs = pd.DataFrame(
        {
            "combo": ["v1", "v2"],
            "model": "a",
            "train_seconds": [3.0, 4.0],
            "peak_memory_mb": [800, 900],
        }
    )
    time, memory = resources_figure(runs, "found").axes
    assert time.get_lines()[0].get_xydata().tolist() == [[0, 3], [1, 4]]
    assert memory.get_lines()[0].get_ydata().tolist() == [800, 900]


def test_variance_bars_are_in_points_and_unknown_ones_are_left_out(tmp_path):
    components = pd.DataFrame(
        {"model": "a", "source": ["partition", "seed", "finite test"], "sd": [np.nan, 0.01, 0.004]}
        | {"low": [np.nan, 0.005, np.nan], "high": [np.nan, 0.03, np.nan]}
    )
    figure = variance_figure(components, "found")
    assert [bar.get_width() for bar in figure.axes[0].patches] == pytest.approx([1.0, 0.4])
    assert [text.get_text().strip() for text in figure.axes[0].texts] == ["1.00", "0.40"]
    save_figure(figure, tmp_path / "variance.svg")
    save_figure(variance_figure(components, "found"), tmp_path / "again.svg")
    assert (tmp_path / "variance.svg").read_bytes() == (tmp_path / "again.svg").read_bytes()


def test_fonts_with_more_letters_stand_in_where_they_are_installed():
    assert font_families(["Arial", "UnDotum", "IPAGothic"]) == [
        "sans-serif",
        "IPAGothic",
        "UnDotum",
    ]
    assert font_families(["Arial"]) == ["sans-serif"]


@pytest.mark.skipif(
    STYLE["font.family"] == ["sans-serif"],
    reason="needs a font with Chinese, Japanese or Korean letters",
)
@pytest.mark.filterwarnings("error:Glyph")
def test_class_names_of_other_scripts_are_drawn_and_latin_ones_as_ever(tmp_path):
    letters = "고양이" if STYLE["font.family"][1] in ("UnDotum", "NanumGothic") else "猫"
    with plt.rc_context(STYLE):
        figure = plt.figure()
        figure.text(0.1, 0.5, f"{letters} and cat")
    save_figure(figure, tmp_path / "text.png")
