"""The gallery in a browser, against what pandas says of the same study."""

import hashlib
import json
import re

import numpy as np
import pandas as pd
import pytest
from gallery_study import CLASSES, GalleryStudy

from study.data.index import read_index
from study.data.verdicts import read_verdicts
from study.report.glossary import meaning
from study.report.plots.gradcam import overlay
from study.runs.gradcam_maps import no_maps, save_maps
from study.runs.predictions import ROLE_CODES

pytestmark = pytest.mark.browser

LOST = ("v1", "b", 2)
# What a browser does whose store takes nothing.
FULL = "throw new DOMException('full', 'QuotaExceededError')"
# Text on the page with its own letters: its colour, what it stands on, and where.
TEXTS = """() => {
  const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const opaque = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const [r, g, b, a] = channels(getComputedStyle(each).backgroundColor);
      if (a === undefined || a === 1) return [r, g, b];
      if (a !== 0) throw new Error(`half transparent: ${each.outerHTML}`);
    }
    return matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18] : [255, 255, 255];
  };
  const inside = document.querySelector("dialog[open]") ?? document.body;
  return [...inside.querySelectorAll("*")]
    .filter((each) => each.checkVisibility() && !each.disabled
      && [...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
    .map((each) => [each.textContent.trim().slice(0, 40),
      channels(getComputedStyle(each).color).slice(0, 3), opaque(each)]);
}"""


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    study = GalleryStudy(
        tmp_path_factory.mktemp("gallery"), seeds=(1, 2, 3), diverged=(LOST,), strength=2.5
    )
    listed = study.listed()
    study.mapped = listed["image_id"].to_numpy()[[4, 30, 2]]
    maps = np.zeros((3, 1, 2, *study.images.shape[1:3]), np.uint8)
    maps[:, :, 1] = 255
    mapped = no_maps("v1+v2", 1)._replace(
        image_ids=np.array(study.mapped), layers=np.array(["last"]), maps=maps
    )
    save_maps(study.folder / "b.npz", mapped)
    study.look_again()
    study.build("--gradcam", study.folder / "b.npz")
    return study


@pytest.fixture
def gallery(study, open_page):
    page = open_page(study.page)
    settled(page)
    return page


def settled(page):
    page.locator("#grid[aria-busy=false]").wait_for(state="attached")


def shown_count(page) -> int:
    settled(page)
    return int(page.locator("#count").inner_text().split()[0].replace(",", ""))


def first_ids(page, n: int) -> list[int]:
    settled(page)
    labels = page.locator("[role=gridcell][aria-label]").all()[:n]
    return [int(re.match(r"Image (\d+):", cell.get_attribute("aria-label"))[1]) for cell in labels]


def pixels(page, selector: str) -> np.ndarray:
    """Return what a canvas shows, once it is drawn."""
    script = """async (canvas) => {
      await canvas.drawn;
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return [canvas.height, canvas.width, ...data];
    }"""
    height, width, *data = page.locator(selector).first.evaluate(script)
    return np.array(data, np.uint8).reshape(height, width, 4)[..., :3]


def contrast(one, other) -> float:
    """Return WCAG's contrast of two sRGB colours."""

    def luminance(colour) -> float:
        share = np.array(colour) / 255
        linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_first_view_has_the_hardest_images_and_only_what_is_in_sight(gallery, study):
    listed = study.listed()
    assert shown_count(gallery) == len(listed)
    assert first_ids(gallery, 20) == listed["image_id"][:20].tolist()
    assert (pixels(gallery, "[role=gridcell] canvas") == study.images[listed["image_id"][0]]).all()
    assert 20 < gallery.locator("[role=gridcell]").count() < 200 < len(listed)
    gallery.evaluate("scrollTo(0, document.body.scrollHeight)")
    last = gallery.locator(f"[aria-label^='Image {listed['image_id'].iloc[-1]}:']")
    last.wait_for()
    last = listed["image_id"].iloc[-1]
    assert (pixels(gallery, f"[aria-label^='Image {last}:'] canvas") == study.images[last]).all()
    assert 20 < gallery.locator("[role=gridcell]").count() < 200


@pytest.mark.parametrize(
    ("choices", "kept"),
    [
        ({"class": "</script><b>"}, lambda t, s: t["class"] == "</script><b>"),
        ({"class": "NA", "consensus": "cat"},
         lambda t, s: (t["class"] == "NA") & (t["consensus"] == "cat")),
        ({"kind": "unstable"}, lambda t, s: t["kind"] == "unstable"),
        ({"source_split": "test", "partition": "v2"},
         lambda t, s: (t["source_split"] == "test") & (t["partition"] == "v2")),
        ({"partition": "v1"}, lambda t, s: t["partition"] == "v1"),
        ({"min": "0.4", "max": "0.6"}, lambda t, s: t["hardness"].between(0.4, 0.6)),
        ({"cl_issue": True}, lambda t, s: t["cl_issue"].eq(True)),
        ({"near_duplicate_other_label": True}, lambda t, s: t["near_duplicate_other_label"]),
        ({"maps": True}, lambda t, s: t["image_id"].isin(s.mapped)),
        ({"model": "b"}, lambda t, s: s.wrong(model="b")[t["image_id"]]),
        ({"combo": "v1+v2", "as": "NA"},
         lambda t, s: s.wrong(combo="v1+v2", said=2)[t["image_id"]]),
        ({"model": "a", "combo": "v1", "class": "cat"},
         lambda t, s: s.wrong("a", "v1")[t["image_id"]] & (t["class"] == "cat")),
    ],
    ids=lambda one: str(one) if isinstance(one, dict) else "kept",
)  # fmt: skip
def test_filters_keep_what_pandas_keeps(gallery, study, choices, kept):
    for name, value in choices.items():
        control = gallery.locator(f"#controls [name={name}]")
        if value is True:
            control.check()
        elif control.evaluate("each => each.tagName") == "SELECT":
            control.select_option(value)
        else:
            control.fill(value)
    table = study.listed()
    expected = table[kept(table, study)]
    assert shown_count(gallery) == len(expected)
    assert first_ids(gallery, 30) == expected["image_id"][:30].tolist()
    gallery.get_by_role("button", name="Show all").click()
    assert shown_count(gallery) == len(table)


