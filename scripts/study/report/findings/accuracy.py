"""Findings about accuracy: the best model, more data, published figures and diverged runs."""

import math

import pandas as pd

from study.comparison.groups import recall_table
from study.data.names import OFFICIAL
from study.report.findings.finding import (
    Finding,
    Results,
    interval,
    of_accuracy,
    percent,
)
from study.runs.baselines import SIDE
from study.runs.chance import NO_BETTER
from study.wording import combos_and_models, counted

_MOST_NAMED = 5


def diverged(runs: pd.DataFrame) -> list[Finding]:
    """Return which runs diverged, if any did."""
    n, names = _of_status(runs, "diverged")
    text = (
        f"{n} of {counted(len(runs), 'run')} diverged ({names}). "
        "Diverged runs count in no mean and no comparison, and judge no image."
    )
    return [Finding("Diverged runs", text, "Results")] if n else []


def no_better(runs: pd.DataFrame) -> list[Finding]:
    """Return which runs learnt nothing, if any did."""
    n, names = _of_status(runs, NO_BETTER)
    text = (
        f"{n} of {counted(len(runs), 'run')} "
        f"{'is' if n == 1 else 'are'} not found better than guessing, or than always "
        f"answering the largest class ({names}). Such runs count in all means. With few images or "
        "uneven classes a good run may not be found better. Else look at how it learnt, first at "
        "its learning rate."
    )
    return [Finding("No better than chance", text, "Results")] if n else []


def _of_status(runs: pd.DataFrame, status: str) -> tuple[int, str]:
    """Return how many runs have a status, and their names."""
    rows = list(runs[runs["status"] == status].itertuples())
    return len(rows), "; ".join(f"{row.model} on {row.combo}, seed {row.seed}" for row in rows)


def no_better_than_neighbours(results: Results) -> list[Finding]:
    """Return which groups are not shown to be better than the nearest neighbour, if any."""
    reached = results.baselines.groupby("combo")["nearest_neighbour"].mean()
    groups = results.groups.dropna(subset=["accuracy"])
    groups = groups.assign(neighbour=groups["combo"].map(reached))
    weak = groups[groups["images_low"] <= groups["neighbour"]]
    if weak.empty:
        return []
    names = [
        f"{row.model} on {row.combo} ({percent(row.accuracy)}, the neighbour "
        f"{percent(row.neighbour)})"
        for row in weak.head(_MOST_NAMED).itertuples()
    ]
    text = (
        f"{len(weak)} of {combos_and_models(len(groups))} "
        f"{'is' if len(weak) == 1 else 'are'} not "
        "shown to be better than naming the class of the most similar training image, at "
        f"{SIDE}×{SIDE} pixels: {', '.join(names)}{', and more' if len(weak) > len(names) else ''}."
        " With few test images a better model may not be shown to be better. With many, either the "
        "network has learnt little (look at its epochs and learning rate), or the images are so "
        "alike that neighbours are enough."
    )
    return [Finding("Nearest neighbours", text, "Results")]


def best(results: Results) -> list[Finding]:
    """Return the most accurate combo and model, on the common and on the official test."""
    measured = results.groups.dropna(subset=["accuracy"])
    official = measured["combo"] == OFFICIAL
    return [
        _best_of(groups, subject, test, results.comparisons)
        for subject, test, groups in (
            ("Best on the common test", "the common test", measured[~official]),
            ("Best on the official test", "the official test images", measured[official]),
        )
        if len(groups)
    ]


def _best_of(groups: pd.DataFrame, subject: str, test: str, comparisons: pd.DataFrame) -> Finding:
    group = groups.loc[groups["accuracy"].idxmax()]
    text = (
        f"{group['model']} on {group['combo']} reaches {percent(group['accuracy'])} accuracy "
        f"on {test}"
    )
    over_images = interval(group["images_low"], group["images_high"])
    if group["n_seeds"] == 1:
        text += (
            f" (95 % interval over test images, for this trained model: {over_images} %). "
            "What another seed would give is not known."
        )
    else:
        # Two seeds may agree by chance, or differ so much that the interval says nothing.
        over_seeds = ""
        if group["n_seeds"] > 2:
            ends = interval(group["seeds_low"], group["seeds_high"])
            over_seeds = f"{ends} % over seeds, "
        text += (
            f", the mean of {group['n_seeds']} seeds. 95 % interval{'s' if over_seeds else ''}: "
            f"{over_seeds}{over_images} % over test images, for these trained models."
        )
    if len(groups) > 1:
        text += (
            f" It was picked as the best of {len(groups)} by this accuracy, so the accuracy is "
            "likely a little too high."
        )
    return Finding(subject, text + _rivals(group, groups, comparisons), "Results")


