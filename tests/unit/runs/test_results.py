"""Metrics, statistics, hardness, files, figures and tables: against numbers worked out by hand."""

import csv
import math
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, run_script
from PIL import Image
from scipy.special import log_softmax, softmax
from sklearn import metrics as skm
from statsmodels.stats.proportion import proportion_confint

from study.code import code_digest
from study.errors import StudyError
from study.files import atomic_path, read_json, write_json
from study.report.plots.accuracy import accuracy_by_combo_figure
from study.report.plots.images import image_grid_figure
from study.report.plots.models import schedule_figure
from study.report.plots.style import save_figure
from study.report.tables import html_page
from study.runs.calibration import (
    adaptive_edges,
    equal_width_edges,
    expected_calibration_error,
    fit_temperature,
    reliability,
)
from study.runs.metrics import (
    METRICS,
    calibrated_metrics,
    classification_metrics,
    confusion,
    report_by_class,
    text_report,
)
from study.runs.predictions import (
    ROLE_CODES,
    Predictions,
    load_predictions,
    roles_in_run,
    save_predictions,
)

LABELS = np.array([0, 0, 1, 1, 1, 2])
PREDICTED = np.array([0, 1, 1, 1, 2, 2])
CLASSES = ["cat", "dog", "frog"]


def log_probabilities(predicted, n_classes=3, share=0.8):
    table = np.full((len(predicted), n_classes), (1 - share) / (n_classes - 1))
    table[np.arange(len(predicted)), predicted] = share
    return np.log(table)


def test_metrics_are_those_of_the_definitions():
    metrics = classification_metrics(log_probabilities(PREDICTED), LABELS, CLASSES)
    assert metrics["n"] == 6
    assert metrics["overall_accuracy"] == pytest.approx(4 / 6)
    assert metrics["class_accuracy"] == pytest.approx({"cat": 1 / 2, "dog": 2 / 3, "frog": 1})
    assert metrics["macro_f1"] == pytest.approx((2 / 3 + 2 / 3 + 2 / 3) / 3)
    assert metrics["nll"] == pytest.approx(-(4 * math.log(0.8) + 2 * math.log(0.1)) / 6)


def test_a_class_without_images_has_no_accuracy():
    metrics = classification_metrics(log_probabilities(np.array([0])), np.array([0]), CLASSES)
    assert metrics["class_accuracy"] == {"cat": 1.0, "dog": None, "frog": None}


def test_the_text_report_has_the_form_of_the_first_study():
    metrics = classification_metrics(log_probabilities(PREDICTED), LABELS, CLASSES)
    assert text_report(metrics, confusion(LABELS, PREDICTED, 3)) == (
        "Class-wise Accuracy:\ncat: 0.5000\ndog: 0.6667\nfrog: 1.0000\n\nOverall Accuracy: 0.6667\n\n"
        "Confusion Matrix:\n[[1 1 0]\n [0 2 1]\n [0 0 1]]\n"
    )


def test_the_report_by_class_has_the_form_of_the_second_study():
    report = report_by_class(LABELS, PREDICTED, CLASSES)
    assert set(report) == {"accuracy", "classification_report"}
    assert set(report["classification_report"]) == {
        *CLASSES,
        "accuracy",
        "macro avg",
        "weighted avg",
    }
    assert set(report["classification_report"]["cat"]) == {
        "precision",
        "recall",
        "f1-score",
        "support",
    }
    assert report["classification_report"]["dog"]["recall"] == pytest.approx(2 / 3)


def run_of(predicted, roles):
    logits = log_probabilities(np.array(predicted)).astype(np.float32)
    return Predictions(logits, np.array([ROLE_CODES[role] for role in roles], np.uint8))


def test_predictions_read_back_to_the_bit(tmp_path):
    logits = np.array([[1e-7, 30.0, 0.1]], np.float32)
    saved = Predictions(logits, roles_in_run(1, {"test": np.array([0])}))
    save_predictions(tmp_path / "p.npz", saved)
    loaded = load_predictions(tmp_path / "p.npz")
    assert loaded.logits.tobytes() == logits.tobytes() and loaded.roles.tolist() == [3]
    first = (tmp_path / "p.npz").read_bytes()
    save_predictions(tmp_path / "p.npz", saved)
    assert (tmp_path / "p.npz").read_bytes() == first


