"""Figures are whole whatever the study: no text is cut off, on another, or shows markup."""

import itertools

import extreme_studies as extreme
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from study.comparison.groups import recall_table
from study.comparison.scaling import Scaling
from study.data.names import OFFICIAL
from study.report.plots.accuracy import (
    accuracy_by_combo_figure,
    recall_figure,
)
from study.report.plots.calibration import calibration_figure
from study.report.plots.comparisons import comparisons_figure, scaling_figure, variance_figure
from study.report.plots.confusion import confusion_matrix_figure
from study.report.plots.costs import cost_figure, cost_table, resources_figure
from study.report.plots.gradcam import gradcam_figure
from study.report.plots.hardness import confusion_pairs_figure, growth_figure, hardness_map_figure
from study.report.plots.images import image_grid_figure
from study.report.plots.models import lr_find_figure
from study.report.plots.near_duplicates import near_duplicates_figure
from study.report.plots.roc import roc_figure
from study.report.plots.runs import mistakes_figure
from study.report.plots.style import log_label, log_ticks, message_figure, save_figure
from study.report.plots.texts import shortened, text_inches, wrapped
from study.report.plots.tuning import trials_figure
from study.runs.gradcam_maps import GradcamMaps
from study.runs.roc import curves_of

pytestmark = pytest.mark.filterwarnings("ignore:Glyph")
IMAGES = np.random.default_rng(0).integers(0, 255, (20, 8, 8, 3)).astype(np.uint8)
LONG_RUN = "a_model_whose_name_is_thirty_x on a_partition_of_thirty_letters_1, seed 2025"


