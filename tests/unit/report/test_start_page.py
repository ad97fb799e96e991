"""The start page of the report says what it is given, in text that the report can read."""

import re
import tempfile
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from docutils.core import publish_parts
from jinja2 import Environment

from describe_study import outcomes
from study.errors import StudyError
from study.files import write_json
from study.report.findings import Finding
from study.report.shown_page import shown_page
from study.report.start_page import (
    again,
    computed_with,
    configuration,
    data,
    design,
    literal,
    plain,
    start_page,
    started,
    table,
)
from study.runs.metrics import NOT_MEASURED
from study.runs.run import run_of


class Category:
    def __init__(self, name):
        self.name = name


def shown(page: str, chapters: tuple[str, ...], record: str = "{}", lock: str = "0f") -> str:
    """Return the HTML that Snakemake's report makes of a start page."""
    with tempfile.TemporaryDirectory() as folder:
        paths = Path(folder, "overview.rst"), Path(folder, "study.json")
        for path, text in zip(paths, (page, record), strict=True):
            path.write_text(text)

        config = {
            "start_page": lambda categories: shown_page(
                paths[0], [category.name for category in categories], paths[1], lock
            )
        }
        template = (ROOT / "workflow/report/start_page.rst").read_text()
        text = Environment(trim_blocks=True, lstrip_blocks=True).from_string(template)
        text = text.render(
            snakemake={"config": config}, categories=[Category(name) for name in chapters]
        )
    html = publish_parts(text, writer_name="html")["html_body"]
    return html.partition("</style>")[2]


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


