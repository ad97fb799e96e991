"""Findings about differences: which are real, which could be found, and claims about them."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import pandas as pd

from study.comparison.claims import VERDICTS
from study.comparison.difference import OF_BOTH, OF_SEEDS
from study.comparison.intervals import CONFIDENCE
from study.comparison.spread import SAME_SIZE
from study.comparison.unequal_noise import unequal
from study.data.names import EXTERNAL, OFFICIAL
from study.report.findings.finding import (
    Finding,
    Results,
    interval,
    of_accuracy,
    percent,
    sizes_of_combos,
)
from study.wording import counted, real_differences

_FEW_TEST_IMAGES = 500


class _Pair(NamedTuple):
    better: str
    worse: str
    within: str
    difference: float
    low: float
    high: float
    real: bool

    def text(self) -> str:
        verdict = "real" if self.real else "undecided"
        ends = interval(max(self.low, -1.0), min(self.high, 1.0))  # no accuracy differs by more
        return f"{100 * self.difference:+.1f} points ({ends}; {verdict})"


def _pairs(rows: pd.DataFrame, better: str | None = None) -> list[_Pair]:
    """Return pairs, turned so that `better`, or what has the higher accuracy, comes first."""
    pairs = []
    for row in rows.itertuples():
        real = row.verdict != "undecided"
        if row.b == better or (better is None and row.difference >= 0):
            pairs.append(_Pair(row.b, row.a, row.within, row.difference, row.low, row.high, real))
        else:
            pairs.append(
                _Pair(row.a, row.b, row.within, -row.difference, -row.high, -row.low, real)
            )
    return pairs


def differences(results: Results) -> list[Finding]:
    """Return how many differences of accuracy are real, and the most telling ones."""
    rows = of_accuracy(results.comparisons).dropna(subset=["difference"])
    if rows.empty:
        text = (
            "No two combos of a model, and no two models on a combo, have runs that can be "
            "compared, so the study says nothing about differences."
        )
        return _external(results) or [Finding("Differences", text, "Comparisons")]
    undecided = rows["verdict"] == "undecided"
    text = (
        f"{real_differences(int((~undecided).sum()), len(rows))} at "
        f"{percent(1 - CONFIDENCE, 0)}, adjusted for all of them (Holm); "
        f"{int(undecided.sum())} undecided."
    )
    about = set(rows["holds_for"])
    if results.runs["seed"].nunique() == 1:
        text += (
            " With one seed this holds for these trained models on other test images; whether "
            "other seeds would show the same is not known."
        )
    elif OF_SEEDS in about:
        text += (
            " The verdicts are about these images and partitions, and hold for other seeds. "
            "Intervals for other images of the same source, each pair by itself, are in the "
            "columns new_images_low and new_images_high."
        )
    elif OF_BOTH in about:
        text += f" Each image is tested equally often, so the verdicts hold for {OF_BOTH}."
    if (undecided & ((rows["low"] > 0) | (rows["high"] < 0))).any():
        text += (
            " An interval looks at its difference alone, the verdict at all of them. So an "
            "interval may leave out 0 where the verdict is undecided."
        )
    first = Finding("Differences", f"{text} {_largest(rows, results)}", "Comparisons")
    return [first, *_external(results), *_most_data(results), *_models(results)]


def _largest(rows: pd.DataFrame, results: Results) -> str:
    """Return sentences on the largest difference, of real ones if there are any."""
    largest = max(_pairs(rows), key=lambda pair: (pair.real, pair.difference))
    kind = "with" if largest.within in set(results.runs["model"]) else "on"
    said = f"{largest.better} minus {largest.worse} {kind} {largest.within}, {largest.text()}."
    if len(rows) == 1:
        return f"It is {said}"
    return (
        f"The largest{' real one' if largest.real else ''}: {said} It was picked as the "
        "largest, so it is likely a little too large."
    )


def _external(results: Results) -> list[Finding]:
    """Return how many differences are real on test images that are in no combo, and the largest."""
    rows = of_accuracy(results.comparisons, measure=f"{EXTERNAL}_accuracy")
    rows = rows.dropna(subset=["difference"])
    if rows.empty:
        return []
    holds = (
        "With one seed this holds for these trained models on other images of their source."
        if results.runs["seed"].nunique() == 1
        else f"All seeds test the same images, so this holds for {OF_BOTH}."
    )
    text = (
        f"{real_differences(int((rows['verdict'] != 'undecided').sum()), len(rows))}, adjusted for "
        f"all of them (Holm). {holds} {_largest(rows, results)}"
    )
    return [Finding("Differences on your test images", text, "Comparisons")]


def _most_data(results: Results) -> list[Finding]:
    """Return how the combo with the most training images differs from those with the fewest.

    Partitions of one size are all named: one of them alone may be the easiest or the hardest.
    """
    sizes = sizes_of_combos(results.runs)
    small = sizes[sizes <= SAME_SIZE * sizes.min()]
    if len(small) == len(sizes):
        return []
    most = sizes.idxmax()
    texts = []
    for model in results.runs["model"].unique():
        rows = of_accuracy(results.comparisons, "combos", model)
        rows = rows[(rows["a"] == most) | (rows["b"] == most)]
        pairs = [pair for pair in _pairs(rows, better=most) if pair.worse in small.index]
        minus = ", ".join(f"minus {pair.worse} {pair.text()}" for pair in pairs)
        texts += [f"with {model}: {minus}"] if pairs else []
    if not texts:
        return []
    count = " to ".join(dict.fromkeys(f"{size:,.0f}" for size in (small.min(), small.max())))
    text = (
        f"{most} has {sizes[most]:,.0f} training images; {', '.join(small.index)} "
        f"{f'have {count} each' if len(small) > 1 else f'has {count}'}. "
        f"{most} {'; '.join(texts)}. Intervals are 95 % ones."
    )
    return [Finding("All the data against the least", text, "Comparisons")]


def _models(results: Results) -> list[Finding]:
    """Return how the best two models differ on the largest combo on which models were compared."""
    rows = of_accuracy(results.comparisons, "models")
    if rows.empty:
        return []
    by_size = sizes_of_combos(results.runs).sort_values(ascending=False, kind="stable").index
    combo = next((combo for combo in by_size if combo in set(rows["within"])), OFFICIAL)
    groups = results.groups[results.groups["combo"] == combo].dropna(subset=["accuracy"])
    best, second = groups.nlargest(2, "accuracy")["model"]
    both = of_accuracy(rows, "models", combo)
    both = both[both["a"].isin([best, second]) & both["b"].isin([best, second])]
    text = "".join(
        f"On {combo}, {best} minus {second}: {pair.text()}; 95 % interval."
        for pair in _pairs(both, better=best)
    )
    return [Finding("Models", text, "Comparisons")]


def power(table: pd.DataFrame) -> list[Finding]:
    """Return what differences this study would find, and what seeds narrower intervals take.

    Of combos and, where there are none, of models. On the combo official it is always of models.
    """
    rows = of_accuracy(table).dropna(subset=["detectable"])
    combos = rows["compared"] == "combos"
    if combos.any():
        rows = rows[combos | (rows["within"] == OFFICIAL)]
    if rows.empty:
        return []
    n_seeds, n_pairs = (int(rows[name].max()) for name in ("n_seeds", "n_pairs"))
    sentences = [
        f"This study has {counted(n_seeds, 'seed')}, and is adjusted for "
        f"{counted(n_pairs, 'pair')}.",
        *(said for kind, of_kind in rows.groupby("compared") for said in _found(kind, of_kind)),
    ]
    if (rows["detectable"] < 1).any():
        sentences.append("The noise is itself an estimate, which gives the ranges in brackets.")
    sentences += _seeds_needed(rows.dropna(subset=["precision"]))
    return [Finding("What this study can find", " ".join(sentences), "Comparisons")]


def _where(row: Any) -> str:
    """Return of which model's combos, or on which combo of models, a row is."""
    return f"{'with' if row.compared == 'combos' else 'on'} {row.within}"


