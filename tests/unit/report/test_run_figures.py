"""Figures of one run, by the data they draw: arrays, lines, texts."""

import numpy as np
import pandas as pd
import pytest
from conftest import run_script
from matplotlib import pyplot as plt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from scipy.special import softmax

from study.data.index import read_index
from study.data.partitions import write_split
from study.files import write_json
from study.report.plots.images import captioned_images_figure, in_colour
from study.report.plots.runs import confusion_matrix_figure, curves_figure, learning_finding
from study.report.plots.style import save_figure
from study.runs.predictions import ROLE_CODES, Predictions, no_predictions, save_predictions

CLASSES = ["cat", "dog", "frog"]


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def images(n, side=8, channels=3):
    return np.random.default_rng(n).integers(0, 255, (n, side, side, channels), np.uint8)


def place_of(text):
    return tuple(round(x) for x in text.get_position())


def test_the_surest_mistakes_come_first_and_ties_in_order_of_image_id():
    logits = np.array(
        [[5, 0, 0], [0, 1, 0], [0, 9, 0], [0, 9, 0], [0, 30, 0], [0, 60, 0], [0, 99, 0]], np.float32
    )
    roles = np.array([3, 3, 3, 3, 3, 3, 1], np.uint8)
    labels = np.zeros(7, np.int64)
    assert Predictions(logits, roles).confident_mistakes(labels, "test").tolist() == [5, 4, 2, 3, 1]
    assert Predictions(logits, roles).confident_mistakes(labels, "train").tolist() == [6]
    assert no_predictions(roles, 3).confident_mistakes(labels, "test").tolist() == []


@pytest.mark.parametrize("channels", [3, 1])
def test_mistakes_are_shown_upright_in_their_colours_with_captions_below(channels):
    shown = images(7, channels=channels)
    captions = [f"image {i}" for i in range(7)]
    (axes,) = captioned_images_figure(shown, captions, "finding").axes
    picture = axes.images[0].get_array()
    assert axes.images[0].get_interpolation() == "none" and axes.yaxis_inverted()
    left, right, bottom, top = axes.images[0].get_extent()
    assert (left, right, bottom, top) == (
        0,
        picture.shape[1],
        picture.shape[0],
        0,
    )  # a unit is a pixel
    texts = {text.get_text(): text.get_position() for text in axes.texts}
    for image, caption in zip(shown, captions, strict=True):
        x, y = texts[caption]
        below = int(y)
        found = picture[below - 8 : below, int(x) : int(x) + 8]
        assert np.array_equal(found, np.repeat(image, 3, axis=2) if channels == 1 else image)
    assert texts["image 5"][1] > texts["image 4"][1] and texts["image 5"][0] == texts["image 0"][0]
    assert "finding" in texts


def test_images_of_other_than_three_channels_are_shown_in_grey():
    two = np.array([[[10, 30]]], np.uint8)
    assert in_colour(two).tolist() == [[[20, 20, 20]]]
    three = images(1)
    assert in_colour(three) is three


def test_a_long_title_is_wrapped_to_the_figure():
    title = "dilated_separable_tuned on v1+v2+v3, seed 2025: the one most confident of 12,345 mistakes on 12,346 test images"
    figure = captioned_images_figure(images(1), ["caption"], title)
    (shown,) = [text for text in figure.axes[0].texts if text.get_text().startswith("dilated")]
    assert shown.get_text().replace("\n", " ") == title
    end = shown.get_window_extent(FigureCanvasAgg(figure).get_renderer()).x1
    assert end < figure.bbox.width


def history(n=4, **changes):
    rising = np.linspace(0.2, 0.5, n)
    columns = {"epoch": np.arange(1, n + 1), "learning_rate": np.full(n, 0.1)}
    for shift, part in enumerate(("train", "val", "test")):
        columns |= {f"{part}_loss": 2 - rising + shift, f"{part}_accuracy": rising + shift / 10}
    return pd.DataFrame(columns | changes)


def test_the_curves_draw_the_history():
    table = history()
    loss, accuracy, rate = curves_figure(table, 3, "finding").axes
    for axes, measure in ((loss, "loss"), (accuracy, "accuracy")):
        for line, part in zip(axes.lines, ("train", "val", "test"), strict=False):
            assert line.get_label() == part
            assert np.array_equal(line.get_xdata(), table["epoch"])
            assert np.array_equal(line.get_ydata(), table[f"{part}_{measure}"])
    assert np.array_equal(rate.lines[0].get_ydata(), table["learning_rate"])
    kept = [line for line in loss.lines if line.get_label() == "kept epoch"]
    assert [list(line.get_xdata()) for line in kept] == [[3, 3]]
    assert [text.get_text() for text in loss.get_legend().get_texts()] == [
        "train",
        "val",
        "test",
        "kept epoch",
    ]


