"""Pages with a table: what a reader can do by mouse, by keys, in the dark and without scripts."""

import numpy as np
import pandas as pd
import pytest

from study.report.glossary import meaning
from study.report.tables import html_page

pytestmark = pytest.mark.browser

TABLE = pd.DataFrame(
    {
        "combo": ["v1", "v1", "v10", "v2"],
        "model": ["a_b", "c", "a_b", "c"],
        "seed": [42, 100, 42, 100],
        "accuracy": [0.123456789, np.nan, 0.000012, 12.5],
        "share": ["9 %", "100 %", "20.5 %", "20 %"],
        "note": ["50 % & {x}", 'say "a, b"', "a|b", "~^\\#$_"],
    }
)


@pytest.fixture
def open_table(open_page, tmp_path):
    """Return a function that writes a table as a page and opens it."""

    def open_it(table=TABLE, **options):
        path = tmp_path / "table.html"
        path.write_text(
            html_page(table, "Title", "What it is.", of="summary.csv", **options), encoding="utf-8"
        )
        return open_page(path)

    return open_it


def shown(page, column=None) -> list[str]:
    """Return the texts of a column, or the rows' joined texts, of the rows that are shown."""
    rows = page.locator("tbody tr:visible")
    if column is None:
        return rows.all_inner_texts()
    place = TABLE.columns.get_loc(column) + 1
    return rows.locator(f"td:nth-child({place})").all_inner_texts()


def head(page, column):
    return page.locator("thead th").filter(has=page.get_by_role("button", name=column, exact=True))


def test_a_heading_sorts_up_down_and_back_with_numbers_as_numbers_and_missing_values_last(
    open_table,
):
    page = open_table()
    button = head(page, "accuracy").get_by_role("button")
    button.click()
    assert shown(page, "accuracy") == ["1.2e-05", "0.1235", "12.5", "–"]
    assert head(page, "accuracy").get_attribute("aria-sort") == "ascending"
    button.focus()
    page.keyboard.press("Enter")
    assert shown(page, "accuracy") == ["12.5", "0.1235", "1.2e-05", "–"]
    assert head(page, "accuracy").get_attribute("aria-sort") == "descending"
    page.keyboard.press("Enter")
    assert shown(page, "combo") == TABLE["combo"].tolist()
    assert head(page, "accuracy").get_attribute("aria-sort") == "none"


def test_numbers_with_units_and_within_names_sort_as_numbers(open_table):
    page = open_table()
    head(page, "share").get_by_role("button").click()
    assert shown(page, "share") == ["9 %", "20 %", "20.5 %", "100 %"]
    head(page, "combo").get_by_role("button").click()
    assert shown(page, "combo") == ["v1", "v1", "v2", "v10"]
    assert head(page, "share").get_attribute("aria-sort") == "none"


def test_words_and_choices_narrow_the_rows_and_the_count_says_how_far(open_table):
    page = open_table()
    assert page.locator("#count").inner_text() == "4 rows"
    page.get_by_label("Filter").fill("V1 a_b")
    assert (
        shown(page, "combo") == ["v1", "v10"]
        and page.locator("#count").inner_text() == "2 of 4 rows"
    )
    page.get_by_label("combo").select_option("v10")
    assert shown(page, "combo") == ["v10"]
    page.get_by_label("Filter").fill("")
    page.get_by_label("combo").select_option("all")
    page.get_by_label("seed").select_option("100")
    assert shown(page, "seed") == ["100", "100"]
    # Each column of names has a menu, except where every row differs. Numbers have none.
    assert page.locator("#choices select").count() == 3


def copied(page, format_name) -> str:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name=format_name).click()
    page.locator("#message:not(:empty)").wait_for()
    return page.evaluate("navigator.clipboard.readText()")


def test_what_is_shown_is_copied_as_csv_in_full_precision(open_table, tmp_path):
    page = open_table()
    head(page, "accuracy").get_by_role("button").click()
    page.get_by_label("model").select_option("a_b")
    text = copied(page, "CSV")
    (tmp_path / "copied.csv").write_text(text)
    table = pd.read_csv(tmp_path / "copied.csv")
    pd.testing.assert_frame_equal(table, TABLE.iloc[[2, 0]].reset_index(drop=True))
    page.get_by_label("model").select_option("c")
    assert '100,,100 %,"say ""a, b"""\n' in copied(page, "CSV")
    assert page.locator("#message").inner_text() == "Copied 2 rows as CSV"


def test_what_is_shown_is_copied_as_markdown_and_latex(open_table):
    page = open_table()
    markdown = copied(page, "Markdown").splitlines()
    assert markdown[0] == "| combo | model | seed | accuracy | share | note |"
    assert markdown[1] == "| --- | --- | ---: | ---: | --- | --- |"
    assert markdown[4] == r"| v10 | a\_b | 42 | 1.2e-05 | 20.5 % | a\|b |" and len(markdown) == 6
    latex = copied(page, "LaTeX").splitlines()
    assert latex[:3] == [
        r"\begin{tabular}{llrrll}", r"\toprule",
        r"combo & model & seed & accuracy & share & note \\",
    ]  # fmt: skip
    assert latex[4] == r"v1 & a\_b & 42 & 0.1235 & 9 \% & 50 \% \& \{x\} \\"
    assert (
        latex[7] == r"v2 & c & 100 & 12.5 & 20 \% "
        r"& \textasciitilde{}\textasciicircum{}\textbackslash{}\#\$\_ \\"
    )
    assert latex[-2:] == [r"\bottomrule", r"\end{tabular}"]


