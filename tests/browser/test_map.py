"""The map of the gallery: what lies where, what a dot is, and what is drawn around."""

import re

import numpy as np
import pandas as pd
import pytest
from gallery_study import GalleryStudy

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study of two heaps of images, and one image that is like no other."""
    random = np.random.default_rng(0)
    features = random.random((600, 20)) * 0.2
    features[::2, :10] += 1
    features[1::2, 10:] += 1
    features[411] = 0
    features[411, 3] = 1
    folder = tmp_path_factory.mktemp("map")
    study = GalleryStudy(folder, strength=1, features=features.astype(np.float16))
    study.build()
    return study


@pytest.fixture
def opened(study, open_page):
    page = open_page(study.page)
    page.locator("#grid[aria-busy=false]").wait_for(state="attached")
    page.locator("#map summary").click()
    page.locator("#plane[aria-label]").wait_for()
    return page


def places(study) -> pd.DataFrame:
    """Return where each listed image lies, 0 to 1 from the left and from the top."""
    table = study.listed().set_index("image_id")
    x, y = (table[f"map_{axis}"] for axis in "xy")
    whole = pd.DataFrame({"x": (x - x.min()) / (x.max() - x.min())})
    return whole.assign(y=1 - (y - y.min()) / (y.max() - y.min()))


def on_page(page, x: float, y: float) -> tuple[float, float]:
    box = page.locator("#plane").bounding_box()
    return box["x"] + x * box["width"], box["y"] + y * box["height"]


def draw_around(page, corners) -> None:
    page.locator("#plane").scroll_into_view_if_needed()
    page.mouse.move(*on_page(page, *corners[0]))
    page.mouse.down()
    for corner in [*corners[1:], corners[0]]:
        page.mouse.move(*on_page(page, *corner), steps=4)
    page.mouse.up()


def test_what_is_drawn_around_is_shown_and_the_address_keeps_it(study, opened, open_page):
    where = places(study)
    left = where[where["x"] < 0.5]
    assert 50 < len(left) < len(where) - 50  # one heap of the two
    draw_around(opened, [(0, 0), (0.5, 0), (0.5, 1), (0, 1)])
    count = f"{len(left)} of {len(where)} images"
    opened.get_by_text(count).wait_for()
    again = open_page(study.page)
    again.goto(opened.url)
    again.get_by_text(count).wait_for()
    opened.get_by_role("button", name="Show all").click()
    opened.get_by_text(f"{len(where)} of {len(where)} images").wait_for()


def test_a_dot_says_which_image_it_is_and_opens_it(study, opened):
    where = places(study)
    alone = where.loc[411]  # like no other, so no dot lies near
    opened.locator("#plane").scroll_into_view_if_needed()
    opened.mouse.move(*on_page(opened, *alone))
    assert opened.locator("#pointed").inner_text().strip().startswith("411: ")
    opened.mouse.click(*on_page(opened, *alone))
    opened.locator("dialog[open]").wait_for()
    assert opened.locator("#dossier-title").inner_text().startswith("Image 411:")
    assert "By the features of net" in opened.locator("#dossier-body").inner_text()
    score = opened.locator("dt", has_text=re.compile("^outlier_distance$"))
    assert score.count() == 1


def test_the_outlier_comes_first_and_nonsense_in_the_address_shows_all(study, open_page):
    page = open_page(study.page)
    page.locator("#grid[aria-busy=false]").wait_for(state="attached")
    page.goto(f"{study.page.as_uri()}#sort=outlier_distance&area=x,1,,1e999,3")
    page.reload()
    page.locator("[role=gridcell][aria-label]").first.wait_for()
    assert (
        page.locator("[role=gridcell]").first.get_attribute("aria-label").startswith("Image 411:")
    )
    assert f"{len(study.listed())} of" in page.locator("#count").inner_text()