@pytest.mark.parametrize(
    "score",
    ["label_suspicion", "entropy_total", "memorisation", "train_forgetting", "n_wrong", "image_id"],
)
@pytest.mark.parametrize("order", ["", "up"])
def test_sorting_orders_by_the_score_and_then_by_hardness(gallery, study, score, order):
    gallery.locator("[name=sort]").select_option(score)
    gallery.locator("[name=order]").select_option(order)
    assert gallery.locator("#sort-meaning").inner_text() == meaning(score, "hard_examples.csv")
    table = study.listed()
    expected = table.sort_values(score, ascending=order == "up", kind="stable", na_position="last")
    ids = first_ids(gallery, 30)
    values = table.set_index("image_id", drop=False)[score]
    step = np.ptp(values.dropna()) / 65534
    assert values[ids].to_numpy() == pytest.approx(expected[score][:30].to_numpy(), abs=step)
    if score in ("n_wrong", "image_id"):  # exact, with ties
        assert ids == expected["image_id"][:30].tolist()


def test_search_finds_numbers_and_says_which_are_not_there(gallery, study):
    ids = study.listed()["image_id"]
    absent = next(i for i in range(600) if i not in set(ids))
    gallery.locator("[name=class]").select_option("cat")
    gallery.keyboard.press("/")
    assert gallery.evaluate("document.activeElement.name") == "find"
    gallery.keyboard.type(f"{ids[7]}, {absent} {ids[3]}")
    assert first_ids(gallery, 5) == [ids[7], ids[3]]
    assert (
        gallery.locator("#count").inner_text() == f"2 found by number; not in the gallery: {absent}"
    )
    gallery.locator("[name=find]").fill("12345")  # it is in no file's name either
    settled(gallery)
    assert "No such image here" in gallery.locator("#grid").inner_text()


def test_search_finds_files_that_are_called_by_a_number(tmp_path, open_page):
    study = GalleryStudy(tmp_path / "numbers", n=120, seeds=(1,), models=("a",))
    for name in ("index.csv", "hard_examples.csv"):
        path = study.folder / name
        text = re.sub(r"<(\d+)>.png", lambda of: f"v.1/{int(of[1]) + 7:06}.jpg", path.read_text())
        path.write_text(text)
    study.build()
    page, ids = open_page(study.page), study.listed()["image_id"].tolist()
    absent = next(i for i in range(120) if i not in ids)
    for find, found, said in (
        (f"{ids[0] + 7:06}, {ids[1]}", ids[:2], "2 found by number"),
        (f"{ids[0] + 7:05}", ids[:1], "images by a part of their file's name; not in the gallery"),
        (f"{absent + 7:06}", [], f"; not in the gallery: {absent + 7:06}"),
    ):
        page.locator("[name=find]").fill(find)
        assert first_ids(page, 9) == found
        assert said in page.locator("#count").inner_text()


def test_search_finds_parts_of_file_names_within_the_filters(gallery, study):
    table = study.listed()
    gallery.locator("[name=find]").fill("<3")  # files are called <number>.png
    expected = table[table["file"].str.startswith("<3")]
    assert shown_count(gallery) == len(expected) > 3
    gallery.locator("[name=class]").select_option("cat")
    assert shown_count(gallery) == (expected["class"] == "cat").sum()
    gallery.locator("[name=find]").fill(".PNG")
    assert shown_count(gallery) == (table["class"] == "cat").sum()


def test_a_kind_is_explained_and_a_phone_folds_the_filters(gallery, study, open_page):
    assert not gallery.locator("#kind-meaning").inner_text()
    gallery.locator("[name=kind]").focus()  # before one is chosen
    assert gallery.locator("#kind-meaning").inner_text() == meaning("kind", "hard_examples.csv")
    gallery.locator("[name=kind]").select_option("split")
    gallery.locator("[name=find]").focus()
    assert gallery.locator("#kind-meaning").inner_text() == meaning("kind", "hard_examples.csv")
    gallery.set_viewport_size({"width": 360, "height": 740})
    gallery.reload()
    settled(gallery)
    assert not gallery.locator("[name=kind]").is_visible()
    assert shown_count(gallery) == (study.listed()["kind"] == "split").sum()
    gallery.locator("#filters > summary").click()
    assert gallery.locator("[name=kind]").is_visible()


