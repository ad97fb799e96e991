"""An exported model answers as the study's model does, without the study; its card is true."""

import io
import json
import re

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from conftest import ROOT, run_python
from finished_study import CLASSES, RECIPE, write_data, write_imported, write_run
from PIL import Image

from study.cli import main as cli
from study.data.datasets.pictures import read_picture
from study.models import export
from study.models.export import compare_with_classifier, load_classifier_file
from study.report.model_card import _TEMPLATES
from study.runs.predictions import Predictions, load_predictions, save_predictions


def export_run(name, form, output, results):
    """Type `study export`."""
    words = ("export", name, "--format", form, "--output", output, "--results", results)
    cli.main([str(word) for word in words])


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    results = tmp_path_factory.mktemp("project") / "results"
    images = write_data(results)
    write_run(results, images, "v1/small/42")
    write_run(results, images, "v1/small/7", diverged=True)
    write_imported(results, images, "v2/clip/1")
    architecture = {"name": "fastnet", "widths": [4, 4, 4]}
    views = {"architecture": architecture, "test_time": "flip_and_shift"}
    write_run(results, images, "v1/fast/42", RECIPE | views)
    return results


@pytest.fixture(scope="module")
def exported(results):
    """The folder of each format."""
    folders = {form: results.parent / form for form in export.FORMATS}
    for form, folder in folders.items():
        export_run("v1/small/42", form, folder, results)
    return folders


def stored(results):
    return np.load(results / "data/images.npy"), load_predictions(
        results / "runs/v1/small/seed42/predictions.npz"
    ).logits


def temperature(results):
    return json.loads((results / "runs/v1/small/seed42/metrics.json").read_text())["temperature"]


def softmax(logits):
    return torch.from_numpy(logits).double().softmax(1).numpy()


@pytest.mark.parametrize("form", export.FORMATS)
def test_it_gives_the_stored_logits_and_calibrated_probabilities_for_any_number_of_bytes(
    form, exported, results
):
    images, logits = stored(results)
    path = exported[form] / export.FORMATS[form][0]
    answer = export.read_exported(path, form)
    for n in (1, 2, 7, len(images)):
        given, probabilities = answer(images[:n])
        assert np.abs(given - logits[:n]).max() < 1e-5 and given.dtype == np.float32
        assert np.abs(probabilities - softmax(logits[:n] / temperature(results))).max() < 1e-5


@pytest.mark.parametrize("form", export.FORMATS)
def test_the_lines_of_the_card_run_as_they_stand(form, exported, results, tmp_path):
    card = (exported[form] / "MODEL_CARD.md").read_text()
    (program,) = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    assert len(program.splitlines()) <= 8
    images, logits = stored(results)
    Image.fromarray(images[3]).save(exported[form] / "image.png")
    scripts = ROOT / "scripts" if form == "safetensors" else ""
    said = run_python(program, scripts=scripts, cwd=exported[form])
    name, probability = said.split()
    expected = softmax(logits[3][None] / temperature(results))[0]
    assert name == CLASSES[expected.argmax()] and float(probability) == pytest.approx(
        expected.max(), abs=1e-5
    )


@pytest.mark.parametrize("fit", ["crop", "resize"])
def test_the_lines_of_the_card_prepare_images_as_the_study_does(fit):
    """Of a photograph that was taken upright, wider than high and transparent in parts."""
    random = np.random.default_rng(0)
    photograph = Image.fromarray(random.integers(0, 256, (30, 70, 4), dtype=np.uint8))
    content, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees to the right
    photograph.save(content, "PNG", exif=exif)
    lines = _TEMPLATES.get_template("image.txt").render(fit=fit, height=12, width=12)
    program = "from PIL import Image, ImageOps\n" + lines.replace('"image.png"', "content")
    names = {"content": content}
    exec(program, names)
    assert np.array_equal(
        np.array(names["image"]), read_picture(content.getvalue(), 12, 12, fit).pixels
    )