def _everywhere(rows: pd.DataFrame) -> str:
    return ", ".join(_where(row) for row in rows.itertuples())


def _found(kind: str, rows: pd.DataFrame) -> Iterator[str]:
    """Yield sentences on the differences that are found; one above 100 points can never be."""
    possible, impossible = rows[rows["detectable"] < 1], rows[rows["detectable"] >= 1]
    if len(possible):
        found = ", ".join(
            f"{100 * row.detectable:.1f} points {_where(row)} "
            f"({interval(row.detectable_low, min(row.detectable_high, 1.0))})"
            for row in possible.itertuples()
        )
        yield (
            f"For the pair of {kind} in the middle, four of five such studies find a true "
            f"difference of {found}."
        )
    if len(impossible):
        yield (
            "Not even the largest possible difference would be found reliably "
            f"{_everywhere(impossible)}."
        )
    if len(possible):
        hardest = ", ".join(
            f"{100 * row.detectable_most:.1f} {_where(row)}"
            if row.detectable_most < 1
            else f"more than any accuracy {_where(row)}"
            for row in possible.itertuples()
        )
        yield f"The pair of {kind} that is hardest to decide takes {hardest}."


def _seeds_needed(rows: pd.DataFrame) -> Iterator[str]:
    """Yield sentences on the seeds that narrow intervals take, each family in one of them."""
    width = f"± {100 * rows['precision'].max():.1f} points"
    unknown, infinite = rows["seeds_needed"].isna(), rows["seeds_needed"].map(math.isinf)
    needed = ", ".join(
        f"{row.seeds_needed:.0f} seeds {_where(row)}"
        for row in rows[~unknown & ~infinite].itertuples()
    )
    if needed:
        yield f"By this noise intervals of at most {width} take {needed}."
    if unknown.any():
        yield (
            f"How many seeds intervals of {width} take {_everywhere(rows[unknown])} cannot be "
            "said: too few seeds, or only one round of folds, show the noise."
        )
    if infinite.any():
        yield (
            f"On these images, not even 10,000 seeds are enough for {width} "
            f"{_everywhere(rows[infinite])}."
        )


