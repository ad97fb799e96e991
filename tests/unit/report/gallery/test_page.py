"""The page of the gallery: what is in it, that it fits, and that nothing in it can break out."""

import base64
import html.parser
import io
import json
import zlib

import numpy as np
import pandas as pd
import pytest
from conftest import assert_one_clear_line
from gallery_study import CLASSES, GalleryStudy
from PIL import Image

from study.files import write_json
from study.report.gallery.answers import (
    MAY_JUDGE,
)
from study.report.gallery.page import script_json
from study.runs.gradcam_maps import no_maps, save_maps
from study.runs.predictions import ROLE_CODES

TRAIN, VAL, TEST, UNSEEN = (ROLE_CODES[role] for role in ("train", "val", "test", "unseen"))


class Elements(html.parser.HTMLParser):
    """The script elements of a page by id, as a browser finds them, and the names of all others."""

    def __init__(self, text: str):
        super().__init__()
        self.scripts, self.kinds, self.names, self._id = {}, {}, set(), None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.names.add(tag)
        attributes = dict(attributes)
        if tag == "script":
            self._id = attributes.get("id", "program")
            self.scripts[self._id], self.kinds[self._id] = "", attributes.get("data-kind")

    def handle_endtag(self, tag):
        self._id = None

    def handle_data(self, data):
        if self._id:
            self.scripts[self._id] += data

    def study(self) -> dict:
        return json.loads(self.scripts["study"])

    def array(self, name: str) -> np.ndarray:
        return np.frombuffer(
            zlib.decompress(base64.b64decode(self.scripts[name])), f"<{self.kinds[name]}"
        )

    def sheets(self) -> list[np.ndarray]:
        names = sorted(
            (name for name in self.scripts if name.startswith("sheet-")),
            key=lambda name: int(name[6:]),
        )
        return [
            np.asarray(Image.open(io.BytesIO(base64.b64decode(self.scripts[name]))))
            for name in names
        ]

    def blocks(self, name: str, runs: int) -> np.ndarray:
        count = sum(each.startswith(f"{name}-") for each in self.scripts)
        return np.concatenate(
            [self.array(f"{name}-{i}").reshape(runs, -1) for i in range(count)], axis=1
        )


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    study = GalleryStudy(tmp_path_factory.mktemp("gallery"), diverged=(("v1", "b", 2),))
    study.output = study.build().stdout
    study.elements = Elements(study.page.read_text())
    return study


@pytest.mark.parametrize(
    "text", ["</script><b>", "<!--<script>", "</SCRIPT ", "&lt;", '"\\', "日本"]
)
def test_no_text_can_leave_its_script(text):
    written = script_json({"name": text})
    assert "<" not in written and json.loads(written) == {"name": text}


def test_the_page_has_the_images_that_a_judge_gets_wrong_and_the_hardest_in_their_order(study):
    elements, listed = study.elements, study.listed()
    facts = elements.study()
    ids = elements.array("column-image_id") + next(
        c["low"] for c in facts["columns"] if c["name"] == "image_id"
    )
    assert ids.tolist() == listed["image_id"].tolist() and facts["n"] == len(listed) < 600
    assert facts["classes"] == list(CLASSES) and "b" not in elements.names
    assert [run["diverged"] for run in facts["runs"]] == [
        run == ("v1", "b", 2) for run in study.runs
    ]
    assert f"{len(listed):,} images, 0 left out" in study.output and "without loss" in study.output


def test_the_page_has_what_each_run_says(study):
    ids = study.listed()["image_id"].to_numpy()
    arrays = {
        name: study.elements.blocks(name, len(study.runs))
        for name in ("predicted", "confidence", "p_label", "roles")
    }
    assert (
        sum(name.startswith("roles-") for name in study.elements.scripts) > 1
    )  # more than one block
    for i, run in enumerate(study.runs):
        predictions = study.predictions(*run)
        assert (
            arrays["roles"][i]
            == predictions.roles[ids] + MAY_JUDGE * predictions.may_judge(study.pairs)[ids]
        ).all()
        if predictions.diverged:
            assert (arrays["predicted"][i] == 255).all()
            continue
        p = np.exp(predictions.log_probabilities())[ids]
        assert (arrays["predicted"][i] == p.argmax(axis=1)).all()
        assert np.abs(arrays["confidence"][i] / 200 - p.max(axis=1)).max() <= 0.0025
        assert (
            np.abs(arrays["p_label"][i] / 200 - p[np.arange(len(ids)), study.labels[ids]]).max()
            <= 0.0025
        )


