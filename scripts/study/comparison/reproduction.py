"""Published figures beside ours: differences with intervals, verdicts, and what leaks add."""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from study.data.splits import read_split
from study.errors import StudyError
from study.runs.predictions import Predictions
from study.runs.run import run_of
from study.runs.tree import ResultsTree

_ACCURACIES = ("test_accuracy", "recall")


class Difference(NamedTuple):
    """A difference of two means with its interval; the ends are NaN where nothing is known."""

    value: float
    low: float
    high: float


def difference(
    ours: Sequence[float], published: Sequence[float], n_test: int | None, confidence: float = 0.95
) -> Difference:
    """Return mean(ours) - mean(published) with its interval over runs.

    Half its width is √(Σ t² · variance), with t of each side's own degrees of freedom. Welch's has
    too many where the side with fewer runs varies little by luck: of ten runs and two, its 95 %
    interval holds the difference in 89 %.

    Where one side is a single run its variance is unknown, and the binomial variance of an
    accuracy on `n_test` images stands for it: p(1 - p)/n_test, with n_test - 1 degrees of freedom.
    It leaves out what another seed would change: that interval is rather too narrow than too wide.

    Args:
        ours: accuracies of our runs, shares of 1.
        published: the published ones.
        n_test: images behind a published accuracy.
        confidence: of the interval.

    Source: S. K. Banerjee, "Approximate Confidence Interval for Linear Functions of Means of k
    Populations when the Population Variances are not Equal", 1960.
    """
    value = float(np.mean(ours) - np.mean(published))
    if n_test is None:
        return Difference(value, math.nan, math.nan)
    squares = 0.0
    for values in (ours, published):
        if len(values) > 1:
            variance, freedom = float(np.var(values, ddof=1)) / len(values), len(values) - 1
        else:
            variance, freedom = float(values[0] * (1 - values[0])) / n_test, n_test - 1
        squares += float(stdtrit(freedom, (1 + confidence) / 2)) ** 2 * variance
    half = math.sqrt(squares)
    return Difference(value, value - half, value + half)


def verdict(claim: Mapping[str, Any], ours: Sequence[float]) -> str:
    """Return what a comparison says.

    - "equivalent": two one-sided tests at 5 % say that an accuracy differs by less than the claim's
      tolerance. In other words, the 90 % interval of the difference lies within the tolerance. A
      count or a learning rate is so where it is within the tolerance.
    - "different": the 95 % interval leaves out zero. A count or rate beyond the tolerance.
    - "not contradicted": neither; more runs would tell.
    - "undecided": an accuracy of which one side is a single run: how far its seed moved it is
      unknown.
    - "not run": no results of ours.

    Source: D. J. Schuirmann, "A Comparison of the Two One-Sided Tests Procedure and the Power
    Approach for Assessing the Equivalence of Average Bioavailability", 1987.
    """
    published, tolerance = published_values(claim), claim["tolerance"]
    if not len(ours):
        return "not run"
    if claim["measure"] == "lr_suggestion":
        ratio = np.mean(ours) / np.mean(published)
        return "equivalent" if max(ratio, 1 / ratio) <= tolerance else "different"
    if claim["measure"] not in _ACCURACIES:
        gap = abs(np.mean(ours) - np.mean(published))
        return "equivalent" if gap <= tolerance else "different"
    if min(len(ours), len(published)) == 1:
        return "undecided"
    inner = difference(ours, published, claim.get("n_test"), 0.90)
    if max(abs(inner.low), abs(inner.high)) <= tolerance:
        return "equivalent"
    outer = difference(ours, published, claim.get("n_test"))
    return "not contradicted" if outer.low <= 0 <= outer.high else "different"


def published_values(claim: Mapping[str, Any]) -> list[float]:
    """Return the published figures of a claim, one a run."""
    return list(claim["values"]) if "values" in claim else [claim["value"]]


def _measured_on(claim: Mapping[str, Any]) -> str:
    """Return in words what a claim measures."""
    measure = claim["measure"].replace("_", " ")
    if "class" in claim:
        measure += f", {claim['class']}"
    return measure + (f" after epoch {claim['at_epoch']}" if "at_epoch" in claim else "")


