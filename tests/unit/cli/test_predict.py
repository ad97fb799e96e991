"""`study predict`: images of any kind, by one run or all seeds of a combo."""

import csv
import io
import json

import numpy as np
import pytest
import torch
from conftest import files_below
from finished_study import CLASSES, RECIPE, write_data, write_imported, write_run
from PIL import Image

from study.cli import main as cli
from study.data.datasets.pictures import read_picture
from study.data.image_files import find_images, read_image
from study.errors import StudyError
from study.runs.predictions import load_predictions


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    results = tmp_path_factory.mktemp("project") / "results"
    images = write_data(results)
    for name in ("v1/small/1", "v1/small/2", "v2/small/1"):
        write_run(results, images, name)
    write_run(results, images, "v1/small/3", diverged=True)
    write_run(results, images, "v3/uncalibrated/1", val=False)
    write_run(results, images, "v3/vit/1", RECIPE | {"architecture": {
        "name": "timm/vit_tiny_patch16_224", "patch_size": 8,
        "embed_dim": 16, "depth": 1, "num_heads": 1}})  # fmt: skip
    write_imported(results, images, "v3/clip/1")
    # The best on validation images is known.
    for name, accuracy in (
        ("v1/small/seed1", 0.2),
        ("v1/small/seed2", 0.4),
        ("v2/small/seed1", 0.4),
        ("v3/vit/seed1", 0.1),
    ):
        path = results / "runs" / name / "metrics.json"
        path.write_text(
            json.dumps(
                json.loads(path.read_text()) | {"val": {"n": 20, "overall_accuracy": accuracy}}
            )
        )
    return results


@pytest.fixture
def pictures(results, tmp_path):
    """The first three images of the data as files."""
    images = np.load(results / "data/images.npy")[:3]
    for number, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / f"{number}.png")
    return tmp_path


def predicted(capsys, *words):
    """Return the rows and what was said beside them."""
    cli.main(["predict", *map(str, words)])
    said = capsys.readouterr()
    return list(csv.DictReader(io.StringIO(said.out))), said.err


def probabilities(rows):
    return np.array([[float(row[f"probability_{name}"]) for name in CLASSES] for row in rows])


def expected(results, *names):
    """Return the mean of the runs' calibrated probabilities of three images, by stored logits."""
    found = []
    for name in names:
        folder = results / "runs" / name
        temperature = json.loads((folder / "metrics.json").read_text())["temperature"] or 1
        logits = torch.from_numpy(load_predictions(folder / "predictions.npz").logits[:3]).double()
        found.append((logits / temperature).softmax(1).numpy())
    return np.mean(found, axis=0)


def test_images_of_the_data_get_the_calibrated_probabilities_of_the_stored_logits(
    results, pictures, capsys
):
    rows, said = predicted(capsys, pictures, "--run", "v1/small/1", "--results", results)
    wanted = expected(results, "v1/small/seed1")
    assert np.abs(probabilities(rows) - wanted).max() < 2e-6
    assert [row["predicted"] for row in rows] == [CLASSES[k] for k in wanted.argmax(1)]
    assert [row["file"] for row in rows] == [str(pictures / f"{n}.png") for n in range(3)]
    assert "by v1/small/1; probabilities calibrated by the temperature" in said


def test_the_run_that_is_best_on_its_validation_images_answers_unless_one_is_named(
    results, pictures, capsys
):
    rows, said = predicted(capsys, pictures, "--results", results)
    assert "by v1/small/2, the best on its validation images (40.0% of 20; combos have" in said
    assert np.abs(probabilities(rows) - expected(results, "v1/small/seed2")).max() < 2e-6


def test_of_equally_right_runs_the_one_with_more_validation_images_answers(
    results, pictures, capsys
):
    path = results / "runs/v2/small/seed1/metrics.json"
    before = path.read_text()
    metrics = json.loads(before)
    path.write_text(json.dumps(metrics | {"val": metrics["val"] | {"n": 70}}))
    try:
        assert "by v2/small/1," in predicted(capsys, pictures, "--results", results)[1]
    finally:
        path.write_text(before)
    assert "by v1/small/2," in predicted(capsys, pictures, "--results", results)[1]