def test_the_keyboard_alone_leads_through_grid_and_dossier_and_back(gallery, study):
    ids = study.listed()["image_id"].tolist()
    columns = int(gallery.locator("#grid").get_attribute("aria-colcount"))
    focused = "document.activeElement.getAttribute('aria-label')"
    gallery.get_by_role("button", name="Show all").focus()
    gallery.keyboard.press("Tab")
    assert gallery.evaluate("document.activeElement.textContent") == "Copy link"
    gallery.keyboard.press("Tab")
    for key, place in (
        ("ArrowRight", 1), ("ArrowDown", columns + 1), ("End", 2 * columns - 1),
        ("ArrowLeft", 2 * columns - 2), ("Home", columns), ("ArrowUp", 0), ("ArrowUp", 0),
        ("Control+End", len(ids) - 1), ("ArrowRight", len(ids) - 1),
        ("Control+Home", 0), ("ArrowRight", 1),
    ):  # fmt: skip
        gallery.keyboard.press(key)
        assert gallery.evaluate(focused).startswith(f"Image {ids[place]}:"), key
        assert gallery.evaluate(
            "(() => { const b = document.activeElement.getBoundingClientRect();"
            " return b.top >= 0 && b.bottom <= innerHeight; })()"
        )
    assert gallery.locator("[role=gridcell][tabindex='0']").count() == 1
    gallery.keyboard.press("Enter")
    gallery.locator("dialog[open]").wait_for()
    assert gallery.locator("#dossier-title").inner_text().startswith(f"Image {ids[1]}:")
    gallery.keyboard.press("ArrowRight")
    gallery.get_by_role("heading", name=f"Image {ids[2]}:").wait_for()
    gallery.keyboard.press("Escape")
    gallery.locator("dialog[open]").wait_for(state="detached")
    # The browser gives the focus back a moment after the dialog is gone.
    gallery.wait_for_function(f"{focused}?.startsWith('Image {ids[2]}:')")


def test_the_dossier_shows_what_each_run_says_and_the_part_the_image_played(gallery, study):
    table = study.listed()
    words = {
        "train": "trained on it",
        "val": "validated on it",
        "test": "may judge (test)",
        "unseen": "may judge",
    }
    seen_words = set()
    for image in [*table["image_id"][:3], 599, table["image_id"].iloc[-1]]:
        gallery.evaluate("id => { location.hash = `image=${id}` }", int(image))
        gallery.get_by_role("heading", name=f"Image {image}:").wait_for()
        assert (pixels(gallery, "#dossier canvas") == study.images[image]).all()
        lines = [
            row.locator("th, td").all_inner_texts()
            for row in gallery.locator("#dossier tbody tr").all()
        ]
        cells = {
            (combo, model, seed): text
            for combo, model, *texts in lines
            for seed, text in zip((1, 2, 3), texts, strict=True)
        }
        assert set(cells) == set(study.runs)
        for run, text in cells.items():
            predictions = study.predictions(*run)
            if run == LOST:
                assert text == "diverged"
                continue
            p = np.exp(predictions.log_probabilities()[image])
            said, label = p.argmax(), study.labels[image]
            answer, of_label, role = text.split("\n")
            mark, name, share = re.fullmatch(r"(.) (.+) ([\d.]+) %", answer).groups()
            assert (mark, name) == ("✓" if said == label else "✗", CLASSES[said])
            assert float(share) == pytest.approx(100 * p[said], abs=0.26)
            assert float(of_label.split()[1]) == pytest.approx(100 * p[label], abs=0.26)
            code = {code: word for word, code in ROLE_CODES.items()}[int(predictions.roles[image])]
            judges = predictions.may_judge(study.pairs)[image]
            assert role == (
                words[code] if judges or code in ("train", "val") else "has seen a near-duplicate"
            )
            seen_words.add(role)
        row = table.set_index("image_id").loc[image]
        facts = gallery.locator("#dossier dl").first.inner_text()
        for name in ("class", "consensus", "kind", "file", "source_split"):
            assert row[name] in facts
        n_say = round(row["consensus_share"] * row["n_eligible"])
        said = f"runs most often say {row['consensus']} ({n_say} of {row['n_eligible']})"
        assert said in gallery.locator("#dossier-title").inner_text()
        scores = gallery.locator("#dossier dl.scores").inner_text()
        assert re.search(r"near_duplicate_other_label\s+(True|False)", scores)
        for name in ("hardness", "label_suspicion", "entropy_total"):
            text = re.search(rf"^{name}\n(.+)$", scores, re.MULTILINE)[1]
            known = float(text) if text != "–" else np.nan
            assert known == pytest.approx(row[name], abs=8e-5, nan_ok=True)
    assert {"trained on it", "may judge", "has seen a near-duplicate"} <= seen_words


