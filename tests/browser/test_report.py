"""The report of a finished study as a person opens it: one file, no network."""

import re

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.workflow]

CHAPTERS = ["1. Results", "2. Comparisons", "3. Hard examples", "4. Models", "5. Runs", "6. Data"]


@pytest.fixture
def report(finished, open_page):
    """The report, opened on its start page."""
    path = finished.folder / "report.html"
    if not path.exists():
        finished.succeeds("--report")
    page = open_page(path)
    page.locator("#rulegraph svg, #rulegraph canvas").first.wait_for()
    return page


def menu(page):
    return page.get_by_role("navigation").first


def open_chapter(page, chapter):
    """Open a chapter from the menu."""
    page.evaluate("app.setView({navbarMode: 'menu'})")
    menu(page).get_by_text(chapter, exact=True).click()
    menu(page).locator("tbody tr").first.wait_for()


def open_item(page, chapter, words):
    """Open an item of the report by words of its labels."""
    open_chapter(page, chapter)
    menu(page).locator("tbody tr").filter(has_text=words).locator("a").first.click()


def test_the_start_page_says_what_was_found_and_how_to_make_it_again(report, finished):
    start = report.locator(".prose")
    text = start.inner_text()
    for words in (
        "How much do the data partition, the seed and the model matter",
        "Best on the common test. cnn2 on ",
        "1 difference of accuracy",
        "v1+v2 has 141 training images; v1 has 70. v1+v2 with cnn2: minus v1 ",
        "360 images of 32×32 pixels",
        "snakemake --cores 4 --resources gpu=1",
        "torch ",
        "13,018",  # parameters
    ):
        assert words in text, words
    for key in finished.study.keys() - {
        "storage"
    }:  # where results are kept is no part of what they are
        assert f"\n{key}:" in text, key
    assert start.locator(".system-message, .problematic").count() == 0
    # All of it can be scrolled to and read, also in a narrow window.
    for width in (1280, 700):
        report.set_viewport_size({"width": width, "height": 800})
        title = start.locator("h1").first.bounding_box()
        assert title["y"] >= 0 and title["x"] >= menu(report).bounding_box()["width"]
    start.get_by_role("link", name="2. Comparisons").first.click()
    menu(report).get_by_text("differences of accuracy, table").wait_for()
    start.get_by_role("link", name="3. Hard examples").first.click()
    menu(report).get_by_text("hardest images, table").wait_for()


def test_every_chapter_opens_in_the_order_of_reading(report):
    items = menu(report).locator("li").all_inner_texts()
    assert [text for text in items if text[:1].isdigit()] == CHAPTERS
    for chapter in CHAPTERS:
        open_chapter(report, chapter)
    open_chapter(report, "5. Runs")
    assert {"COMBO", "MODEL", "SEED"} <= set(re.findall(r"\w+", menu(report).inner_text().upper()))


def test_a_figure_opens(report):
    open_item(report, "1. Results", "accuracy by combo, figure")
    image = report.locator("img[src^='data:image/svg']").last
    image.wait_for()
    assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 300


def test_a_table_in_the_report_sorts_and_copies_though_its_frame_is_denied_the_clipboard(report):
    open_item(report, "1. Results", "all runs, table")
    table = report.frame_locator("iframe")
    table.get_by_role("button", name="common_test_accuracy").click()
    accuracies = [float(text) for text in table.locator("tbody td:nth-child(7)").all_inner_texts()]
    assert accuracies == sorted(accuracies) and len(accuracies) == 4
    table.get_by_role("button", name="CSV").click()
    assert table.locator("#message").inner_text() == "Copied 4 rows as CSV"
    table.get_by_label("Filter").press("Control+V")
    assert table.get_by_label("Filter").input_value().startswith("combo,model,seed,status")
