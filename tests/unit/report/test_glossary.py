"""Every column of the two largest tables has one meaning, which pages and the gallery show."""

import pandas as pd
import pytest
from conftest import ROOT

from study.report.glossary import columns, meaning
from study.report.tables import html_page


@pytest.mark.parametrize("file", ["summary.csv", "hard_examples_top.csv"])
def test_every_column_of_a_real_study_has_a_meaning(file):
    table = pd.read_csv(ROOT / "results/reference/laptop" / file, nrows=1)
    # The reference study is of an earlier version, which had one column more.
    assert [name for name in table if not meaning(name)] in ([], ["cl_issue_models"])


def test_a_column_of_a_class_is_known_and_another_is_not():
    assert (
        meaning("recall_cat")
        == meaning("recall_big dog")
        == columns()["summary.csv"]["recall_<class>"]
    )
    assert meaning("margin") == "" and "`" not in meaning("ece_scaled")


def test_a_heading_of_a_page_says_what_its_column_means():
    page = html_page(pd.DataFrame({"nll": [1.5], "other": [2.5]}), "T", "D")
    assert f'<th scope="col" class="number" title="{meaning("nll")}">nll</th>' in page
    assert '<th scope="col" class="number">other</th>' in page