def test_the_nearest_images_are_shown_and_lead_to_their_own_dossier(gallery, study):
    gallery.locator("[role=gridcell]").first.click()
    gallery.locator("dialog[open]").wait_for()
    image = study.listed()["image_id"][0]
    figures = gallery.locator("#dossier .near figure")
    assert figures.count() == 8
    ranking = pd.read_csv(study.folder / "hard_examples.csv").set_index("image_id")
    ranking = ranking[["hardness", "label_suspicion"]]
    for figure in figures.all():
        number, name, scores = figure.locator("figcaption > *").all_inner_texts()
        assert name == CLASSES[study.labels[int(number)]] and int(number) != image
        own = ranking.loc[int(number)].fillna(np.nan)
        said = [float(value.replace("–", "nan")) for value in re.findall("[0-9.]+|–", scores)]
        assert said == pytest.approx(list(own), abs=0.006, nan_ok=True)
    assert "the best run that takes it for this" in gallery.locator("#dossier .near").inner_text()
    buttons = gallery.locator("#dossier .near figure button")
    for image in study.listed()["image_id"]:  # until one has an image of the gallery beside it
        gallery.evaluate("id => { location.hash = `image=${id}` }", int(image))
        gallery.get_by_role("heading", name=f"Image {image}:").wait_for()
        if buttons.count():
            break
    number = buttons.first.inner_text()
    buttons.first.click()
    gallery.get_by_role("heading", name=f"Image {number}:").wait_for()
    assert (pixels(gallery, "#dossier canvas") == study.images[int(number)]).all()


def test_maps_lie_over_the_image(gallery, study):
    image = int(study.mapped[1])
    gallery.evaluate("id => { location.hash = `image=${id}` }", image)
    gallery.get_by_role("heading", name="Grad-CAM: b on v1+v2, seed 1").wait_for()
    figures = gallery.locator("section", has_text="Grad-CAM: b").locator("figure")
    assert figures.count() == 3
    label = CLASSES[study.labels[image]]
    assert f"true, {label}: last" in figures.nth(2).inner_text()
    cold, hot = (
        pixels(gallery, f"section:has-text('Grad-CAM: b') figure:nth-child({n}) canvas").astype(
            float
        )
        for n in (2, 3)
    )
    for shown, value in ((cold, 0), (hot, 255)):
        expected = overlay(
            study.images[image], np.full(study.images[image].shape[:2], value, np.uint8)
        )
        assert shown == pytest.approx(expected.astype(float), abs=2)  # as in the report's figures


def test_the_address_brings_back_the_view(gallery, study, open_page):
    gallery.locator("[name=combo]").select_option("v1+v2")
    gallery.locator("[name=class]").select_option("ship & boat")
    gallery.locator("[name=sort]").select_option("label_suspicion")
    gallery.locator("[name=order]").select_option("up")
    gallery.locator("[name=cl_issue]").check()
    ids, count = first_ids(gallery, 10), shown_count(gallery)
    gallery.locator("[role=gridcell]").first.click()
    gallery.locator("dialog[open]").wait_for()
    again = open_page(study.page)
    assert shown_count(again) != count
    again.goto(gallery.url)
    again.reload()
    again.locator("dialog[open]").wait_for()
    assert (
        again.locator("#dossier-title").inner_text()
        == gallery.locator("#dossier-title").inner_text()
    )
    again.keyboard.press("Escape")
    assert first_ids(again, 10) == ids and shown_count(again) == count
    assert (
        again.locator("[name=class]").input_value() == "ship & boat"
        and again.locator("[name=cl_issue]").is_checked()
    )
    assert "image=" in gallery.url and "image=" not in again.url


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_can_be_read_in_both_colour_schemes(gallery, scheme):
    gallery.emulate_media(color_scheme=scheme)
    gallery.locator("header summary").click()
    gallery.locator("[role=gridcell]").first.focus()
    page_texts = gallery.evaluate(TEXTS)
    gallery.keyboard.press("Enter")
    gallery.locator("dialog[open]").wait_for()
    dossier_texts = gallery.evaluate(TEXTS)
    assert len(page_texts) > 100 and len(dossier_texts) > 60
    poor = [
        (text, contrast(ink, paper))
        for text, ink, paper in page_texts + dossier_texts
        if contrast(ink, paper) < 4.5
    ]
    assert poor == []
    dark_paper = contrast(page_texts[0][2], (0, 0, 0)) < 2
    assert dark_paper is (scheme == "dark")


def test_controls_have_names_and_the_grid_says_what_it_is(gallery):
    unnamed = gallery.locator("select, input").evaluate_all(
        "all => all.filter((each) => !each.labels.length).map((each) => each.name)"
    )
    assert unnamed == []
    assert (
        gallery.get_by_role("grid", name="Hard images")
        .get_by_role("row")
        .first.get_by_role("gridcell")
        .count()
        > 1
    )
    gallery.locator("[role=gridcell]").first.click()
    gallery.locator("dialog[open]").wait_for()
    assert (
        gallery.get_by_role("dialog", name="Image").get_by_role("button", name="Close").is_visible()
    )
    assert gallery.get_by_role("columnheader").all_inner_texts() == [
        "combo",
        "model",
        "seed 1",
        "seed 2",
        "seed 3",
    ]