def test_all_seeds_of_a_combo_answer_together_but_those_that_diverged(results, pictures, capsys):
    rows, said = predicted(
        capsys, pictures, "--combo", "v1", "--model", "small", "--results", results
    )
    assert (
        np.abs(probabilities(rows) - expected(results, "v1/small/seed1", "v1/small/seed2")).max()
        < 2e-6
    )
    assert "mean of seeds 1, 2" in said and "left out: the run v1/small/3 diverged" in said


def test_without_validation_images_it_is_said_that_nothing_is_calibrated(results, pictures, capsys):
    rows, said = predicted(capsys, pictures, "--run", "v3/uncalibrated/1", "--results", results)
    assert "not calibrated: no validation images" in said
    assert np.abs(probabilities(rows) - expected(results, "v3/uncalibrated/seed1")).max() < 2e-6


def test_broken_files_are_named_after_the_rest_is_done(results, pictures, tmp_path, capsys):
    (pictures / "broken.png").write_text("no image")
    (pictures / "cut.png").write_bytes((pictures / "0.png").read_bytes()[:200])
    (pictures / "notes.txt").write_text("passed over")
    with pytest.raises(SystemExit) as left:
        predicted(capsys, pictures, "--results", results, "--output", tmp_path / "out.csv")
    said = capsys.readouterr().err
    assert (
        left.value.code == 1
        and "error: 2 of 5 files could not be read" in said
        and "Traceback" not in said
    )
    assert "broken.png: is no PNG" in said and "cut.png: " in said and "notes.txt" not in said
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 4


