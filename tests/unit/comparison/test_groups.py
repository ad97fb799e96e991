"""Statistics of one combo and model over its seeds."""

import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

from study.comparison.groups import group_row


def test_intervals_of_shares_end_at_0_and_1_and_those_of_losses_do_not():
    runs = pd.DataFrame({"status": ["ok"] * 3 + ["diverged"], "test_accuracy": [0.9, 0.99, 1.0, 0]})
    row = group_row(runs.assign(nll=[0.9, 1.5, 1.0, 9.0]))
    assert row["test_accuracy_high"] == 1 and 0 < row["test_accuracy_low"] < 0.9
    assert (row["n"], row["n_runs"]) == (3, 4) and row["nll_high"] > 1.5


@pytest.mark.parametrize(
    ("combo", "test", "n"),
    [("v1", "test", 60), ("official", "test", 20), ("v1", "external_test", 20)],
)
def test_seeds_that_agree_by_luck_are_no_certainty(combo, test, n):
    runs = pd.DataFrame({"status": ["ok"] * 3, f"{test}_accuracy": [1.0] * 3, f"n_{test}": 20})
    row = group_row(runs.assign(combo=combo))
    low, _ = proportion_confint(n, n, method="wilson")
    assert row[f"{test}_accuracy_low"] == pytest.approx(low)