def test_a_narrow_window_needs_no_scrolling_sideways(gallery):
    gallery.set_viewport_size({"width": 360, "height": 640})
    gallery.locator("[role=gridcell]").first.click()
    gallery.locator("dialog[open]").wait_for()
    assert gallery.evaluate("document.documentElement.scrollWidth") <= 360
    assert (
        gallery.evaluate(
            "(() => { const d = document.getElementById('dossier');"
            " return d.scrollWidth - d.clientWidth; })()"
        )
        <= 0
    )


def test_a_gallery_without_judges_says_so(tmp_path, open_page):
    study = GalleryStudy(
        tmp_path,
        n=30,
        shape=(8, 8, 3),
        models=("a",),
        combos=("v1",),
        seeds=(1,),
        diverged=(("v1", "a", 1),),
    )
    study.build()
    page = open_page(study.page)
    assert "no run may judge any image" in page.locator("header p").first.inner_text()
    assert (
        page.locator("h1").inner_text()
        == "0 of 30 images: those that some run got wrong, and the hardest; judged by 0 runs"
    )
    assert not page.locator("#controls").is_visible()


def test_a_study_of_one_run_and_two_classes(tmp_path, open_page):
    study = GalleryStudy(
        tmp_path,
        n=261,  # so many that its numbers need more room than their differences
        shape=(8, 8, 3),
        classes=("no", "yes"),
        models=("a",),
        combos=("v1",),
        seeds=(1,),
        strength=0.5,
    )
    ranking = study.folder / "hard_examples.csv"
    ranking.write_text(ranking.read_text().replace(",test,", ",train,"))
    study.build()
    page = open_page(study.page)
    listed = study.listed()
    assert shown_count(page) == len(listed)
    shown = first_ids(page, 999)
    assert shown == listed["image_id"][: len(shown)].tolist() and max(shown) > 255
    assert (pixels(page, "[role=gridcell] canvas") == study.images[listed["image_id"][0]]).all()
    assert page.locator("[name=class]").is_visible()
    assert not page.locator("[name=source_split]").is_visible()  # one value is nothing to choose
    page.locator("[role=gridcell]").first.click()
    page.locator("dialog[open]").wait_for()
    assert page.locator("#dossier tbody tr").count() == 1


def test_names_of_classes_never_become_elements(gallery, study):
    assert gallery.locator("b").count() == 0
    assert json.loads(gallery.locator("#study").evaluate("each => each.textContent"))[
        "classes"
    ] == list(CLASSES)
    assert pd.Series(gallery.locator("[name=class] option").all_inner_texts()).tolist() == [
        "any",
        *CLASSES,
    ]


def test_a_verdict_given_while_its_image_is_opened_is_the_one_that_is_shown(gallery):
    gallery.locator("[role=gridcell]").first.focus()
    gallery.evaluate("""for (const key of ["w", "Enter"]) {
      const pressed = new KeyboardEvent("keydown", { key, bubbles: true });
      document.activeElement.dispatchEvent(pressed);
    }""")
    gallery.locator("dialog[open]").wait_for()
    gallery.locator("#n-verdicts", has_text="1 marked").wait_for()
    assert gallery.get_by_label("Your verdict", exact=True).input_value() == "wrong label"
    assert gallery.get_by_label("The right label").is_visible()


def test_verdicts_are_given_by_key_kept_saved_and_loaded(gallery, study, open_page, tmp_path):
    listed = study.listed().set_index("image_id")
    ids = first_ids(gallery, 4)
    gallery.locator("[role=gridcell]").first.focus()
    for key in ("w", "f", "a", "x"):
        gallery.keyboard.press(key)
        gallery.keyboard.press("ArrowRight")
    gallery.keyboard.press("Home")
    gallery.keyboard.press("Enter")
    gallery.locator("dialog[open]").wait_for()
    right = gallery.get_by_label("The right label")
    assert right.input_value() == listed["other_class"][ids[0]]
    wanted = next(
        name
        for name in CLASSES
        if name not in listed.loc[ids[0], ["class", "other_class"]].tolist()
    )
    right.select_option(wanted)
    gallery.keyboard.press("Escape")
    gallery.locator("#who").fill('me, "A"')
    with gallery.expect_download() as download:
        gallery.locator("#save").click()
    download.value.save_as(tmp_path / "verdicts.csv")
    saved = pd.read_csv(tmp_path / "verdicts.csv", keep_default_na=False, encoding="utf-8-sig")
    saved = saved.set_index("image_id").loc[ids]
    assert saved["verdict"].tolist() == ["wrong label", "fine", "ambiguous", "leave out"]
    assert saved["label"].tolist() == [wanted, "", "", ""]
    assert saved["file"].tolist() == listed.loc[ids, "file"].tolist()
    assert set(saved["who"]) == {'me, "A"'}
    assert saved["sha256"].tolist() == [
        hashlib.sha256(study.images[i].tobytes()).hexdigest() for i in ids
    ]
    index = read_index(study.folder / "index.csv")
    assert len(read_verdicts(tmp_path / "verdicts.csv", index)) == 4

    gallery.reload()  # they are kept
    gallery.locator("[name=marked]").check()
    assert sorted(first_ids(gallery, 9)) == sorted(ids) and shown_count(gallery) == 4
    gallery.evaluate("localStorage.clear()")
    again = open_page(study.page)
    again.locator("#n-verdicts", has_text="0 marked").wait_for()
    again.locator("#load").set_input_files(tmp_path / "verdicts.csv")
    cell = again.locator(f"[aria-label^='Image {ids[0]}:']")
    cell.get_by_text(f"✗ is {wanted}").wait_for()
    again.locator("#n-verdicts", has_text="4 marked").wait_for()
    assert again.locator("#who").input_value() == ""  # whoever reads on may be another
    cell.focus()
    again.keyboard.press("u")
    again.locator("#n-verdicts", has_text="3 marked").wait_for()


