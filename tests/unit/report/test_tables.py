"""Tables as pages."""

import numpy as np
import pandas as pd

from study.report.tables import html_page


def test_a_page_escapes_text_and_shows_images_and_missing_values():
    table = pd.DataFrame(
        {"name": ["<script>alert(1)</script>", "b"], "x": [0.123456, float("nan")], "n": [3, 4]}
    )
    images = [np.zeros((32, 32, 3), np.uint8)] * 2
    page = html_page(table, "A & B", "one < two", images, of="claims.csv")
    assert "<script>alert" not in page and "&lt;script&gt;" in page and "A &amp; B" in page
    assert "0.1235" in page and "–" in page and ">3<" in page
    assert page.count("data:image/png;base64,") == 2
    assert "http" not in page


def test_a_page_shows_numbers_rounded_and_keeps_them_in_full():
    table = pd.DataFrame(
        {"p": [0.000012345, 0.62788888888], "n": [79690, 3], "seconds": [88.701, -np.inf]}
    )
    page = html_page(table, "", "", of="claims.csv")
    assert '<td class="number" data-value="1.2345e-05">1.2e-05</td>' in page
    assert '<td class="number" data-value="0.62788888888">0.6279</td>' in page
    assert (
        '<td class="number" data-value="79690">79,690</td>' in page
        and '<td class="number" data-value="">–</td>' in page
    )