def classes(results: Results) -> list[Finding]:
    """Return which class the most accurate combo and model recognises least, and which best."""
    groups = results.groups.dropna(subset=["accuracy"])
    groups = groups[groups["combo"] != OFFICIAL] if (groups["combo"] != OFFICIAL).any() else groups
    if groups.empty:
        return []
    group = groups.loc[groups["accuracy"].idxmax()]
    recalls = recall_table(results.runs).loc[(group["model"], group["combo"])].dropna()
    if len(recalls) < 2:
        return []
    if recalls.min() == recalls.max():
        text = f"{group['model']} on {group['combo']} recognises all classes alike, "
        return [Finding("Classes", f"{text}{percent(recalls.min(), 0)} of each.", "Results")]
    text = (
        f"{group['model']} on {group['combo']} recognises {percent(recalls.min(), 0)} of the test "
        f"images of {recalls.idxmin()}, its weakest class, and {percent(recalls.max(), 0)} of "
        f"{recalls.idxmax()}, its best: means over seeds. They were picked as such by these images."
    )
    return [Finding("Classes", text, "Results")]


def _rivals(group: pd.Series, groups: pd.DataFrame, comparisons: pd.DataFrame) -> str:
    """Return which groups may be as good as the best one, among combos and among models."""
    undecided, beaten = [], []
    accuracies = groups.set_index(["model", "combo"])["accuracy"]
    for compared, name, within, others in (
        ("combos", group["combo"], group["model"], f"{group['model']} on other combos"),
        ("models", group["model"], group["combo"], f"other models on {group['combo']}"),
    ):
        family = of_accuracy(comparisons, compared, within)
        family = family[(family["a"] == name) | (family["b"] == name)]
        if len(family):
            beaten.append(others)
        for row in family[family["verdict"] == "undecided"].itertuples():
            other = row.b if row.a == name else row.a
            model, combo = (within, other) if compared == "combos" else (other, within)
            undecided.append(f"{model} on {combo} ({percent(accuracies[model, combo])})")
    apart = ""
    if groups["model"].nunique() > 1 and groups["combo"].nunique() > 1:
        apart = " Groups that differ in both combo and model are not compared."
    if undecided:
        return (
            f" Whether it is better than {' or '.join(undecided)} is undecided: with "
            f"{counted(int(group['n_seeds']), 'seed')} such a difference may be chance.{apart}"
        )
    if not beaten:
        return ""
    return f" It is better than all that it was compared with: {', '.join(beaten)}.{apart}"


def more_data(scaling: pd.DataFrame) -> list[Finding]:
    """Return how much error twice the training images would save, or add."""
    if scaling.empty:
        text = (
            "No model has runs on combos of several sizes, so the study cannot say what more "
            "training images bring."
        )
        return [Finding("More data", text, "Comparisons")]
    gains, ends = [], ""
    for row in scaling.itertuples():
        saved = 1 - 2**-row.exponent
        gain = f"{percent(abs(saved), 0)} {'less' if saved >= 0 else 'more'} error with {row.model}"
        if not math.isnan(row.low):
            gain += f" ({_saved(1 - 2**-row.low, 1 - 2**-row.high)})"
            ends = "; 95 % intervals over seeds"
        gains.append(gain)
    text = (
        f"By a power law, twice the training images give {', '.join(gains)}{ends}. These are "
        "shares of the error, not points. A recipe that counts epochs also takes more steps with "
        "more images."
    )
    return [Finding("More data", text, "Comparisons")]


def _saved(low: float, high: float) -> str:
    """Return an interval of the share of error that is saved, negative where error is added."""
    if low < 0 < high:
        return f"{-100 * low:.0f} % more to {100 * high:.0f} % less"
    low, high = sorted((abs(low), abs(high)))
    return f"{100 * low:.0f} to {100 * high:.0f} %"


def published(reproduction: pd.DataFrame | None) -> list[Finding]:
    """Return how many published figures were reproduced, if the study compares with them."""
    if reproduction is None:
        return []
    counts = reproduction["verdict"].value_counts()
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    return [Finding("Published figures", f"Of the published figures: {verdicts}.", "Reproduction")]