@pytest.mark.parametrize(
    "fault",
    [
        f"Storage.prototype.setItem = () => {{ {FULL}; }}; 0",
        f"Object.defineProperty(window, 'localStorage', {{ get() {{ {FULL}; }} }})",
    ],
    ids=["no room left", "no store"],
)
def test_a_reader_is_told_where_the_browser_keeps_no_verdicts(gallery, fault):
    note = gallery.locator("#not-kept")
    assert not note.is_visible()
    gallery.evaluate(fault)
    gallery.locator("[role=gridcell]").first.focus()
    gallery.keyboard.press("f")
    note.wait_for()
    asked = []
    gallery.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    gallery.evaluate("location.reload()")
    gallery.wait_for_timeout(500)
    assert asked == ["beforeunload"] and note.is_visible()  # the reader stays
    saved_verdicts(gallery)
    gallery.reload()  # nothing is asked any more
    assert asked == ["beforeunload"]


def test_a_file_that_is_no_table_of_verdicts_is_named(gallery, tmp_path):
    (tmp_path / "notes.csv").write_text("1,a.png,,fine,,me,\n")
    gallery.locator("#load").set_input_files(tmp_path / "notes.csv")
    text = "0 marked; notes.csv is no table of verdicts: its first line lacks file and verdict"
    gallery.locator("#n-verdicts", has_text=text).wait_for()


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_lines_on_other_images_and_of_other_people_are_saved_again(gallery, study, tmp_path, mark):
    shown = first_ids(gallery, 1)[0]
    label = study.listed().set_index("image_id").loc[shown, "class"]
    lines = [
        "image_id,file,sha256,verdict,label,who,when",
        f"{shown},<{shown}>.png,,wrong label,{label},me,",  # as after it was corrected
        f"{shown},<{shown}>.png,,fine,,she,",
        "0,elsewhere.png,00,leave out,,you,then",
        "0,odd.png,,wrong label,owl,,",
        "0,odd.png,,toString,,,",
    ]
    (tmp_path / "verdicts.csv").write_text("\n".join(lines).replace(",", mark) + "\n")
    gallery.locator("#who").fill("another")
    gallery.locator("#load").set_input_files(tmp_path / "verdicts.csv")
    text = (
        "1 marked, and 2 that are not shown here; lines without a verdict or class of this study: 2"
    )
    gallery.locator("#n-verdicts", has_text=text).wait_for()
    gallery.reload()
    with gallery.expect_download() as download:
        gallery.locator("#save").click()
    saved = pd.read_csv(download.value.path(), keep_default_na=False, encoding="utf-8-sig")
    assert saved["file"].tolist() == [*[f"<{shown}>.png"] * 2, "elsewhere.png"]
    assert saved["label"].tolist() == [label, "", ""]
    assert saved["who"].tolist() == ["me", "she", "you"]


@pytest.mark.parametrize("width", [1280, 360])
def test_two_images_stand_side_by_side_and_a_link_brings_them_back(
    gallery, open_page, study, width
):
    gallery.set_viewport_size({"width": width, "height": 800})
    first, second = first_ids(gallery, 2)
    gallery.locator("[role=gridcell]").first.focus()
    for key, then in (("Enter", "Keep beside"), ("s", "Kept"), ("ArrowRight", "Drop image")):
        gallery.keyboard.press(key)
        gallery.locator("dialog[open] #beside", has_text=then).wait_for()
    sides = gallery.locator(".sides canvas")
    sides.nth(1).wait_for()
    boxes = [side.bounding_box() for side in sides.all()]
    assert boxes[0]["y"] == boxes[1]["y"] and boxes[0]["x"] < boxes[1]["x"]
    for number, image in enumerate((first, second)):
        shown = pixels(gallery, f".sides section:nth-child({number + 1}) canvas")
        assert (shown == study.images[image]).all()
    wide = "(() => { const d = document.getElementById('dossier');"
    assert gallery.evaluate(f"{wide} return d.scrollWidth - d.clientWidth; }})()") <= 0
    gallery.context.grant_permissions(["clipboard-read", "clipboard-write"])
    gallery.locator("#dossier .copy").click()
    gallery.locator("#dossier .copy", has_text="Link copied").wait_for()
    gallery.evaluate("Object.defineProperty(navigator, 'clipboard', {configurable: true})")
    gallery.locator("#dossier .copy").click()
    gallery.locator("#dossier .copy", has_text="Copy it from the address bar").wait_for()
    gallery.evaluate("delete navigator.clipboard")
    again = open_page(study.page)
    again.goto(gallery.evaluate("navigator.clipboard.readText()"))
    again.reload()
    again.locator(".sides").wait_for()
    assert f"Image {second}:" in again.locator("#dossier-title").inner_text()
    again.keyboard.press("s")
    again.locator(".sides").wait_for(state="detached")
    assert "beside" not in again.url


