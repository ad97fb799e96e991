"""Statistics of one combo and model over its seeds."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

from study.comparison.groups import group_row
from study.runs.metrics import Answers, accuracy_interval, wilson_interval


def agreeing(metric, share, low, high, n=3):
    """Return n runs of one accuracy."""
    columns = {metric: share, f"{metric}_low": low, f"{metric}_high": high}
    return pd.DataFrame([{"status": "ok", "combo": "v1"} | columns] * n)


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
    for right in (20, 14, 10):
        low, high = proportion_confint(right, 20, method="wilson")
        row = group_row(agreeing(f"{test}_accuracy", right / 20, low, high).assign(combo=combo))
        ends = proportion_confint(right * n / 20, n, method="wilson")
        assert (row[f"{test}_accuracy_low"], row[f"{test}_accuracy_high"]) == pytest.approx(ends)


def test_where_images_belong_together_a_few_groups_are_no_many_images():
    """Of 6 patients with 30 pictures each, a model has all of four right, and half of two."""
    right, groups = np.repeat([1, 1, 1, 1, 0, 1, 0, 1], [30] * 4 + [15] * 4), np.arange(180) // 30
    answers = Answers(np.log(np.eye(2)[1 - right] + 0.1), np.zeros(180, int), groups)
    low, high = accuracy_interval(answers)
    runs = agreeing("test_accuracy", right.mean(), low, high)
    of_all = group_row(runs.assign(combo="official"))
    assert (of_all["test_accuracy_low"], of_all["test_accuracy_high"]) == pytest.approx((low, high))
    of_splits = group_row(runs)
    single, _ = wilson_interval(right.mean(), 3 * 180, 1.96)
    assert low < of_splits["test_accuracy_low"] < single - 0.05
