"""Histories of runs, and what they are over seeds."""

import pandas as pd
import pytest
from made_up_run import history_of_run

from study.runs.history import read_history, seed_bands


def test_a_digest_that_reads_like_a_number_stays_text(tmp_path):
    # pandas crashes on this one where it takes it for a number.
    (tmp_path / "history.csv").write_text("epoch,train_loss,chain\n1,0.5,8e83582924077314\n")
    table = read_history(tmp_path / "history.csv")
    assert table["chain"].tolist() == ["8e83582924077314"] and table["train_loss"].tolist() == [0.5]


def test_seed_bands_are_mean_and_range_of_what_is_there():
    runs = [
        history_of_run("v1", 1, [0.2, 0.4]),
        history_of_run("v1", 2, [0.4, 0.5]),
        history_of_run("v2", 1, [0.3]),
    ]
    bands = seed_bands(pd.concat(runs, ignore_index=True)).set_index(
        ["combo", "split", "measure", "epoch"]
    )
    row = bands.loc[("v1", "test", "accuracy", 2)]
    assert row[["mean", "lowest", "highest", "n"]].tolist() == pytest.approx([0.45, 0.4, 0.5, 2])
    assert bands.loc[("v2", "test", "accuracy", 1), "n"] == 1
    assert "val" not in bands.index.get_level_values("split")  # NaN throughout