def reproduction_table(
    systems: Mapping[str, Mapping[str, Any]],
    measured: Callable[[str, Mapping[str, Any]], tuple[list[float], dict[str, Any]]],
) -> pd.DataFrame:
    """Return for each claim the published figure, ours by the reported and the tuned recipe.

    Args:
        systems: content of config/published.yaml, those to compare.
        measured: see `study.comparison.our_figures.OurFigures.measured`.

    Returns:
        Columns system, model, combo, measure, published (mean), published_runs, ours, ours_sd,
        ours_runs, difference, low, high (of a 95 % interval), verdict, tuned, tuned_sd,
        tuned_runs, tuned_difference, epochs, train_seconds, device, note. Accuracies are shares of
        1; missing figures are NaN.
    """
    rows = []
    for name, system in systems.items():
        for claim in system["claims"]:
            published = published_values(claim)
            ours, facts = measured(system["model"], claim)
            # A tuned recipe has another number of epochs: a figure of one epoch or of the network
            # says nothing of it.
            final = claim["measure"] in _ACCURACIES and not {"at_epoch", "not_comparable"} & {
                *claim
            }
            tuned = measured(system["tuned"], claim)[0] if final else []
            reason = claim.get("not_comparable")
            gap = Difference(math.nan, math.nan, math.nan)
            if ours:
                gap = difference(ours, published, claim.get("n_test"))
            rows.append(
                {
                    "system": name,
                    "model": system["model"],
                    "combo": claim.get("combo", ""),
                    "measure": _measured_on(claim),
                    "published": float(np.mean(published)),
                    "published_runs": len(published),
                    **_statistics("ours", ours),
                    "difference": gap.value,
                    "low": gap.low,
                    "high": gap.high,
                    "verdict": "not comparable" if reason else verdict(claim, ours),
                    **_statistics("tuned", tuned),
                    "tuned_difference": _mean(tuned) - float(np.mean(published)),
                    "epochs": facts.get("epochs"),
                    "train_seconds": facts.get("train_seconds"),
                    "device": facts.get("device", ""),
                    "note": reason or "",
                }
            )
    return pd.DataFrame(rows)


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else math.nan


def _statistics(name: str, values: Sequence[float]) -> dict[str, float]:
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
    return {name: _mean(values), f"{name}_sd": sd, f"{name}_runs": len(values)}


def leak(
    leaky: Predictions,
    test: np.ndarray,
    right: Predictions,
    right_test: np.ndarray,
    labels: np.ndarray,
) -> dict[str, float]:
    """Return a model's accuracy on test images, with and without those that it was trained on.

    Args:
        leaky: of a run on a combo that was split afresh.
        test: int, n; the test images of a partition, as it was split by itself.
        right: of a run on the same combo with the splits of its partitions.
        right_test: int; the test images of that partition in these splits.
        labels: int, N.

    Returns:
        - `n_test` images; `n_trained`, how many of them the leaky run trained on; `share_trained`.
        - `accuracy` on all of them; `accuracy_unseen` on those that the model neither trained nor
          validated on; `leak_gain`, the first minus the second.
        - `accuracy_right`, of the run without a leak on its test images of that partition.
    """
    trained = leaky.has_role("train")[test]
    unseen = ~leaky.has_role("train", "val")[test]
    correct = (leaky.logits.argmax(axis=1) == labels)[test]
    correct_right = (right.logits.argmax(axis=1) == labels)[right_test]
    return {
        "n_test": len(test),
        "n_trained": int(trained.sum()),
        "share_trained": float(trained.mean()),
        "accuracy": float(correct.mean()),
        "accuracy_unseen": float(correct[unseen].mean()),
        "leak_gain": float(correct.mean() - correct[unseen].mean()),
        "accuracy_right": float(correct_right.mean()),
    }


def leak_table(
    tree: ResultsTree,
    systems: Mapping[str, Mapping[str, Any]],
    seeds: Sequence[int],
    suffix: str,
    labels: np.ndarray,
) -> pd.DataFrame:
    """Return `leak` for each system, combo and seed whose runs did not diverge.

    Args:
        tree: our results.
        systems: content of config/published.yaml, those whose splits leak.
        seeds: of our runs.
        suffix: ends the names of combos that were split afresh.
        labels: int, N.

    Raises:
        StudyError: all runs diverged.
    """
    rows = []
    for name, system in systems.items():
        model, partition = system["model"], system["leak"]["partition"]
        for combo, seed in itertools.product(system["leak"]["combos"], seeds):
            leaky, right = (
                run_of(tree.folder, trained_on, model, seed).predictions()
                for trained_on in (f"{combo}{suffix}", combo)
            )
            if leaky.diverged or right.diverged:
                continue
            test, right_test = (
                read_split(tree.split(split, seed))["test"]
                for split in (f"{partition}{suffix}", partition)
            )
            of_run = {"system": name, "model": model, "trained_on": combo, "tested_on": partition}
            gain = leak(leaky, test, right, right_test, labels)
            rows.append(of_run | {"seed": seed} | gain)
    if not rows:
        raise StudyError(
            "all these runs diverged: there is nothing to compare; "
            "lower 'optimizer.lr' in the recipes"
        )
    return pd.DataFrame(rows)