def test_of_images_with_one_file_the_picture_or_the_image_id_tells(tmp_path, open_page):
    study = GalleryStudy(tmp_path / "twins", n=120, seeds=(1,), models=("a",))
    for name in ("index.csv", "hard_examples.csv"):
        path = study.folder / name
        path.write_text(re.sub(r"<\d+>.png", "0.png", path.read_text()))
    study.build()
    page = open_page(study.page)
    by_id, by_content, *_ = first_ids(page, 4)
    content = hashlib.sha256(study.images[by_content].tobytes()).hexdigest()
    lines = [
        "image_id,file,sha256,verdict,label,who,when",
        f"{by_id},0.png,,fine,,me,",
        f"9999,0.png,{content},ambiguous,,me,",
        "9998,0.png,00,leave out,,me,",
        "9997,0.png,,leave out,,me,",
    ]
    (tmp_path / "verdicts.csv").write_text("\n".join(lines) + "\n")
    page.locator("#load").set_input_files(tmp_path / "verdicts.csv")
    text = "2 marked, and 2 that are not shown here"
    page.locator("#n-verdicts", has_text=text).wait_for(timeout=5000)
    for image_id, mark in ((by_id, "fine"), (by_content, "ambiguous")):
        page.locator(f"[aria-label^='Image {image_id}:'][aria-label*='you say']").get_by_text(
            mark
        ).wait_for(timeout=5000)


def saved_verdicts(page) -> pd.DataFrame:
    """Save the verdicts of a page, and return them."""
    with page.expect_download() as download:
        page.locator("#save").click()
    return pd.read_csv(download.value.path(), keep_default_na=False, encoding="utf-8-sig")


def press(page, image: int, key: str) -> None:
    """Find an image, and press a key on it."""
    page.locator("[name=find]").fill(f"{image}")
    page.locator("#count", has_text="1 found by number").wait_for()
    settled(page)
    page.locator(f"[aria-label^='Image {image}:']").focus()
    page.keyboard.press(key)


def verdict_table(path, *lines: str):
    """Write a table of lines `image_id,verdict,label,who,when`, and return its path."""
    rows = (line.split(",") for line in lines)
    table = [f"{i},<{i}>.png,,{','.join(said)}" for i, *said in rows]
    path.write_text("\n".join(["image_id,file,sha256,verdict,label,who,when", *table]) + "\n")
    return path


def test_what_two_people_say_stays_what_each_of_them_said(gallery, tmp_path):
    first, second, third = first_ids(gallery, 3)
    gallery.locator("[role=gridcell]").first.focus()
    gallery.keyboard.press("f")  # before there is a name
    lines = (f"{first},leave out,,carol,2030", f"{second},fine,,carol,2030")
    gallery.locator("#load").set_input_files(verdict_table(tmp_path / "hers.csv", *lines))
    gallery.locator("#n-verdicts", has_text="2 marked, and 1 that").wait_for()
    gallery.locator("#who").fill("bob")
    press(gallery, third, "a")
    said = saved_verdicts(gallery)
    assert sorted(zip(said["image_id"], said["verdict"], said["who"], strict=True)) == sorted([
        (first, "fine", "bob"), (first, "leave out", "carol"),
        (second, "fine", "carol"), (third, "ambiguous", "bob"),
    ])  # fmt: skip
    lines = (f"{first},ambiguous,,bob,2001", f"{third},fine,,bob,")  # older, and without a time
    gallery.locator("#load").set_input_files(verdict_table(tmp_path / "mine.csv", *lines))
    gallery.locator(f"[aria-label^='Image {third}:'][aria-label$='fine']").wait_for()
    gallery.locator("[name=find]").fill(f"{first}")
    gallery.locator(f"[aria-label^='Image {first}:'][aria-label$='fine']").wait_for()


def nothing_marked(page) -> None:
    """Wait until a page has no line of anybody."""
    page.locator("#n-verdicts", has_text=re.compile("^0 marked$")).wait_for(timeout=5000)


def test_no_verdict_is_none_of_anybody(gallery, tmp_path):
    image = first_ids(gallery, 1)[0]
    lines = (f"{image},fine,,bob,", f"{image},leave out,,carol,", f"{image},ambiguous,,,")
    gallery.locator("#load").set_input_files(verdict_table(tmp_path / "theirs.csv", *lines))
    gallery.locator("#n-verdicts", has_text="1 marked, and 2 that").wait_for()
    press(gallery, image, "u")
    nothing_marked(gallery)
    gallery.reload()
    nothing_marked(gallery)


