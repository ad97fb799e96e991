"""The start page of the report says what it is given, in text that the report can read."""

import numpy as np
import pytest
from docutils.core import publish_parts
from jinja2 import Environment

from study.report.findings import Finding
from study.report.start_page import (
    computed_with,
    configuration,
    data,
    literal,
    plain,
    start_page,
    table,
)


class Category:
    def __init__(self, name):
        self.name = name


def shown(page: str, chapters: tuple[str, ...]) -> str:
    """Return the HTML that Snakemake's report makes of a start page."""
    text = Environment(trim_blocks=True, lstrip_blocks=True).from_string(page)
    return publish_parts(
        text.render(categories=[Category(name) for name in chapters]), writer_name="html"
    )["html_body"]


HOSTILE = "*a* `b`_ c_ |d| {{ e }} {% f %} \\g <b>"


def test_the_report_shows_the_start_page_as_it_was_meant():
    findings = [
        Finding("Best", f"72.9 % {HOSTILE}", "Results"),
        Finding("Other", "more", "Hard examples"),
    ]
    sections = {
        "Configuration": configuration({"claims": HOSTILE, "overrides": {}}),
        "Table": table(["x"], [[HOSTILE], ["- y"]]),
    }
    page = shown(
        start_page(f"Title {HOSTILE}", "Question?", findings, sections),
        ("1. Results", "3. Comparisons"),
    )
    assert "system-message" not in page and "problematic" not in page
    assert page.count("*a* `b`_ c_ |d| {{ e }} {% f %} \\g &lt;b&gt;") == 4
    assert "overrides: {}" in page
    assert """app.showCategory('1.%20Results')&quot;))">1. Results</a>""" in page
    assert "(Hard examples)" in page  # a partial report lacks that chapter


def test_the_data_are_told_with_their_near_duplicates_and_unusable_files():
    manifest = {
        "dataset": "birds",
        "images": [9, 8, 8, 3],
        "classes": ["a", "b"],
        "sha256": {"images.npy": "0f"},
    }
    partitions = {"v1": {"seed": 1, "size": 9, "class_counts": {"a": 4, "b": 5}}}
    text = data(
        manifest, partitions, {"v1": 6}, np.array([[0, 2], [0, 5]]), {"unusable": 4, "converted": 3}
    )
    assert "birds: 9 images of 8×8 pixels, colour, 2 classes (a, b)." in text
    assert "Nearly the same as another image: 3 images, in 2 pairs." in text
    assert "data/problems.csv has reasons for: 4 unusable, 3 converted." in text
    assert "problems.csv" not in data(manifest, partitions, {"v1": 6}, np.empty((0, 2), int), {})


def test_machines_and_versions_are_told_apart():
    record = {"device": "cpu", "threads": 1, "total_seconds": 3600, "peak_memory_mb": 10}
    record |= {"machine": {"cpu": "A", "cpus": 2, "system": "Linux", "architecture": "x86_64"}}
    records = [record | {"versions": {"torch": version}} for version in ("2.1", "2.1", "2.2")]
    text = computed_with(records)
    assert "torch 2.1 (2 runs)" in text and "torch 2.2 (1 run)" in text and "3.0 hours" in text


@pytest.mark.parametrize(
    "text",
    [
        "- a",
        "1. a",
        "* a",
        ".. a::",
        ":a: b",
        "a::",
        "+ a",
        "=====",
        "> a",
        "# a",
        "(a) b",
        "| a",
        "'a'",
        "A. b",
    ],
)
def test_plain_text_is_never_markup(text):
    page = shown(f"{plain(text)}\n\n{literal(text)}", ())
    assert f"<p>{text.replace('>', '&gt;')}</p>" in page.replace("\u2019", "'")
    assert "system-message" not in page and "<li>" not in page
