"""Findings about what accuracies vary with: the partition and the seed."""

from study.comparison.intervals import CONFIDENCE, holm
from study.comparison.spread import SAME_SIZE
from study.report.findings.finding import (
    Finding,
    Results,
    interval,
    of_accuracy,
    sizes_of_combos,
)


def partitions(results: Results) -> list[Finding]:
    """Return whether partitions differ by more than seeds do."""
    variance = results.variance
    rows = variance[variance["source"] == "partition"].dropna(subset=["p"])
    if rows.empty:
        return []
    adjusted = holm(rows["p"].to_numpy())
    p_values = ", ".join(
        f"p = {p:.2g} with {model}" for model, p in zip(rows["model"], adjusted, strict=True)
    )
    if len(rows) > 1:
        p_values += ", adjusted for the number of models"
    differ = rows.loc[adjusted <= 1 - CONFIDENCE, "model"].tolist()
    text = (
        f"Which partition a model is trained on matters beyond the seed with {', '.join(differ)} "
        f"({p_values}). This is one test of all partitions together. A pair of them may still be "
        "undecided, because all pairs of the study are adjusted for one another."
        if differ
        else f"Partitions were not found to differ by more than seeds do ({p_values})."
    )
    sizes = sizes_of_combos(results.runs)
    sizes = sizes[~sizes.index.str.contains("+", regex=False)]
    if sizes.max() > SAME_SIZE * sizes.min():
        text += " They also differ in size, which may be why."
    return [Finding("Partitions", text, "Comparisons")]


def _interval_of_sd(low: float, high: float) -> str:
    """Return the interval of an accuracy's standard deviation, which is below 50 points."""
    return interval(low, high) if high <= 0.5 else "too few seeds for a useful interval"


def seeds(results: Results) -> list[Finding]:
    """Return how far accuracies differ from seed to seed."""
    return [Finding("Seeds", _seeds(results), "Comparisons")]


def _seeds(results: Results) -> str:
    if results.runs["seed"].nunique() == 1:
        return "With one seed the study cannot say how far accuracies would differ with others."
    variance = results.variance
    seed = variance[variance["source"] == "seed"].dropna(subset=["sd"])
    if len(seed):
        chance = variance[variance["source"] == "finite test"].set_index("model")["sd"]
        spreads = ", ".join(
            f"{100 * row.sd:.1f} points with {row.model} ({_interval_of_sd(row.low, row.high)}; "
            f"a test set of this size alone leads one to expect {100 * chance[row.model]:.1f})"
            for row in seed.itertuples()
        )
        return (
            "On one partition, another seed (another split, and other initial weights where a "
            f"network is trained) changes the accuracy by a standard deviation of {spreads}."
        )
    noise = of_accuracy(results.power).dropna(subset=["sd"])
    if len(noise):
        spreads = ", ".join(
            f"{100 * row.sd:.1f} points among {row.compared} "
            f"{'of' if row.compared == 'combos' else 'on'} {row.within}"
            for row in noise.itertuples()
        )
        return (
            "Apart from what a seed does to all its runs alike, runs vary by a standard deviation "
            f"of {spreads}."
        )
    group = results.groups.dropna(subset=["accuracy"]).iloc[0]
    if group["n_seeds"] == 1:
        return "One run is left, so how far accuracies differ between seeds is not known."
    return (
        f"The mean accuracy of {group['model']} on {group['combo']} over {group['n_seeds']} seeds "
        f"has the 95 % interval {interval(group['seeds_low'], group['seeds_high'])} %."
    )