def validation_accuracy(study, run) -> float:
    predictions = study.predictions(*run)
    if predictions.diverged:
        return 0.0
    val = predictions.has_role("val")
    return (predictions.logits.argmax(1) == study.labels)[val].mean()


def test_neighbours_are_training_images_of_the_best_run_and_have_thumbnails(study):
    facts, ids = study.elements.study(), study.listed()["image_id"].to_numpy()
    best = study.predictions(*study.runs[facts["best_run"]])
    accuracies = [validation_accuracy(study, run) for run in study.runs]
    assert accuracies[facts["best_run"]] == max(accuracies) > 0
    shown = np.concatenate([ids, study.elements.array("extras")])
    count = sum(name.startswith("neighbours-") for name in study.elements.scripts)
    near = shown[
        np.concatenate(
            [study.elements.array(f"neighbours-{i}").reshape(-1, 8) for i in range(count)]
        )
    ]
    right = best.logits.argmax(axis=1) == study.labels
    assert (best.roles[near] == TRAIN).all() and right[near[:, :4]].all()
    assert (study.labels[near[:, :4]] == study.labels[ids, None]).all()
    assert (study.labels[near[:, 4:]] == study.elements.array("confused")[:, None]).all()
    columns, block = facts["thumbnails"]["columns"], facts["block"]
    sheets = study.elements.sheets()
    for place, image in enumerate(shown):
        pixels, position = sheets[place // block], place % block
        y, x = 32 * (position // columns), 32 * (position % columns)
        assert (pixels[y : y + 32, x : x + 32] == study.images[image]).all()


def test_the_same_study_gives_the_same_bytes(study):
    before = study.page.read_bytes()
    study.build()
    assert study.page.read_bytes() == before


def test_a_limit_first_costs_quality_and_then_the_easiest_images(study, tmp_path):
    listed, whole = study.listed(), study.page.stat().st_size / 1e6
    for limit, exact in ((0.8 * whole, True), (0.15 * whole, False)):
        output = study.build("--limit", limit, "--output", tmp_path / "small.html").stdout
        elements = Elements((tmp_path / "small.html").read_text())
        facts = elements.study()
        assert (tmp_path / "small.html").stat().st_size <= limit * 1e6
        assert facts["thumbnails"]["quality"] in (80, 75, 70) and "WebP" in output
        assert (facts["n_left_out"] == 0) is exact and facts["n"] + facts["n_left_out"] == len(
            listed
        )
        n_exact, columns = facts["thumbnails"]["n_exact"], facts["thumbnails"]["columns"]
        assert (0 < n_exact < len(listed)) is exact
        for place in range(min(n_exact, facts["block"])):
            y, x = 32 * (place // columns), 32 * (place % columns)
            assert (
                elements.sheets()[0][y : y + 32, x : x + 32]
                == study.images[listed["image_id"][place]]
            ).all()
    ids = elements.array("column-image_id") + next(
        c["low"] for c in facts["columns"] if c["name"] == "image_id"
    )
    assert ids.tolist() == listed["image_id"][: facts["n"]].tolist()
    # By this the browser keeps verdicts, whichever images are listed.
    assert facts["data_digest"] == study.elements.study()["data_digest"]
    assert (
        f"{facts['n_left_out']:,} least hard images of the list are left out"
        in (tmp_path / "small.html").read_text()
    )


@pytest.mark.parametrize("limit", [0.001, 0, -1])
def test_a_limit_that_nothing_fits_is_refused(study, tmp_path, limit):
    failed = study.build("--limit", limit, "--output", tmp_path / "none.html", check=False)
    assert failed.returncode == 1 and not list(tmp_path.iterdir())
    assert_one_clear_line(failed.stderr, "without any image", "raise the limit")


def test_a_ranking_of_other_images_is_refused(study, tmp_path):
    study.listed().head(5).to_csv(tmp_path / "hard_examples.csv", index=False)
    failed = study.build("--table", tmp_path / "hard_examples.csv", check=False)
    assert failed.returncode == 1
    assert_one_clear_line(
        failed.stderr, "a row for each of the 600 images", "find the hard examples again"
    )


def test_maps_are_taken_of_the_listed_images(study, tmp_path):
    listed = study.listed()["image_id"].to_numpy()
    others = np.setdiff1d(np.arange(600), listed)[:2]
    ids = np.array([others[0], listed[5], listed[2], others[1]])
    maps = np.random.default_rng(0).integers(0, 256, (4, 2, 2, 8, 8), dtype=np.uint8)
    given = no_maps("v1+v2", 2)._replace(image_ids=ids, layers=np.array(["one", "two"]), maps=maps)
    save_maps(tmp_path / "b.npz", given)
    study.build("--gradcam", tmp_path / "b.npz", "--output", tmp_path / "maps.html")
    elements = Elements((tmp_path / "maps.html").read_text())
    (facts,) = elements.study()["maps"]
    assert study.runs[facts["run"]] == ("v1+v2", "b", 2) and facts["layers"] == ["one", "two"]
    assert facts["image_ids"] == [listed[2], listed[5]]
    assert (elements.array("maps-0").reshape(2, 2, 2, 8, 8) == maps[[2, 1]]).all()
    save_maps(tmp_path / "b.npz", given._replace(seed=9))
    failed = study.build("--gradcam", tmp_path / "b.npz", check=False)
    assert_one_clear_line(failed.stderr, "b on v1+v2, seed 9, which is no run of the study")
    np.savez(tmp_path / "b.npz", image_ids=ids)
    failed = study.build("--gradcam", tmp_path / "b.npz", check=False)
    assert_one_clear_line(failed.stderr, "b.npz: not the maps of Grad-CAM", "compute them again")


def test_a_model_without_maps_is_passed_over(study, tmp_path):
    save_maps(tmp_path / "b.npz", no_maps())
    study.build("--gradcam", tmp_path / "b.npz", "--output", tmp_path / "maps.html")
    assert Elements((tmp_path / "maps.html").read_text()).study()["maps"] == []


def test_without_validation_images_neighbours_are_of_the_first_run_that_is_finished(tmp_path):
    study = GalleryStudy(tmp_path, n=90, diverged=(("v1", "a", 1),))
    for run in study.runs:
        measured = {"val": {"n": 0, "overall_accuracy": None}}
        write_json(study.run_folder(*run) / "metrics.json", measured)
    study.build()
    assert Elements(study.page.read_text()).study()["best_run"] == 1


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"shape": (8, 8, 3)}, "is every image that at least one run misclassified"),
        (
            {"classes": ("no", "yes"), "models": ("a",), "combos": ("v1",), "seeds": (1,)},
            "judged by 1 run<",
        ),
        (
            {"models": ("a",), "combos": ("v1",), "seeds": (1,), "diverged": (("v1", "a", 1),)},
            "no run may judge any image",
        ),
        ({"n": 30, "shape": (8, 8, 3), "seeds": (1,), "strength": 50.0}, "The hardest images"),
        ({"strength": 0.5}, "No label is suspected, because the judges are too weak"),
    ],
)
def test_poor_studies_have_a_gallery_too(tmp_path, changes, sentence):
    study = GalleryStudy(tmp_path, **({"n": 90} | changes))
    study.build()
    elements = Elements(study.page.read_text())
    assert sentence in study.page.read_text() and elements.study()["n"] == len(study.listed())


def test_every_column_of_the_ranking_has_a_meaning_on_the_page(study):
    table = pd.read_csv(study.folder / "hard_examples.csv")
    for column in study.elements.study()["columns"]:
        assert column["name"] in table and (column["kind"] == "category" or column["meaning"]), (
            column
        )