@pytest.mark.parametrize("holds", ["bob", "carol", "nobody"])
def test_a_line_that_was_removed_from_the_file_does_not_come_back(tmp_path, open_page, holds):
    study = GalleryStudy(tmp_path / "removed", n=120, seeds=(1,), models=("a",))
    study.build()
    page, table = open_page(study.page), study.folder / "verdicts.csv"
    image, other = first_ids(page, 2)
    page.locator("#who").fill("bob")
    press(page, image, "f")
    hers = verdict_table(table, f"{image},leave out,,carol,2030")
    page.locator("#load").set_input_files(hers)
    page.locator("#n-verdicts", has_text="1 marked, and 1 that").wait_for()
    said = saved_verdicts(page)
    assert said["who"].tolist() == ["bob", "carol"]
    press(page, other, "a")  # of this no file knows
    page.locator("#n-verdicts", has_text="2 marked, and 1 that").wait_for()
    page.close()
    if holds == "nobody":  # as the file would be where the name was typed after it was saved
        said = said.replace({"who": {"bob": ""}})
    said[said["who"] == holds.replace("nobody", "")].to_csv(table, index=False)
    study.build("--verdicts", table)
    said = saved_verdicts(open_page(study.page)).set_index("image_id")["who"]
    assert said.to_dict() == {image: holds.replace("nobody", ""), other: "bob"}
    assert len(said) == 2


def test_a_correction_that_was_undone_stays_so_after_the_gallery_before_it(tmp_path, open_page):
    study = GalleryStudy(tmp_path / "undone", n=120, seeds=(1,), models=("a",))
    study.build()
    before = study.page.rename(study.folder / "before.html")
    image = study.listed()["image_id"].iloc[0]
    table = verdict_table(study.folder / "verdicts.csv", f"{image},ambiguous,,me,")
    study.build("--verdicts", table)
    page = open_page(study.page)
    press(page, image, "u")
    nothing_marked(page)
    page.evaluate("""for (const [key, text] of Object.entries(localStorage)) {
      const kept = JSON.parse(text);
      localStorage[key] = JSON.stringify({ ...kept, taken: `${kept.taken}` }); // as it once was
    }""")
    page.reload()
    nothing_marked(page)
    for path in (before, study.page):
        page.goto(path.as_uri())
        nothing_marked(page)


def test_marks_outlast_a_gallery_of_other_images_and_another_order(tmp_path, open_page):
    study = GalleryStudy(tmp_path / "again", n=120, seeds=(1,), models=("a",))
    ranking, top = (study.folder / name for name in ("hard_examples.csv", "top.csv"))
    table, shown = pd.read_csv(ranking, keep_default_na=False), pd.read_csv(top)
    easy = int(table["image_id"][~table["image_id"].isin(study.listed()["image_id"])].iloc[-1])
    shown.iloc[[0]].assign(image_id=easy).to_csv(top, index=False)
    study.build()
    page = open_page(study.page)
    first, last = first_ids(page, 1)[0], easy
    for image in (first, last):
        press(page, image, "f")
    page.locator("#n-verdicts", has_text="2 marked").wait_for()
    page.close()
    table.iloc[::-1].to_csv(ranking, index=False)  # such as another seed makes it
    shown.to_csv(top, index=False)
    other = int(study.listed()["image_id"].iloc[0])
    lines = (f"{other},ambiguous,,she,", f"{first},wrong label,cat,she,")
    study.build("--verdicts", verdict_table(study.folder / "verdicts.csv", *lines))
    page = open_page(study.page)
    page.locator("#n-verdicts", has_text="2 marked, and 2 that are not shown here").wait_for()
    said = saved_verdicts(page).set_index(["image_id", "who"])["verdict"]
    assert said[first].to_dict() == {"": "fine", "she": "wrong label"}
    assert said[last].to_dict() == {"": "fine"} and said[other].to_dict() == {"she": "ambiguous"}
    press(page, other, "u")
    page.locator("#n-verdicts", has_text="1 marked").wait_for()
    page.reload()
    page.locator("#n-verdicts", has_text="1 marked").wait_for()  # the table is taken in once


def test_a_corrected_label_that_is_found_fine_stays_corrected(tmp_path, open_page):
    study = GalleryStudy(tmp_path / "corrected", n=120, seeds=(1,), models=("a",))
    study.look_again()
    row = study.listed().iloc[0]
    image, given = int(row["image_id"]), row["class"]
    label = next(name for name in CLASSES if name not in (given, row["other_class"]))
    study.correct({image: CLASSES.index(label)})
    line = f"{image},wrong label,{label},me,"
    study.build("--verdicts", verdict_table(study.folder / "verdicts.csv", line))
    page = open_page(study.page)
    settled(page)
    cell = page.locator(f"[aria-label^='Image {image}: {label},']")
    cell.get_by_text(f"✓ is {label}").wait_for()
    for key, verdict, right in (("f", "wrong label", label), ("x", "leave out", "")):
        press(page, image, key)
        said = saved_verdicts(page)
        assert said[["verdict", "label"]].to_numpy().tolist() == [[verdict, right]]
    cell.click()
    page.locator("dialog[open] .verdict").wait_for()
    facts = page.locator("#dossier dl").first.inner_text()
    assert re.search(rf"Label as given\s+{re.escape(given)}", facts)
    assert "Not known: the label was corrected" in page.locator("#dossier .near").inner_text()
    page.get_by_label("Your verdict", exact=True).select_option("wrong label")
    page.get_by_label("The right label").select_option(given)  # it was right
    page.keyboard.press("Escape")
    cell.get_by_text(f"✗ is {given}").wait_for()
    assert saved_verdicts(page)["verdict"].tolist() == ["fine"]