def test_the_onnx_file_is_one_file_that_describes_itself(exported):
    model = onnx.load(exported["onnx"] / "model.onnx", load_external_data=False)
    onnx.checker.check_model(model)
    assert not any(tensor.external_data for tensor in model.graph.initializer)
    assert sorted(path.name for path in exported["onnx"].glob("*") if path.suffix != ".png") == [
        "MODEL_CARD.md",
        "model.onnx",
    ]
    said = {
        entry.key: json.loads(entry.value)
        for entry in model.metadata_props
        if entry.key in ("classes", "run", "commit")
    }
    assert said == {"classes": CLASSES, "run": "v1/small/42", "commit": "abc"}
    (given,) = onnxruntime.InferenceSession(exported["onnx"] / "model.onnx").get_inputs()
    assert (given.name, given.type, given.shape[1:]) == ("images", "tensor(uint8)", [32, 32, 3])


def test_views_of_several_kinds_are_inside(results, tmp_path):
    export_run("v1/fast/42", "onnx", tmp_path / "fast", results)
    images = np.load(results / "data/images.npy")
    logits = load_predictions(results / "runs/v1/fast/seed42/predictions.npz").logits
    given, _ = export.read_exported(tmp_path / "fast/model.onnx", "onnx")(images)
    assert np.abs(given - logits).max() < 1e-5
    assert "moved by one pixel" in (tmp_path / "fast/MODEL_CARD.md").read_text()


def test_the_card_of_a_run_without_a_common_test_does_not_speak_of_one(tmp_path):
    results = tmp_path / "results"
    folder = write_run(results, write_data(results), "official/small/1", val=False)
    metrics = json.loads((folder / "metrics.json").read_text())
    (folder / "metrics.json").write_text(json.dumps(metrics | {"common_test": {"n": 0}}))
    export_run("official/small/1", "safetensors", tmp_path / "out", results)
    card = (tmp_path / "out/MODEL_CARD.md").read_text()
    assert (
        "common test" not in card
        and "20 for the own test. No image" in card
        and "Hardest classes (own test" in card
    )
    assert "not calibrated: the run had no validation images" in card


def test_the_card_counts_test_images_that_the_run_has_seen_nearly_the_same(results, tmp_path):
    roles = load_predictions(results / "runs/v1/small/seed42/predictions.npz")
    tested, trained = (np.flatnonzero(roles.has_role(role)) for role in ("test", "train"))
    pairs = sorted(
        tuple(sorted(map(int, pair)))
        for pair in ((tested[0], trained[0]), (tested[1], trained[0]), (tested[2], tested[3]))
    )
    lines = ["image_id,other_id", *(f"{a},{b}" for a, b in pairs)]
    near_duplicates = results / "data/near_duplicates.csv"
    near_duplicates.write_text("\n".join(lines) + "\n")
    try:
        export_run("v1/small/42", "safetensors", tmp_path / "out", results)
    finally:
        near_duplicates.unlink()
    card = (tmp_path / "out/MODEL_CARD.md").read_text()
    assert (
        "No image of a test was trained on, "
        "but 2 of the own test have a near-duplicate that the run has seen." in card
    )


def test_the_card_says_what_the_runs_files_say(exported, results):
    card = (exported["onnx"] / "MODEL_CARD.md").read_text()
    metrics = json.loads((results / "runs/v1/small/seed42/metrics.json").read_text())
    assert (
        f"| own test, which is the common test | 20 | {metrics['overall_accuracy']:.1%} "
        f"| {metrics['accuracy_low']:.1%} to {metrics['accuracy_high']:.1%} |" in card
    )
    assert "| common test |" not in card  # the same images once
    assert (
        f"divided by {temperature(results):.4g}" in card
        and "mean over the image and its mirror" in card.replace("means", "mean")
    )
    recalls = sorted(metrics["class_accuracy"].items(), key=lambda item: item[1])
    assert "recall): " + ", ".join(f"{name} {recall:.1%}" for name, recall in recalls[:3]) in card
    _, logits = stored(results)
    labels, answers = np.arange(60)[40:] % 5, logits[40:].argmax(1)
    pairs = {
        (t, a): ((labels == t) & (answers == a)).sum() for t in range(5) for a in range(5) if t != a
    }
    (true, taken), count = max(pairs.items(), key=lambda item: item[1])
    assert f"{CLASSES[true]} taken for {CLASSES[taken]} ({count})" in card
    assert (
        "| trained by commit | abc |" in card and "not known to the project" in card
    )  # the md5s are not CIFAR-10's
    assert "Intended use and limits" in card and f"torch {torch.__version__}" in card


