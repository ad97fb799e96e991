"""Figures of one run, by the data they draw: arrays, lines, texts."""

import io
import time

import numpy as np
import pytest
from made_up_run import history

from study.report.plots.confusion import confusion_matrix_figure
from study.report.plots.runs import curves_figure, learning_finding
from study.report.plots.style import save_figure

CLASSES = ["cat", "dog", "frog"]


def place_of(text):
    return tuple(round(x) for x in text.get_position())


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


@pytest.mark.parametrize("n", [100, 500])
def test_the_confusion_matrix_of_many_classes_is_small_and_soon_drawn(n):
    matrix = np.random.default_rng(0).integers(0, 9, (n, n))
    start, stream = time.process_time(), io.BytesIO()
    figure = confusion_matrix_figure(matrix, [f"class {i}" for i in range(n)], "run")
    figure.savefig(stream, format="svg")
    assert time.process_time() - start < 10 and len(stream.getvalue()) < 2_000_000
    assert not figure.axes[0].texts
    named = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert named == [f"class {i}" for i in range(0, n, -(-n // 60))]