def unequal_noise(runs: pd.DataFrame) -> list[Finding]:
    """Return which runs vary much more from seed to seed than others."""
    parts = [
        " against ".join(
            f"{100 * math.sqrt(kind.noise.variance):.1f} points with {kind.model} on "
            f"{', '.join(kind.combos)}"
            for kind in pair
        )
        for pair in unequal(runs)
    ]
    if not parts:
        return []
    text = (
        "From seed to seed the accuracies of some runs vary much more than those of others. Their "
        f"standard deviations are {'; '.join(parts)}. Each verdict uses the noise of pairs of its "
        "own kind."
    )
    return [Finding("Unequal noise", text, "Comparisons")]


def little_to_go_by(results: Results) -> list[Finding]:
    """Return what makes accuracies and differences of this study uncertain from the start."""
    rows = of_accuracy(results.comparisons)
    reasons = []
    if results.runs["seed"].nunique() == 2:
        reasons.append(
            "Two seeds hardly show how far seeds differ: take three or more before you trust a "
            "difference."
        )
    if len(rows) and (n_test := int((rows["n_tests"] / rows["n_seeds"]).min())) < _FEW_TEST_IMAGES:
        reasons.append(
            f"With {n_test} test images per seed one image is {percent(1 / n_test)} of accuracy: "
            "small differences cannot be seen, and much depends on which images were drawn for "
            "testing."
        )
    return [Finding("Little to go by", " ".join(reasons), "Comparisons")] if reasons else []


def claims(table: pd.DataFrame | None) -> list[Finding]:
    """Return what the results say of the user's claims, if there are any."""
    if table is None:
        return []
    verdicts = table.drop_duplicates("claim").groupby("verdict")["claim"].agg("; ".join)
    text = " ".join(
        f"{verdict.capitalize()}: {verdicts[verdict]}."
        for verdict in VERDICTS
        if verdict in verdicts
    )
    return [Finding("Claims", text, "Comparisons")]