@pytest.mark.parametrize(
    ("name", "fragment"),
    [
        ("v1/small/7", "the run v1/small/7 diverged, so it has no model"),
        ("v2/clip/1", "were made elsewhere, so there is no network"),
        ("v1/small/8", "there is no run 'v1/small/8'"),
        ("v1", "expected combo/model/seed: there are v1/fast/42"),
        ("../../etc/42", "there is no run"),
    ],
)
def test_what_cannot_be_exported_is_refused_in_one_line(name, fragment, results, tmp_path, capsys):
    with pytest.raises(SystemExit):
        export_run(name, "safetensors", tmp_path / "out", results)
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1 and fragment in said
    assert not list(tmp_path.iterdir())


def test_a_file_that_says_something_else_is_not_kept(results, tmp_path, capsys, monkeypatch):
    name, write, read = export.FORMATS["safetensors"]

    def read_wrongly(path):
        answer = read(path)
        return lambda images: tuple(array + 2e-4 for array in answer(images))

    monkeypatch.setitem(export.FORMATS, "safetensors", (name, write, read_wrongly))
    with pytest.raises(SystemExit):
        export_run("v1/small/42", "safetensors", tmp_path / "out", results)
    assert "is no copy of the run, so nothing was kept" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_stored_logits_of_other_weights_are_noticed(tmp_path, capsys):
    images = write_data(tmp_path / "results")
    folder = write_run(tmp_path / "results", images, "v1/small/42")
    logits, roles, _ = load_predictions(folder / "predictions.npz")
    save_predictions(folder / "predictions.npz", Predictions(logits + np.float32(0.01), roles))
    asked = ("v1/small/42", "safetensors", tmp_path / "out", tmp_path / "results")
    with pytest.raises(SystemExit):
        export_run(*asked)
    assert not (tmp_path / "out").exists()
    # A GPU rounds in another way: there the difference is said, and the file is kept.
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(record | {"device": "NVIDIA H100"}))
    export_run(*asked)
    assert "0.01 from the logits that the study stored (NVIDIA H100)" in capsys.readouterr().out


def test_nothing_that_is_there_is_replaced(exported, results, capsys):
    with pytest.raises(SystemExit):
        export_run("v1/small/42", "onnx", exported["onnx"], results)
    assert "is there already" in capsys.readouterr().err


def test_missing_packages_are_named_with_the_command_that_installs_them(
    results, tmp_path, capsys, monkeypatch
):
    monkeypatch.setitem(export._NEEDED, "onnx", ("onnx", "no_such_package"))
    with pytest.raises(SystemExit):
        export_run("v1/small/42", "onnx", tmp_path / "out", results)
    assert "not installed here: python -m pip install no_such_package" in capsys.readouterr().err


def test_the_last_digits_of_large_logits_are_no_difference():
    logits = np.array([[30.0, -1.0]])
    assert export.largest_distance(logits + 3e-4, logits) == pytest.approx(1e-5)
    assert export.largest_distance(logits / 100 + 3e-4, logits / 100) == pytest.approx(3e-4)
    assert export.largest_distance(logits * np.nan, logits) == np.inf


def test_a_difference_in_one_batch_or_that_is_no_number_is_found(exported):
    classifier = load_classifier_file(exported["safetensors"] / "model.safetensors")
    images = np.random.default_rng(0).integers(0, 256, (9, 32, 32, 3), dtype=np.uint8)
    own = export._answer_of(classifier)
    assert compare_with_classifier(own, classifier, images, 4)[1] == 0

    def wrong_for_one_image(batch):
        logits, probabilities = own(batch)
        return (logits, probabilities) if len(batch) != 1 else (logits, probabilities * np.nan)

    assert compare_with_classifier(wrong_for_one_image, classifier, images, 4)[1] == float("inf")
