"""What a finding is, what it is read from, and how its numbers are written."""

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from study.data.likely_groups import Guess
from study.data.names import OFFICIAL
from study.wording import percentage


class Finding(NamedTuple):
    """One finding.

    Attributes:
        subject: what it is about, some words.
        text: plain sentences.
        chapter: name of the report's chapter that shows it.
    """

    subject: str
    text: str
    chapter: str


class Results(NamedTuple):
    """The tables that the findings are read from, as the workflow writes them.

    Attributes:
        runs: one row per run: `combo`, `model`, `seed`, `status`, `n_train`, `accuracy`,
            `recall_<class>`.
        baselines: of `study.runs.baselines`, one row per seed and combo.
        groups: of `study.comparison`, as are comparisons, power, variance and scaling.
        reliability: of `study.hardness`, as are confusions.
        hard_examples: one row per image: `image_id`, `file`, `class`, `n_eligible`,
            `n_comparable`, `error_rate`, `wrong_of_four`, `kind`, `cl_issue`.
        duplicates: one row per pair of near-duplicates: `image_id`, `other_id`, `pixel_distance`,
            `labels_differ`.
        claims: of `study.comparison.claims`; None if the study has none, as with those that follow.
        reproduction: of `study.comparison.reproduction`.
        validation: of `study.hardness.human_agreement`.
        likely_groups: what the names of your own images suggest; None where groups are given.
        corrected: what corrections of labels changed, in words; "" where there are none.
        imported: what is to be known of each model whose predictions were made elsewhere.
    """

    runs: pd.DataFrame
    baselines: pd.DataFrame
    groups: pd.DataFrame
    comparisons: pd.DataFrame
    power: pd.DataFrame
    variance: pd.DataFrame
    scaling: pd.DataFrame
    reliability: pd.DataFrame
    confusions: pd.DataFrame
    hard_examples: pd.DataFrame
    duplicates: pd.DataFrame
    claims: pd.DataFrame | None = None
    reproduction: pd.DataFrame | None = None
    validation: pd.DataFrame | None = None
    likely_groups: Guess | None = None
    corrected: str = ""
    imported: Sequence[str] = ()


def percent(share: float, decimals: int = 1) -> str:
    """Return a share as a percentage."""
    return percentage(share, decimals).replace("%", " %")


def interval(low: float, high: float) -> str:
    """Return an interval of shares in percent or points, without the sign."""
    low, high = (round(100 * end, 1) + 0.0 for end in (low, high))  # no "-0.0"
    return f"{low:.1f} to {high:.1f}"


def sizes_of_combos(runs: pd.DataFrame) -> pd.Series:
    """Return training images by combo of partitions, in the study's order."""
    return runs[runs["combo"] != OFFICIAL].groupby("combo", sort=False)["n_train"].mean()


def of_accuracy(
    comparisons: pd.DataFrame,
    compared: str | None = None,
    within: str | None = None,
    measure: str = "accuracy",
) -> pd.DataFrame:
    """Return the comparisons of accuracy: all, or those among combos or models within another."""
    rows = comparisons[comparisons["measure"] == measure]
    if compared is not None:
        rows = rows[rows["compared"] == compared]
    return rows if within is None else rows[rows["within"] == within]