def faults(figure):
    """Return what is wrong with a figure's texts, by eye."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw_without_rendering()
    width, height = figure.get_size_inches()
    box, slack = figure.get_tightbbox(renderer), 0.06
    if min(box.x0, box.y0) < -slack or box.x1 > width + slack or box.y1 > height + slack:
        yield f"something is cut off: {box} of {width:.1f}×{height:.1f}"
    for text in figure.findobj(Text):
        if "mathdefault" in text.get_text():
            yield f"a formula is shown as it is written: {text.get_text()}"
    yield from faults_of_axes(figure, renderer)
    headings = [figure._suptitle, *(axes.title for axes in figure.axes)]
    headings += [axes._left_title for axes in figure.axes]
    written = [text for axes in figure.axes for text in axes.texts]
    boxes = {
        text: text.get_window_extent(renderer)
        for text in (*headings, *(written if len(written) < 100 else ()))
        if text is not None and text.get_visible() and text.get_text().strip()
    }
    for (one, first), (other, second) in itertools.combinations(boxes.items(), 2):
        if first.padded(-2).overlaps(second.padded(-2)):
            yield f"{one.get_text()!r} lies on {other.get_text()!r}"


def faults_of_axes(figure, renderer):
    """Return which names of places are hidden or used twice, and which panels are empty."""
    for axes in filter(lambda axes: axes.axison and axes.get_visible(), figure.axes):
        if not (axes.has_data() or axes.texts):
            yield f"an empty panel: {axes.get_title(loc='left')!r}"
        for axis in (axes.xaxis, axes.yaxis):
            names = [name for name in axis.get_ticklabels() if name.get_text()]
            if len({name.get_text() for name in names}) < len(names):
                yield f"two places have one name: {[name.get_text() for name in names]}"
            level = [name for name in names if name.get_visible() and not name.get_rotation()]
            for one, other in itertools.combinations([*level, *axes.texts[:20]], 2):
                boxes = [text.get_window_extent(renderer).padded(-1.5) for text in (one, other)]
                if one in level and boxes[0].overlaps(boxes[1]):
                    yield f"{one.get_text()!r} lies on {other.get_text()!r}"


def of_study(study):
    """Yield the name of each figure of a whole study, and the figure."""
    runs = extreme.summary(study)
    title = f"{study.models[0]} on {study.combos[-1]}, seed 2025"
    classes = list(study.classes)
    yield "accuracy", accuracy_by_combo_figure(runs, extreme.groups(runs), extreme.baselines(study))
    yield "classes", recall_figure(recall_table(runs))
    yield "comparisons", comparisons_figure(extreme.comparisons(study))
    yield "variance", variance_figure(extreme.components(study))
    yield "cost", cost_figure(cost_table(runs), study.models)
    yield "resources", resources_figure(runs)
    yield "scaling", scaling_of(runs)
    yield "confusions", confusion_matrix_figure(extreme.confusion(study), classes, title)
    yield "mistakes", mistakes_figure(extreme.mistakes(study), IMAGES, 1234, title)


@pytest.mark.parametrize("name", extreme.STUDIES)
def test_the_figures_of_an_extreme_study_are_whole(name):
    found = {
        figure: problems
        for figure, drawn in of_study(extreme.STUDIES[name])
        if (problems := list(faults(drawn)))
    }
    assert not found


def gradcam(classes):
    n, k = 6, len(classes)
    maps = GradcamMaps(
        "v1", 1, np.arange(n) + 50_000, np.arange(n) % k, (np.arange(n) + 1) % k,
        np.full(n, 0.999), np.zeros(n, int), ["features.0.conv", "features.3.conv"],
        [(16, 16), (8, 8)], np.zeros((n, 2, 2, 8, 8), np.uint8),
    )  # fmt: skip
    return gradcam_figure(IMAGES[:n], maps, classes, f"{LONG_RUN}: Grad-CAM")


def scaling_of(runs):
    runs = runs[runs["combo"] != OFFICIAL]
    errors = runs[["model", "n_train"]].assign(error=1 - runs["common_test_accuracy"].clip(0, 0.99))
    errors["n_train"] += np.arange(len(errors)) % 3  # shares are rounded
    fit = Scaling(0.5, 0.3, 0.7, np.log(0.3))._asdict()
    fits = pd.DataFrame({"model": runs["model"].unique(), "error_ratio_of_doubling": 1.02} | fit)
    return scaling_figure(errors, fits)


def scaling(lowest):
    models = ["a_model_whose_name_is_thirty_x", "cnn2"]
    fit = Scaling(0.5, 0.3, 0.7, np.log(0.3))
    fits = pd.DataFrame({"model": models, "error_ratio_of_doubling": 0.7} | fit._asdict())
    errors = {"model": np.repeat(models, 3), "n_train": [1000, 2000, 3000] * 2}
    return scaling_figure(pd.DataFrame(errors | {"error": [lowest, 0.2, 0.3] * 2}), fits)


def search():
    rates, loss = np.geomspace(1e-7, 10, 60), np.r_[np.linspace(2, 1, 40), np.linspace(1, 9, 20)]
    return lr_find_figure(rates, loss, loss, {"steepest": 20, "valley": 50}, LONG_RUN)


def near_duplicates(classes):
    pairs = {
        "image_id": range(4), "other_id": range(4, 8), "class": classes[:2] * 2,
        "other_class": classes[:2][::-1] * 2, "pixel_distance": 0.01,
        "low_frequency_distance": 0.02, "source_split": "train", "other_source_split": "test",
        "labels_differ": True,
    }  # fmt: skip
    return near_duplicates_figure(pd.DataFrame(pairs), IMAGES, 0.1, True)


def calibration(models):
    rows = itertools.product(models, ("as trained", "scaled"), (0.1, 0.5, 0.9))
    bins = pd.DataFrame(rows, columns=["model", "state", "confidence"])
    return calibration_figure(bins.assign(n=10, accuracy=bins["confidence"]))


def roc(study):
    classes, random = study.classes, np.random.default_rng(0)
    labels = np.arange(300) % len(classes)
    of_run = curves_of(random.normal(size=(300, len(classes))), labels)
    shares = np.bincount(labels, minlength=len(classes)) / 300
    return roc_figure(study.models[0], dict.fromkeys(study.combos, of_run), classes, shares)


def hardness_map():
    values = np.repeat(np.random.default_rng(0).random(300), np.arange(300))
    table = {"p_label_mean": values, "p_label_std": values / 2, "error_rate": values}
    return hardness_map_figure(pd.DataFrame(table), f"{LONG_RUN}: hard images")


def confusions(names):
    pairs = pd.DataFrame(
        {"label": names, "other_class": names[::-1], "n": range(len(names), 0, -1)}
    )
    return confusion_pairs_figure(pairs, f"{names[0]} is taken for {names[-1]} most often")


def growth():
    rows = {"n_runs": [1, 2, 4], "score": "hardness", "overlap": [0.2, 0.5, 1.0]}
    return growth_figure(pd.DataFrame(rows), f"{LONG_RUN}: half of the runs find 70 % of it")


def many_keys():
    keys = [f"a_mapping.a_long_key_{number}" for number in range(6)]
    rows = {key: [1, 0.1, 0.01] for key in keys}
    return trials_figure(pd.DataFrame({"trial": range(3), "val_accuracy": 0.5} | rows), keys, "a")


def trials():
    rows = {"trial": [0, 1], "lr": [0.1, 0.01], "batch_size": 32, "val_accuracy": [0.5, None]}
    rows["state"] = ["complete", "failed"]
    return trials_figure(pd.DataFrame(rows), ["lr", "batch_size"], f"{LONG_RUN}: best of 2 trials")


NAMES = [extreme.LONG, extreme.ODD]


@pytest.mark.parametrize(
    "draw",
    [
        *(lambda names=names: gradcam(names) for names in NAMES),
        *(lambda names=names: near_duplicates(names) for names in NAMES),
        *(lambda names=names: confusions(names) for names in NAMES),
        *(
            lambda names=names: image_grid_figure(
                {"original": IMAGES[:2], "epoch 1": IMAGES[:2]}, names[:2], f"{LONG_RUN} is shown"
            )
            for names in NAMES
        ),
        lambda: calibration(["a_model_whose_name_is_thirty_x", "cnn2"]),
        lambda: calibration(["cnn2"]),
        *(lambda study=study: roc(study) for study in extreme.STUDIES.values()),
        lambda: roc(extreme.STUDIES["long names"]._replace(classes=extreme.LONG)),
        lambda: scaling(0.001),
        lambda: scaling(0.25),
        lambda: message_figure(f"{LONG_RUN}: a vision transformer has no convolution, so none"),
        search, hardness_map, growth, trials, many_keys,
        lambda: confusion_matrix_figure(np.eye(30, dtype=int), [f"c{i}" for i in range(30)], "a"),
    ],
)  # fmt: skip
def test_other_figures_are_whole_with_long_and_odd_names(draw):
    assert not list(faults(draw()))


def test_the_check_sees_what_it_looks_for():
    figure = plt.figure(figsize=(2, 1))
    figure.suptitle("much longer than two inches are wide, in any font")
    figure.add_axes((0.2, 0.2, 0.7, 0.6)).set(xscale="log", title="any longer", xlim=(1e-4, 1))
    figure.axes[0].set_title("on the other", loc="left")
    with plt.rc_context({"text.parse_math": False}):
        said = " ".join(faults(figure))
    assert all(what in said for what in ("cut off", "lies on", "as it is written"))


def test_colour_follows_the_verdict():
    pairs = pd.DataFrame(
        {"compared": "combos", "within": "m", "a": ["v1", "v1"], "b": ["v2", "v3"]}
        | {"difference": [0.01, 0.3], "verdict": ["b better", "undecided"]}
    )
    colours = comparisons_figure(pairs).axes[0].images[1].get_array()
    assert np.isfinite(colours).sum() == 2  # the decided pair and its mirror image


def test_no_interval_is_beyond_0_or_100_percent():
    study = extreme.STUDIES["one combo, four models, 99.9 %"]
    runs = extreme.summary(study)
    figure = accuracy_by_combo_figure(runs, extreme.groups(runs), extreme.baselines(study))
    axes = figure.axes[0]
    ends = [
        point[1] for lines in axes.collections for part in lines.get_segments() for point in part
    ]
    assert max(ends) <= 1 and all(
        tick <= 1 for tick in axes.get_yticks() if tick < axes.get_ylim()[1]
    )


def test_no_line_joins_a_combo_that_has_another_test():
    study = extreme.STUDIES["twelve combos"]
    costs = cost_table(extreme.summary(study))
    seconds = cost_figure(costs, study.models).axes[0]
    official = costs.loc[costs["combo"] == OFFICIAL, "accuracy"].tolist()
    joined = [line for line in seconds.lines if line.get_linestyle() != "None"]
    assert joined and not set(official) & {y for line in joined for y in line.get_ydata()}


def test_the_topmost_marker_of_resources_is_whole():
    runs = extreme.summary(extreme.STUDIES["one run, 5 %"])
    for axes, column in zip(
        resources_figure(runs).axes, ("train_seconds", "peak_memory_mb"), strict=True
    ):
        assert axes.get_ylim()[1] > 1.05 * runs[column].max()


def test_wide_intervals_do_not_press_the_spread_flat():
    axes = variance_figure(extreme.components(extreme.STUDIES["odd names"])).axes[0]
    assert axes.get_xlim()[1] < 2 * max(bar.get_width() for bar in axes.patches)


def test_many_classes_have_a_heat_map_and_the_worst_pairs():
    matrix = np.diag(np.full(100, 9))
    matrix[7, 3] = 5
    heat, bars, _ = confusion_matrix_figure(matrix, [f"c{i}" for i in range(100)], "run").axes
    assert not heat.texts and np.isclose(heat.images[0].get_array()[7, 3], 5 / 14)
    assert [label.get_text() for label in bars.get_yticklabels()] == ["c7 → c3"]
    assert [text.get_text() for text in bars.texts] == ["5 (36%)"]


@pytest.mark.parametrize(("value", "label"), [(1e-3, "10⁻³"), (10, "10"), (0.1, "0.1"), (5, "")])
def test_powers_of_ten_are_plain_text(value, label):
    assert log_label(value) == label


def test_short_names_differ_where_long_ones_do():
    names = [f"a class with a very long name, number {number}" for number in (1, 2)]
    shorter = [shortened(name, 1.5) for name in names]
    assert shorter[0] != shorter[1] and all("…" in name for name in shorter)
    assert [shortened(name, 1.5) for name in ("a", "", "cat")] == ["a", "", "cat"]


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (1e-3, 1, [1e-3, 1e-2, 1e-1, 1]),
        (4, 30, [5, 10, 20]),
        (0.21, 0.58, [0.3, 0.4, 0.5]),
        (101, 119, [104, 108, 112, 116]),
    ],
)
def test_logarithmic_axes_have_three_round_numbers_or_more(low, high, ticks):
    assert log_ticks(low, high) == pytest.approx(ticks)


def test_texts_are_wrapped_to_a_width_at_blanks_where_there_are_any():
    text = wrapped("one two three", text_inches("one two", 10), 10)
    assert text == "one two\nthree"
    assert wrapped("abcdefgh", text_inches("abcd", 10), 10) == "abcd\nefgh"
    assert wrapped("猫科動物", text_inches("猫科", 10), 10) == "猫科\n動物"
    assert wrapped("up to 5 %", text_inches("up to 5", 10), 10) == "up to\n5\u00a0%"
    assert wrapped("one two three four", text_inches("one two", 10), 10, 1) == "one t…"


@pytest.mark.parametrize("most", [2, 6, 40])
def test_no_formula_is_written_beside_a_colour_bar_of_few_images(most, tmp_path):
    values = np.repeat(np.linspace(0.05, 0.95, most), np.arange(1, most + 1))
    table = {"p_label_mean": values, "p_label_std": values / 2, "error_rate": values}
    save_figure(hardness_map_figure(pd.DataFrame(table), "hard images"), tmp_path / "map.svg")
    text = (tmp_path / "map.svg").read_text()
    assert "mathdefault" not in text and "Images" in text


def test_no_formula_is_written_on_a_log_axis_of_any_figure(tmp_path):
    figure, axes = plt.subplots()
    axes.plot([2, 5], [2000, 70000])
    axes.set(xscale="log", yscale="log")
    save_figure(figure, tmp_path / "log.svg")
    text = (tmp_path / "log.svg").read_text()
    assert "mathdefault" not in text and ">10⁴<" in text