@pytest.mark.parametrize(
    "text",
    [
        "{{ cycler.__init__.__globals__.os.system('touch SPRUNG') }}",
        "{% for x in ().__class__.__mro__[1].__subclasses__() %}SPRUNG{% endfor %}",
        "{% endraw %}{{ 7 * 191 }}",
        ".. raw:: html\n\n   <script>SPRUNG</script>",
        ".. raw:: html\n   :file: SECRET",
        ".. include:: SECRET",
        ".. literalinclude:: SECRET",
        ".. csv-table:: t\n   :file: SECRET",
        ".. image:: SECRET.svg\n   :loading: embed",
        ".. image:: http://tracker.example/SPRUNG.png",
        ".. |x| image:: http://tracker.example/SPRUNG.png\n\n|x|",
        ".. role:: x(raw)\n   :format: html\n\n:x:`<script>SPRUNG</script>`",
        ".. meta::\n   :http-equiv=refresh: 0; url=http://tracker.example/SPRUNG",
        ".. math:: \\href{javascript:SPRUNG}{x}",
        ".. default-role:: math\n\n`\\href{javascript:SPRUNG}{x}`",
        "`click <javascript:SPRUNG()>`__",
        "`click`_\n\n.. _click: javascript:SPRUNG()",
        "javascript:SPRUNG() and http://tracker.example/SPRUNG",
        "x\u2028\u2028</div>\x0b\x0c\x1c\x85.. raw:: html\n\n   <script>SPRUNG</script>",
        "::\n\n   x\x85.. raw:: html\x85\x85   <script>SPRUNG</script>",
        "`Results <#Results')SPRUNG>`__",
    ],
)  # fmt: skip
def test_a_page_that_somebody_else_wrote_is_shown_and_does_nothing(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("SECRET", "SECRET.svg"):
        Path(name).write_text("<svg>what nobody sent</svg>")
    page = shown(f"Title\n=====\n\n{text}\n\nlast words\n", ("1. Results",))
    assert "what nobody sent" not in page and "1337" not in page and not Path("SPRUNG").exists()
    tags = re.findall("<[^>]*>", page)
    assert not [tag for tag in tags if "SPRUNG" in tag or "<script" in tag or "<img" in tag]
    assert not [tag for tag in tags if "http" in tag or "javascript" in tag]
    assert "last words" in page


def test_the_main_figure_stands_above_the_findings_as_a_picture(tmp_path):
    page = start_page("T", "Q?", [Finding("Best", "x", "Results")], {})
    (tmp_path / "page.rst").write_text(page), (tmp_path / "study.json").write_text("{}")
    given = tmp_path / "page.rst", ["1. Results"], tmp_path / "study.json", None
    (tmp_path / "f.svg").write_text(f"<svg><script>SPRUNG</script>{'x' * 20_000}</svg>")
    page = shown_page(*given, tmp_path / "f.svg")
    assert (
        page.index("Main findings")
        < page.index('src="data:image/svg+xml;base64,')
        < page.index("Best")
    )
    assert max(map(len, page.splitlines())) < 10_000  # what docutils takes
    assert "SPRUNG" not in page and "system-message" not in page
    assert "<img" not in shown_page(*given, tmp_path / "none.svg")


def test_a_page_that_cannot_be_read_is_one_line(tmp_path):
    with pytest.raises(StudyError, match="too large; delete it"):
        shown("x" * (5 << 20), ())
    (tmp_path / "overview.rst").write_bytes(b"\xff")
    with pytest.raises(StudyError, match="cannot be shown"):
        shown_page(tmp_path / "overview.rst", [], tmp_path / "study.json", None)


@pytest.mark.parametrize(
    ("record", "warns"),
    [
        ('{"repositories": [{"lock": "0f"}]}', False),
        ('{"repositories": [{"lock": "1f"}]}', True),
        ('{"repositories": [{"lock": "0f"}, {"lock": "1f"}]}', True),
        ('{"repositories": [{"commit": null}, null]}', False),
        ("[]", False),
        ("[" * 100_000, False),
        ('{"repositories": [3]}', False),
    ],
)
def test_the_page_warns_of_another_lock(record, warns):
    assert ("Warning: other libraries" in shown("text", (), record)) is warns


def test_the_data_are_told_with_their_near_duplicates_and_unusable_files():
    manifest = {
        "dataset": "birds",
        "images": [9, 8, 8, 3],
        "classes": ["a", "b"],
        "sha256": {"images.npy": "0f"},
    }
    partitions = {"v1": {"seed": 1, "size": 9, "class_counts": {"a": 4, "b": 5}}}
    problems, pairs = {"unusable": 4, "converted": 3}, np.array([[0, 2], [0, 5]])
    text = data(manifest, partitions, {"v1": 6}, pairs, problems, True)
    assert "birds: 9 images of 8×8 pixels, 2 classes (a, b)." in text
    assert "Nearly the same as another image: 3 images, in 2 pairs." in text
    assert "data/problems.csv, which says why: 4 unusable, 3 converted." in text
    assert "They have one role in all partitions" in text and "may train on one" not in text
    parted = data(manifest, partitions, {"v1": 6}, pairs[:0], {}, False)
    assert "problems.csv" not in parted and "A run may train on one" in parted
    partitions["v1"]["groups"] = 3
    grouped = data(manifest | {"groups": 7}, partitions, {"v1": 6}, pairs, {}, True)
    assert "7 groups of images that belong together" in grouped and "v1 9 in 3 groups" in grouped


def test_runs_count_as_they_were_measured():
    config = {"combos": ["v1"], "models": ["m"], "seeds": [1, 2]}
    config |= {"split": {"train": 0.6, "val": 0.2, "test": 0.2}, "dataset": {"name": "digits"}}
    record = {"model": "m", "status": "ok", "parameters": 9, "epochs": 1, "train_seconds": 1}
    record |= {"recipe": {"architecture": {"name": "a"}}, "precision": "fp32"}
    text = design(config, [record] * 2, ["no better than chance", "diverged"])
    assert "1 of 2 runs, 1 diverged: combo v1; model m; seeds 1, 2." in text


@pytest.mark.parametrize(
    ("combos", "dataset", "told"),
    [
        (["v1", "official"], {"name": "digits"}, "and not compared with combos of partitions."),
        (
            ["v1", "official"],
            {"name": "folder", "test_path": "test"},
            "compared with other combos by external_test_accuracy alone.",
        ),
        (["official"], {"name": "digits"}, None),
        (["v1"], {"name": "digits"}, None),
    ],
)
def test_where_official_stands_beside_partitions_it_says_what_is_compared(combos, dataset, told):
    config = {"combos": combos, "models": ["m"], "seeds": [1], "dataset": dataset}
    config["split"] = {"train": 0.6, "val": 0.2, "test": 0.2}
    recipe = {"architecture": {"varies_with": []}}
    record = {"model": "m", "imported": {"saw": "unknown"}, "recipe": recipe}
    text = design(config, [record], ["ok"]).replace("\n", " ")
    assert (told in text) if told else ("official divides" not in text)
    assert ("official trains on all images but" in text) == ("external" in (told or ""))


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


@pytest.mark.parametrize(
    ("recipe", "fragments"),
    [
        (
            {"architecture": {"name": "cnn2"}, "train": {"last": 3}},
            ["m starts from weights", "last 3 blocks", "vary its head"],
        ),
        (
            {"architecture": {"name": "probe", "features": "finetuned"}},
            ["m reads features of finetuned, whose weights were trained elsewhere", "fitted to"],
        ),
    ],
)
def test_weights_that_were_trained_elsewhere_are_said_with_what_seeds_vary(recipe, fragments):
    weights = {"trained_weights": {"file": "finetuned", "sha256": "ab" * 32}}
    text = started("m", [{"model": "m", "recipe": recipe | weights}])
    for fragment in [*fragments, "abababababababab…", "may have been among those", "test images"]:
        assert fragment in text
    assert started("m", [{"model": "m", "recipe": recipe}]) is None


def test_a_run_is_told_as_it_was_measured_not_as_its_training_ended(tmp_path):
    run = run_of(tmp_path, "v1", "cnn2", 42)
    run.folder.mkdir(parents=True)
    write_json(run.folder / "run.json", {"status": "ok"})
    status = {"status": "no better than chance"}
    write_json(run.folder / "metrics.json", status | NOT_MEASURED | {"common_test": NOT_MEASURED})
    assert outcomes([run], {"v1": 70}).to_numpy().tolist() == [
        ["v1", "cnn2", 42, "no better than chance", 70, None]
    ]


def test_a_study_in_a_folder_of_its_own_says_where_each_command_is_typed():
    repository = {"commit": "0f1e", "dirty": False, "lock": None}
    here, apart = (again(["a.yaml"], repository, apart=apart) for apart in (False, True))
    assert "folder:" not in here and "snakemake --report --configfile a.yaml" in here
    words = ["# In the project's folder:", "git checkout 0f1e", "make setup", "# In the study's"]
    words += ["snakemake --cores 4", "snakemake --report"]
    places = [apart.index(word) for word in words]
    assert places == sorted(places)
