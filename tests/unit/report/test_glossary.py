"""Every column of every table has one meaning, which pages, captions and the README show."""

import pandas as pd
import pytest
from conftest import ROOT

from study.audit.certification import Certificate
from study.data.datasets import own
from study.report.glossary import columns, meaning
from study.report.tables import html_page
from study.training.trials import Trial

REFERENCE = ROOT / "results" / "reference"


def headings(file):
    return list(pd.read_csv(REFERENCE / file, nrows=0))


@pytest.mark.parametrize(
    ("table", "names"),
    [
        ("summary.csv", headings("laptop/summary.csv")),
        ("hard_examples.csv", headings("laptop/hard_examples_top.csv")),
        ("claims.csv", headings("laptop/claims.csv")),
        ("leak.csv", headings("reproduction/leak.csv")),
        ("reproduction.csv", headings("reproduction/reproduction.csv")),
        ("validation.csv", headings("label_suspicion/uniform.csv")),
        (
            "lr_find/<combo>/<model>/seed<seed>/losses.csv",
            headings("lr_find/resnet9_official_seed42.csv"),
        ),
        (
            "tune/<combo>/<model>/seed<seed>/trials.csv",
            Trial(0, {"optimizer.lr": 0.1}, "complete", [0.5], 0.5, 1, 1).row(),
        ),
        ("certificates.csv", ["combo", "model", "seed", *Certificate._fields]),
        ("data/problems.csv", own.COLUMNS),
    ],
)
def test_every_column_of_a_real_study_has_a_meaning(table, names):
    # The reference study is of an earlier version, which had one column more.
    assert {name for name in names if not meaning(name, table)} <= {"cl_issue_models"}


def test_a_column_of_a_class_is_known_and_another_is_not():
    text = columns()["summary.csv"]["recall_<class>"]
    assert meaning("recall_big dog", "summary.csv") == text
    assert meaning("margin", "summary.csv") == "" and "`" not in meaning(
        "nll_scaled", "summary.csv"
    )


def test_a_name_comes_before_a_pattern_and_each_table_has_its_own_words():
    assert "test images" in meaning("images_low", "summary_by_group.csv")
    assert "seeds" in meaning("nll_low", "summary_by_group.csv")
    assert meaning("low", "claims.csv") != meaning("low", "comparisons/comparisons.csv")


def test_a_page_says_what_its_columns_mean_on_the_heading_and_in_a_list():
    page = html_page(pd.DataFrame({"nll": [1.5], "other": [2.5]}), "T", "D", of="summary.csv")
    text = meaning("nll", "summary.csv")
    assert f'<th scope="col" class="number" title="{text}">nll</th>' in page
    assert '<th scope="col" class="number">other</th>' in page
    assert f"<dl><dt>nll<dd>{text}</dl>" in page