def test_where_the_browser_refuses_to_copy_the_text_is_laid_out_to_copy_by_hand(open_table):
    page = open_table()
    page.evaluate(
        "navigator.clipboard.writeText = () => Promise.reject(); document.execCommand = () => false"
    )
    page.get_by_role("button", name="CSV").click()
    area = page.get_by_role("dialog").get_by_role("textbox")
    assert area.input_value().startswith("combo,model,seed") and area.input_value().count("\n") == 5
    assert page.evaluate("getSelection().toString() || document.activeElement.value").startswith(
        "combo,model"
    )
    page.keyboard.press("Escape")
    assert page.get_by_role("dialog").count() == 0


def test_images_are_shown_and_left_out_of_what_is_copied(open_table):
    page = open_table(TABLE[["combo"]], images=[np.zeros((8, 8, 3), np.uint8)] * 4)
    assert page.locator("img").first.evaluate("image => image.naturalWidth") == 8
    assert copied(page, "CSV") == "combo\nv1\nv1\nv10\nv2\n"


def test_columns_beyond_the_window_are_told_of_until_they_are_seen(open_table):
    assert not open_table().get_by_text("more columns").is_visible()
    page = open_table(pd.DataFrame([[1.5] * 60], columns=[f"column_{i}" for i in range(60)]))
    hint = page.get_by_text("more columns on the right")
    assert hint.is_visible()
    page.evaluate("scrollTo(document.documentElement.scrollWidth, 0)")
    hint.wait_for(state="hidden")


def test_a_heading_says_what_its_column_means(open_table):
    button = open_table(pd.DataFrame({"nll": [1.5]})).get_by_role("button", name="nll")
    assert button.get_attribute("title").startswith(
        f"{meaning('nll', 'summary.csv')} Click to sort"
    )


def test_headings_and_the_first_column_stay_in_sight(open_table):
    wide = pd.DataFrame({f"column_{i}": range(200) for i in range(40)})
    page = open_table(wide)
    page.evaluate("scrollTo(900, 900)")
    page.wait_for_timeout(100)
    box = page.locator("th").first.bounding_box()
    assert abs(box["x"]) < 30 and abs(box["y"]) < 2
    assert page.locator("h1").bounding_box()["x"] >= 0


CONTRAST = """element => {
  const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const luminance = (colour) => {
    const [r, g, b] = channels(colour).slice(0, 3).map((c) => c / 255)
      .map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  let behind = element;
  while (channels(getComputedStyle(behind).backgroundColor)[3] === 0) behind = behind.parentElement;
  const colours = [getComputedStyle(element).color, getComputedStyle(behind).backgroundColor];
  const [a, b] = colours.map(luminance).sort((x, y) => y - x);
  return (a + 0.05) / (b + 0.05);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_can_be_read_in_the_light_and_in_the_dark(open_table, scheme):
    page = open_table()
    page.emulate_media(color_scheme=scheme)
    copied(page, "CSV")
    for text in (
        "h1",
        "p",
        "label",
        "input",
        "select",
        "#count",
        "#copy",
        "#copy button",
        "#message",
        "th button",
        "td",
    ):
        assert page.locator(text).first.evaluate(CONTRAST) >= 4.5, text
    background = page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
    assert (background == "rgb(255, 255, 255)") == (scheme == "light")


def test_without_scripts_there_is_still_the_table(browser, tmp_path):
    (tmp_path / "table.html").write_text(
        html_page(TABLE, "Title", "What it is.", of="summary.csv"), encoding="utf-8"
    )
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((tmp_path / "table.html").as_uri())
    assert page.locator("tbody tr:visible").count() == 4 and not page.locator("#tools").is_visible()
    assert page.locator("th").first.inner_text() == "combo"
    context.close()


def test_print_shows_the_table_and_not_the_tools(open_table):
    page = open_table()
    page.emulate_media(media="print", color_scheme="dark")
    assert not page.locator("#tools").is_visible() and page.locator("tbody tr:visible").count() == 4
    assert (
        page.locator("td").first.evaluate("cell => getComputedStyle(cell).backgroundColor")
        == "rgb(255, 255, 255)"
    )


def test_a_long_table_begins_with_its_first_rows_and_sorts_filters_and_copies_them_all(open_table):
    long = pd.DataFrame({"n": range(3000, 0, -1), "word": ["a", "b", "c"] * 1000})
    page = open_table(long)
    assert (
        page.locator("tbody tr:visible").count() == 500
        and page.locator("#count").inner_text() == "3000 rows"
    )
    head(page, "n").get_by_role("button").click()
    assert page.locator("tbody tr:visible").first.inner_text().split() == ["1", "c"]
    page.get_by_label("word").select_option("b")
    assert copied(page, "CSV").count("\n") == 1001
    page.get_by_role("button", name="Show all 1000").click()
    assert page.locator("tbody tr:visible").count() == 1000
    page.get_by_label("Filter").fill("2999")
    assert page.locator("tbody tr:visible").count() == 1 and not page.locator("#more").is_visible()
