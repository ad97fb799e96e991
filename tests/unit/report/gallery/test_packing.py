"""What rounding does to numbers, and images side by side."""

import base64
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from study.report.gallery.packing import image_part, quantised, sheet


@given(st.lists(st.one_of(st.none(), st.floats(-1e4, 1e4)), max_size=40))
def test_scores_are_off_by_half_a_step_at_most_and_missing_ones_stay_missing(values):
    exact = np.array([np.nan if value is None else value for value in values], np.float64)
    codes, scale = quantised(exact)
    missing = codes == np.iinfo(codes.dtype).max
    assert (missing == np.isnan(exact)).all()
    near = scale.low + scale.step * codes[~missing].astype(float)
    assert np.abs(near - exact[~missing]).max(initial=0) <= scale.step * 0.5001
    spread = np.ptp(exact[~missing]) if (~missing).any() else 0
    assert scale.step == 1 or scale.step <= max(spread / 65000, 0)


@pytest.mark.parametrize("values", [[0, 1, 1], [0, 59_999, 7], [2**20, 3, 5], [7, 7]])
def test_whole_numbers_stay_exact(values):
    codes, scale = quantised(np.array(values, float))
    assert (scale.low + scale.step * codes.astype(float)).tolist() == values and scale.decimals == 0


def test_sheets_hold_the_images_in_rows():
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 6, 3), dtype=np.uint8)
    part = image_part("sheet-0", sheet(images, 3), None)
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(part.text))))
    assert pixels.shape == (8, 18, 3)
    for i, image in enumerate(images):
        y, x = 4 * (i // 3), 6 * (i % 3)
        assert (pixels[y : y + 4, x : x + 6] == image).all()