def test_probabilities_near_one_keep_their_order():
    predictions = Predictions(
        np.array([[30.0, 0, 0], [31.0, 0, 0]], np.float32), np.zeros(2, np.uint8)
    )
    assert np.diff(predictions.log_probabilities()[:, 0])[0] > 0


def test_an_output_is_whole_or_absent(tmp_path):
    path = tmp_path / "out.txt"
    with pytest.raises(ZeroDivisionError), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
    path.write_text("before")
    with pytest.raises(ZeroDivisionError), atomic_path(path) as temporary:
        raise ZeroDivisionError
    assert path.read_text() == "before"


def test_json_has_no_nan(tmp_path):
    write_json(tmp_path / "x.json", {"a": [float("nan"), 1.5], "b": float("inf")})
    assert read_json(tmp_path / "x.json") == {"a": [None, 1.5], "b": None}


@pytest.fixture
def summary():
    runs = pd.DataFrame(
        [
            {"combo": combo, "model": model, "seed": seed, "common_test_accuracy": base + seed / 100,
             "test_accuracy": base - seed / 100}
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
    figure = accuracy_by_combo_figure(*summary)
    common, _ = figure.axes
    drawn = sorted(y for line in common.lines for y in line.get_ydata())
    assert drawn == pytest.approx(sorted(summary[0]["common_test_accuracy"]))
    assert [tick.get_text() for tick in common.get_xticklabels()] == ["v1", "v1+v2"]
    assert "v1+v2 leads v1 by 10.0 points on the common test" in figure.get_suptitle()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["cnn2", "cnn3"]
    low, high = common.get_ylim()
    assert low < min(drawn) and high > max(drawn)


def test_an_interval_that_leaves_the_picture_says_so(summary):
    runs, groups = summary
    groups.loc[0, "common_test_accuracy_high"] = 3.0
    common, _ = accuracy_by_combo_figure(runs, groups).axes
    arrows = [line.get_ydata()[0] for line in common.lines if line.get_marker() in (6, 7)]
    assert arrows == [common.get_ylim()[1]]


def test_a_combo_without_a_common_test_is_drawn_in_the_other_panel_only(summary):
    runs, groups = summary
    official = runs["combo"].eq("v1+v2")
    runs.loc[official, "common_test_accuracy"] = np.nan
    groups.loc[groups["combo"].eq("v1+v2"), groups.filter(regex="^common").columns] = np.nan
    figure = accuracy_by_combo_figure(runs, groups)
    counts = [
        sum(np.isfinite(line.get_ydata()).sum() for line in axes.lines) for axes in figure.axes
    ]
    assert counts == [4, 8]
    assert figure.get_suptitle() == "v1 reaches 61.5% on the common test"
    groups.loc[:, groups.filter(regex="^common").columns] = np.nan
    runs["common_test_accuracy"] = np.nan
    assert "on its test" in accuracy_by_combo_figure(runs, groups).get_suptitle()


def test_the_schedule_figure_draws_rate_and_momentum_over_epochs():
    values = np.stack([np.linspace(1, 0, 20), np.full(20, 0.9)], axis=1)
    rate, momentum = schedule_figure(values, 5, "title", "Momentum").axes
    assert np.array_equal(rate.lines[0].get_xdata(), np.arange(20) / 5)
    assert np.array_equal(rate.lines[0].get_ydata(), values[:, 0])
    assert (
        np.array_equal(momentum.lines[0].get_ydata(), values[:, 1])
        and momentum.get_ylabel() == "Momentum"
    )


def test_an_image_grid_shows_the_images_row_by_row_in_true_colours():
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8)
    figure = image_grid_figure(
        {"original": images, "epoch 1": images[::-1]}, ["a", "b", "c"], "title"
    )
    shown = [axes.images[0].get_array() for axes in figure.axes]
    assert all(np.array_equal(x, y) for x, y in zip(shown, [*images, *images[::-1]], strict=True))
    assert [axes.get_title() for axes in figure.axes[:3]] == ["a", "b", "c"]


def test_a_figure_is_the_same_to_the_byte_each_time(tmp_path, summary):
    for name in ("a.svg", "b.svg"):
        save_figure(accuracy_by_combo_figure(*summary), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_a_page_escapes_text_and_shows_images_and_missing_values():
    table = pd.DataFrame(
        {"name": ["<script>alert(1)</script>", "b"], "x": [0.123456, float("nan")], "n": [3, 4]}
    )
    page = html_page(table, "A & B", "one < two", [np.zeros((32, 32, 3), np.uint8)] * 2)
    assert "<script>alert" not in page and "&lt;script&gt;" in page and "A &amp; B" in page
    assert "0.1235" in page and "–" in page and ">3<" in page
    assert page.count("data:image/png;base64,") == 2
    assert "http" not in page
    for shape in ((8, 8), (8, 8, 1)):
        assert "data:image/png;base64," in html_page(
            table[:1], "grey", "", [np.zeros(shape, np.uint8)]
        )


def test_a_page_shows_numbers_rounded_and_keeps_them_in_full():
    table = pd.DataFrame(
        {"p": [0.000012345, 0.62788888888], "n": [79690, 3], "seconds": [88.701, -np.inf]}
    )
    page = html_page(table, "", "")
    assert '<td class="number" data-value="1.2345e-05">1.2e-05</td>' in page
    assert '<td class="number" data-value="0.62788888888">0.6279</td>' in page
    assert (
        '<td class="number" data-value="79690">79,690</td>' in page
        and '<td class="number" data-value="">–</td>' in page
    )


def test_everything_that_pages_are_made_of_is_installed_with_the_package(tmp_path):
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(
        ROOT / "scripts/study",
        tmp_path / "scripts/study",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    build = (
        "import sys; from setuptools.build_meta import build_wheel; print(build_wheel(sys.argv[1]))"
    )
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    built = subprocess.run(
        [sys.executable, "-c", build, wheels], cwd=tmp_path, capture_output=True, text=True
    )
    assert built.returncode == 0, built.stderr
    with zipfile.ZipFile(next(wheels.glob("*.whl"))) as wheel:
        installed = {name for name in wheel.namelist() if name.startswith("study/")}
    kept = {path for path in (tmp_path / "scripts/study").rglob("*.*") if path.is_file()}
    assert installed == {path.relative_to(tmp_path / "scripts").as_posix() for path in kept}


def test_summarising_gives_a_row_a_run_and_a_row_a_group(tmp_path):
    with (tmp_path / "runs.csv").open("w") as stream:
        csv.writer(stream).writerows(
            [("combo", "model", "seed"), ("v1", "m", 1), ("v1", "m", 2), ("v1", "m", 3)]
        )
    for seed, accuracy in ((1, 0.5), (2, 0.7), (3, None)):
        folder = tmp_path / "runs" / "v1" / "m" / f"seed{seed}"
        measured = dict.fromkeys(METRICS, accuracy) | {
            "n": 10 if accuracy else 0,
            "class_accuracy": {"cat": accuracy},
        }
        parts = {
            part: {"n": 5, "overall_accuracy": accuracy}
            for part in ("train", "val", "out_of_sample")
        }
        write_json(
            folder / "metrics.json",
            measured | {"common_test": measured, "temperature": None} | parts,
        )
        sizes = dict.fromkeys(
            (
                "n_train",
                "n_val",
                "parameters",
                "epochs",
                "kept_epoch",
                "train_seconds",
                "total_seconds",
                "images_per_s",
            ),
            3,
        )
        record = sizes | {
            "device": "cpu",
            "precision": "fp32",
            "peak_memory_mb": 1.0,
            "versions": {"torch": "2"},
        }
        record |= {
            "classes": ["cat"],
            "recipe": {"batch_size": 2},
            "status": "ok" if accuracy else "diverged",
        }
        write_json(folder / "run.json", record)
    ends = [f"{kind}_{end}" for kind in ("two_level", "images") for end in ("low", "high")]
    compared = pd.DataFrame(
        [["v1", "m", "a", "", *[0.5] * 4]],
        columns=["combo", "model", "letters_of_combos", "letters_of_models", *ends],
    )
    compared.to_csv(tmp_path / "c.csv", index=False)
    (tmp_path / "models" / "m").mkdir(parents=True)
    (tmp_path / "models" / "m" / "layers.csv").write_text(
        "name,multiply_adds\na,40\nb,2\ntotal,42\n"
    )
    run_script(
        "summarize.py", "--runs", tmp_path / "runs.csv", "--folder", tmp_path / "runs", "--compared", tmp_path / "c.csv",
        "--groups", tmp_path / "g.csv", "--groups-page", tmp_path / "g.html", "--page", tmp_path / "p.html", "--figure", tmp_path / "f.svg",
        "--output", tmp_path / "s.csv", "--models", tmp_path / "models", "--figures", tmp_path / "figures",
    )  # fmt: skip
    runs, groups = pd.read_csv(tmp_path / "s.csv"), pd.read_csv(tmp_path / "g.csv")
    assert runs["test_accuracy"].tolist()[:2] == [0.5, 0.7] and runs["seed"].tolist() == [1, 2, 3]
    assert math.isnan(runs["test_accuracy"][2]) and runs["status"].tolist() == [
        "ok",
        "ok",
        "diverged",
    ]
    assert runs["steps"].tolist() == [6, 6, 6] and runs["images_seen"].tolist() == [
        9,
        9,
        9,
    ]  # two steps an epoch
    assert (
        runs["measured_on"].tolist() == ["common_test", "common_test", "test"]
        and runs["recall_cat"][0] == 0.5
    )
    assert runs["multiply_adds"].tolist() == [42] * 3
    assert pd.read_csv(tmp_path / "figures" / "class_accuracy.csv")["cat"].tolist() == [
        pytest.approx(0.6)
    ]
    assert pd.read_csv(tmp_path / "figures" / "cost.csv")["accuracy"].tolist() == [
        pytest.approx(0.6)
    ]
    assert {path.name for path in (tmp_path / "figures").glob("*.svg")} == {
        "class_accuracy.svg",
        "cost.svg",
        "resources.svg",
    }
    assert groups["letters_of_combos"].tolist() == ["a"]
    for page in ("p.html", "g.html"):
        assert "2 of 3 runs, 1 diverged" in (tmp_path / page).read_text()
    assert groups["n"].tolist() == [2] and groups["n_runs"].tolist() == [3]
    assert groups["common_test_accuracy_mean"][0] == pytest.approx(0.6)
    assert groups["common_test_accuracy_sd"][0] == pytest.approx(0.141421)


def test_exported_images_are_named_by_id_and_the_same_to_the_byte(tmp_path, decoded):
    for name in ("a", "b"):
        run_script(
            "export_images.py", "--images", decoded / "images.npy", "--index", decoded / "index.csv",
            "--threads", 2, "--output", tmp_path / name,
        )  # fmt: skip
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.png"))
    assert len(files) == 360 and len({path.parent for path in files}) == 10
    assert all(
        (tmp_path / "a" / path).read_bytes() == (tmp_path / "b" / path).read_bytes()
        for path in files
    )
    images = np.load(decoded / "images.npy")
    assert all(
        np.array_equal(np.asarray(Image.open(tmp_path / "a" / path)), images[int(path.stem)])
        for path in files
    )


@pytest.fixture
def code(tmp_path):
    """A script that imports one of two modules."""
    package = tmp_path / "study"
    package.mkdir()
    for name, text in {"__init__": "", "used": "VALUE = 1\n", "unused": "VALUE = 2\n"}.items():
        (package / f"{name}.py").write_text(text)
    for name in ("page", "other"):
        (package / f"{name}s").mkdir()
        (package / f"{name}s" / "__init__.py").write_text("")
        (package / f"{name}s" / "program.py").write_text("VALUE = 1\n")
        (package / f"{name}s" / "page.js").write_text("// a page\n")
    script = tmp_path / "script.py"
    script.write_text(
        "def main():\n    from study.pages.program import NAME\n    from study.used import VALUE\n    return VALUE, NAME\n"
    )
    return tmp_path


def digest_of(folder: Path) -> str:
    from study import code

    for function in (code_digest, code.imported_files, code._tree):
        function.cache_clear()
    return code_digest(folder / "script.py")


@pytest.mark.parametrize(
    ("file", "addition", "changes"),
    [
        ("study/used.py", "VALUE = 3\n", True),
        ("script.py", "print()\n", True),
        ("study/unused.py", "VALUE = 3\n", False),
        ("study/used.py", "\n# a remark\n", False),
        ("study/pages/page.js", "run();\n", True),
        ("study/others/page.js", "run();\n", False),
        ("study/notes.md", "nothing reads this\n", False),
    ],
)
def test_the_digest_of_code_follows_what_the_code_does(code, file, addition, changes):
    before = digest_of(code)
    with (code / file).open("a") as stream:
        stream.write(addition)
    assert (digest_of(code) != before) is changes


@pytest.mark.parametrize(
    "script", sorted((ROOT / "scripts").glob("*.py")), ids=lambda path: path.name
)
def test_every_entry_point_has_help(script):
    assert "usage:" in run_script(script.name, "--help").stdout


@pytest.fixture(scope="module")
def answers():
    """Log probabilities of 500 images of 4 classes that are too sure of themselves, and labels."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 4, 500)
    logits = random.normal(0, 1, (500, 4))
    logits[np.arange(500), labels] += 1.2
    return 3 * logits, labels


def test_metrics_agree_with_scikit_learn(answers):
    logits, labels = answers
    log_p = log_softmax(logits, axis=1)
    p, predicted = np.exp(log_p), log_p.argmax(axis=1)
    metrics = classification_metrics(log_p, labels, list("abcd"))
    assert metrics["nll"] == pytest.approx(skm.log_loss(labels, p))
    assert metrics["balanced_accuracy"] == pytest.approx(
        skm.balanced_accuracy_score(labels, predicted)
    )
    assert metrics["macro_precision"] == pytest.approx(
        skm.precision_score(labels, predicted, average="macro")
    )
    assert metrics["macro_recall"] == pytest.approx(
        skm.recall_score(labels, predicted, average="macro")
    )
    assert metrics["top2_accuracy"] == pytest.approx(skm.top_k_accuracy_score(labels, p, k=2))
    assert metrics["brier"] == pytest.approx(((p - np.eye(4)[labels]) ** 2).sum(axis=1).mean())
    low, high = proportion_confint((predicted == labels).sum(), 500, method="wilson")
    assert (metrics["accuracy_low"], metrics["accuracy_high"]) == pytest.approx((low, high))
    assert set(METRICS) - set(metrics) == {"nll_scaled", "ece_scaled"}


def test_the_calibration_error_is_the_weighted_gap_of_the_bins():
    confidence = np.array([0.55, 0.58, 0.95, 0.97, 0.99, 1.0])
    correct = np.array([True, False, True, True, True, False])
    # Bins of a tenth: (0.5, 0.6] has 2 of 6 images, 50 % right at 56.5 %; (0.9, 1] has 4, 75 % right at 97.75 %.
    error = expected_calibration_error(confidence, correct, equal_width_edges(10))
    assert error == pytest.approx(2 / 6 * 0.065 + 4 / 6 * 0.2275)
    halves = expected_calibration_error(confidence, correct, adaptive_edges(confidence, 2))
    assert halves == pytest.approx(
        abs(2 / 3 - confidence[:3].mean()) / 2 + abs(2 / 3 - confidence[3:].mean()) / 2
    )
    count, _, accuracy = reliability(confidence, correct, equal_width_edges(10))
    assert (
        list(count) == [0, 0, 0, 0, 0, 2, 0, 0, 0, 4]
        and np.isnan(accuracy[0])
        and accuracy[9] == 0.75
    )
    assert math.isnan(expected_calibration_error(confidence[:0], correct[:0], equal_width_edges()))


def test_the_temperature_minimises_the_log_loss_and_calibrates(answers):
    logits, labels = answers
    temperature = fit_temperature(logits, labels)
    losses = {
        t: skm.log_loss(labels, softmax(logits / t, axis=1))
        for t in (0.9 * temperature, temperature, 1.1 * temperature)
    }
    assert min(losses, key=losses.get) == temperature and temperature > 1.5
    before = classification_metrics(log_softmax(logits, axis=1), labels, list("abcd"))
    after = calibrated_metrics(logits, labels, temperature)
    assert (
        after["nll_scaled"] == pytest.approx(losses[temperature])
        and after["ece_scaled"] < before["ece"] / 2
    )
    with pytest.raises(StudyError, match="validation images"):
        fit_temperature(logits[:0], labels[:0])


def test_few_images_that_are_all_right_make_no_answer_certain():
    labels = np.arange(35) % 4
    logits = np.eye(4)[labels] * 3.0
    few = fit_temperature(logits, labels)
    assert 0.4 < few < 1
    # By the log loss alone it would be as near 0 as the search goes; many images have their way.
    assert fit_temperature(np.tile(logits, (300, 1)), np.tile(labels, 300)) < few / 2