@pytest.mark.parametrize(
    ("words", "fragment"),
    [
        (["--run", "v1/small/3"], "diverged"),
        (["--run", "v9/small/1"], "there is no run 'v9/small/1'"),
        (["--combo", "v1"], "both --combo and --model"),
        (["--combo", "v9", "--model", "small"], "no finished run of small on v9"),
        (["--run", "v3/clip/1"], "were made elsewhere, so there is no network"),
        (["--combo", "v3", "--model", "clip"], "were made elsewhere, so there is no network"),
        (["--run", "v3/vit/1", "--gradcam", "maps"], "goes on from its own with attention"),
        (["no/such/file"], "no such file or folder"),
        (["--results", "elsewhere"], "there is no finished run in elsewhere/runs"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_one_line(words, fragment, results, pictures, capsys):
    with pytest.raises(SystemExit):
        predicted(capsys, "--results", results, pictures / "0.png", *words)
    said = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("by ")]
    assert len(said) == 1 and said[0].startswith("error: ") and fragment in said[0]


def test_it_writes_nothing_that_it_is_not_asked_for(results, pictures, capsys, monkeypatch):
    before = files_below(results.parent), files_below(pictures)
    monkeypatch.chdir(pictures)
    predicted(capsys, pictures, "--results", results)
    assert (files_below(results.parent), files_below(pictures)) == before


def test_maps_are_pictures_of_the_image_and_of_two_layers(results, pictures, tmp_path, capsys):
    predicted(
        capsys,
        pictures,
        "--combo",
        "v1",
        "--model",
        "small",
        "--results",
        results,
        "--gradcam",
        tmp_path / "maps",
    )
    names = sorted(path.name for path in (tmp_path / "maps").iterdir())
    assert names == ["1_0.png", "2_1.png", "3_2.png"]
    picture = np.asarray(Image.open(tmp_path / "maps/1_0.png"))
    assert picture.shape == (256, 3 * 256, 3)
    assert np.array_equal(picture[::8, :256:8], np.load(results / "data/images.npy")[0])


def test_a_terminal_gets_a_table_of_the_likeliest_classes(results, pictures, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    cli.main(
        [
            "predict",
            str(pictures / "0.png"),
            "--run",
            "v1/small/1",
            "--top",
            "2",
            "--results",
            str(results),
        ]
    )
    shown = capsys.readouterr().out
    first, second = (CLASSES[k] for k in np.argsort(-expected(results, "v1/small/seed1")[0])[:2])
    assert shown.index(first) < shown.index(second) and "%" in shown and "probability_" not in shown


def test_names_in_a_table_are_whole_and_begin_in_the_folder(results, pictures, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "60")
    name = "a_photograph_with_a_name_that_is_longer_than_its_column.png"
    (pictures / "own").mkdir()
    (pictures / "0.png").rename(pictures / "own" / name)
    cli.main(["predict", str(pictures), "--run", "v1/small/1", "--results", str(results)])
    shown = capsys.readouterr().out
    assert f"own/{name}" in "".join(line.split("  ")[0].rstrip() for line in shown.splitlines())
    assert "…" not in shown and str(pictures) not in shown and "1.png" in shown


@pytest.mark.parametrize("fit", ["resize", "crop"])
def test_an_image_becomes_what_a_study_of_such_images_reads(tmp_path, fit):
    """Of a photograph that was taken upright, wider than high and transparent in parts."""
    pixels, exif = np.random.default_rng(0).integers(0, 256, (30, 70, 4), np.uint8), Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees to the right
    path = tmp_path / "x.png"
    Image.fromarray(pixels).save(path, exif=exif)
    wanted = read_picture(path.read_bytes(), 12, 12, fit).pixels
    assert np.array_equal(read_image(path, (12, 12, 3), fit), wanted)


def test_images_without_a_range_are_refused_and_empty_folders_too(tmp_path):
    odd = tmp_path / "x.tiff"
    Image.new("F", (8, 8)).save(odd)
    with pytest.raises(StudyError, match="no fixed range"):
        read_image(odd, (8, 8, 3), "crop")
    (tmp_path / "empty").mkdir()
    with pytest.raises(StudyError, match="a folder without images"):
        find_images([tmp_path / "empty"])
    assert find_images([tmp_path]) == [odd]


def test_folders_of_classes_are_labels_that_answers_are_counted_by(results, pictures, capsys):
    for path in pictures.iterdir():  # as no image of the study
        Image.fromarray(255 - np.asarray(Image.open(path))).save(path)
    rows, said = predicted(capsys, pictures, "--results", results)
    assert "validated on" not in said
    answers = [row["predicted"] for row in rows]
    wrong = next(name for name in CLASSES if name != answers[0])
    for number, label in enumerate([wrong, *answers[1:]]):
        (pictures / label).mkdir(exist_ok=True)
        (pictures / f"{number}.png").rename(pictures / label / f"{number}.png")
    _, said = predicted(capsys, pictures, "--results", results)
    assert "2 of 3 images right (66.7%)" in said and f"{wrong} → {answers[0]} (1)" in said


def test_other_folders_are_no_labels(results, pictures, capsys):
    (pictures / "holidays").mkdir()
    (pictures / "0.png").rename(pictures / "holidays/0.png")
    assert "right" not in predicted(capsys, pictures, "--results", results)[1]


def test_images_that_the_run_learnt_from_are_known_and_no_part_of_its_accuracy(
    results, tmp_path, capsys
):
    """Of the data 0 to 19 are training images, 20 to 39 validation images, the rest for testing."""
    images = np.load(results / "data/images.npy")
    random = np.random.default_rng(1)
    pictures = {f"{i}": images[i] for i in (0, 25, 41, 47)}
    pictures |= {"9_new": random.integers(0, 256, (32, 32, 3), dtype=np.uint8)}
    for name, image in pictures.items():
        folder = tmp_path / CLASSES[int(name.split("_")[0]) % 5]
        folder.mkdir(exist_ok=True)
        Image.fromarray(image).save(folder / f"{name}.png")
    rows, said = predicted(capsys, tmp_path, "--run", "v1/small/1", "--results", results)
    assert "the model was trained or validated on 2 of these 5 images: what it says" in said
    right = sum(
        row["predicted"] == row["file"].split("/")[-2]
        for row in rows
        if row["file"].split("/")[-1] in ("41.png", "47.png", "9_new.png")
    )
    assert f"labels by sub-folder: {right} of 3 other images right" in said
    _, said = predicted(
        capsys, tmp_path / "ant" / "0.png", "--run", "v1/small/1", "--results", results
    )
    assert "validated on 1 of these 1 image" in said and "right" not in said


def test_a_file_that_was_written_is_named(results, pictures, tmp_path, capsys):
    output = tmp_path / "out.csv"
    words = ("--run", "v1/small/1", "--results", results, "--output", output)
    _, said = predicted(capsys, pictures, *words)
    assert f"wrote {output}: 3 images" in said and output.is_file()
