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


@pytest.mark.parametrize(("combo", "n"), [("v1", 60), ("official", 20)])
def test_seeds_that_agree_by_luck_are_no_certainty(combo, n):
    runs = pd.DataFrame({"status": ["ok"] * 3, "test_accuracy": [1.0] * 3, "n_test": [20] * 3})
    row = group_row(runs.assign(combo=combo))
    assert row["test_accuracy_low"] == pytest.approx(proportion_confint(n, n, method="wilson")[0])