def test_curves_leave_out_what_there_is_none_of():
    without_val = history(val_loss=np.nan, val_accuracy=np.nan)
    loss, accuracy, _ = curves_figure(without_val, 4, "finding").axes
    assert [line.get_label() for line in accuracy.lines] == ["train", "test", "kept epoch"]
    broken = history(train_loss=[1.0, np.inf, np.nan, 2.0])
    loss, *_ = curves_figure(broken, None, "finding").axes
    assert np.isnan(loss.lines[0].get_ydata()[1:3]).all() and np.isfinite(loss.get_ylim()).all()
    assert "kept epoch" not in [line.get_label() for line in loss.lines]


def test_a_single_epoch_is_seen(tmp_path):
    figure = curves_figure(history(1), 1, "finding")
    assert all(
        line.get_marker() not in ("", "None") for axes in figure.axes for line in axes.lines[:1]
    )
    assert [tick for tick in figure.axes[2].get_xticks() if 0.9 < tick < 1.1] == [1]
    save_figure(figure, tmp_path / "curves.svg")


def test_the_finding_names_the_best_epoch_and_the_kept_one():
    best_second = history(val_accuracy=[0.3, 0.612, 0.6, 0.5])
    assert (
        learning_finding(best_second, 2)
        == "best validation accuracy 61.2% in epoch 2 of 4, which is kept"
    )
    assert (
        learning_finding(best_second, 4)
        == "best validation accuracy 61.2% in epoch 2 of 4, epoch 4 is kept"
    )
    assert (
        learning_finding(history(val_accuracy=np.nan), 4)
        == "epoch 4 of 4 is kept, test accuracy 70.0%"
    )


def test_the_confusion_figure_writes_counts_and_percentages_with_true_classes_in_rows():
    matrix = np.array([[1, 3, 0], [0, 2, 0], [0, 0, 0]])
    counts, shares = (
        {place_of(text)[::-1]: text.get_text() for text in axes.texts}
        for axes in confusion_matrix_figure(matrix, CLASSES, "finding").axes
    )
    assert all(counts[place] == str(count) for place, count in np.ndenumerate(matrix))
    assert [shares[0, column] for column in range(3)] == ["25.0", "75.0", "0.0"]
    assert [shares[2, column] for column in range(3)] == ["–"] * 3  # no image of this class
    left, right = confusion_matrix_figure(matrix, CLASSES, "finding").axes
    assert (left.get_xlabel(), left.get_ylabel(), right.get_xlabel()) == (
        "Predicted",
        "True",
        "Predicted",
    )
    assert np.array_equal(left.images[0].get_array()[:2], right.images[0].get_array()[:2])


@pytest.mark.parametrize("without", [(), ("val",)], ids=["with validation", "without"])
def test_an_evaluation_lists_the_surest_mistakes_first_and_draws_them(decoded, tmp_path, without):
    labels = read_index(decoded / "index.csv").labels
    roles = np.resize(np.array([1, 2, 3, 3], np.uint8), len(labels))
    logits = np.random.default_rng(0).normal(0, 2, (len(labels), 10)).astype(np.float32)
    save_predictions(tmp_path / "predictions.npz", Predictions(logits, roles))
    split = {name: np.flatnonzero(roles == ROLE_CODES[name]) for name in ("train", "val", "test")}
    write_split(tmp_path / "split.csv", split)
    history(**{f"val_{measure}": np.nan for measure in ("loss", "accuracy") if without}).to_csv(
        tmp_path / "history.csv", index=False
    )
    write_json(tmp_path / "run.json", {"kept_epoch": 4})
    (tmp_path / "none.csv").write_text("image_id,other_id\n")
    run_script(
        "evaluate.py", "--predictions", tmp_path / "predictions.npz", "--index", decoded / "index.csv", "--splits",
        tmp_path / "split.csv", "--duplicates", tmp_path / "none.csv", "--history", tmp_path / "history.csv",
        "--run", tmp_path / "run.json", "--images", decoded / "images.npy", "--title", "cnn2", "--metrics", tmp_path / "m.json",
        "--report", tmp_path / "r.txt", "--classification-report", tmp_path / "c.json", "--misclassified", tmp_path / "wrong.csv",
        "--mistakes", tmp_path / "wrong.svg", "--curves", tmp_path / "curves.svg", "--confusion-matrix", tmp_path / "c.svg",
    )  # fmt: skip
    wrong = pd.read_csv(tmp_path / "wrong.csv")
    expected = split["test"][logits[split["test"]].argmax(1) != labels[split["test"]]]
    assert sorted(wrong["image_id"]) == expected.tolist() != wrong["image_id"].tolist()
    assert wrong["confidence"].is_monotonic_decreasing
    assert wrong["confidence"].to_numpy() == pytest.approx(
        softmax(logits[wrong["image_id"]], 1).max(1), abs=1e-6
    )
    assert all(
        "<svg" in (tmp_path / f"{name}.svg").read_text() for name in ("wrong", "curves", "c")
    )


def test_a_sheet_is_the_same_to_the_byte_each_time(tmp_path):
    for name in ("a.svg", "b.svg"):
        save_figure(captioned_images_figure(images(3), ["x"] * 3, "finding"), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
