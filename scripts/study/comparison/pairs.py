"""All pairs of the groups of a study compared, and letters for those that were not told apart."""

import itertools
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd

from study.comparison.difference import design_of, difference_row
from study.comparison.intervals import CONFIDENCE, holm
from study.comparison.spread import UNKNOWN, Spread


def compare(
    names: Sequence[str],
    values: Sequence[np.ndarray],
    units: Sequence[np.ndarray],
    alike: Callable[[int, int], Spread] = lambda a, b: UNKNOWN,
    step: float = 1.0,
) -> pd.DataFrame:
    """Compare all pairs of groups by a measure that is a mean over images.

    Args:
        names: of G groups.
        values: for each of S seeds, float n_s×G: a value of each test image; NaN for a group
            without a run of this seed.
        units: for each seed int, n_s: see `study.comparison.difference.images_of`. Those of all
            seeds say what intervals are about, also of a pair that lost runs.
        alike: returns of the positions of two groups the variance over seeds of their difference,
            as pairs of their kind have it; see `study.comparison.spread`.
        step: how much the value of an image changes that is answered wrongly.

    Returns:
        One row per pair a, b with `mean_a`, `mean_b` (over the seeds that both have), `difference`
        b - a, and its 95 % intervals:

        - `low`, `high`: what other seeds might give. Where each seed splits the same images again,
          it holds for these images; where each image is tested by equally many seeds, for other
          images of their source too. Never narrower than what the test images alone leave open.
          With one seed in the study nothing is known of seeds: they are the interval over images.
        - `seeds_low`, `seeds_high`: Student's t over the pair's own differences, one per seed.
        - `images_low`, `images_high`: other images of the same source, for these trained models.
        - `new_images_low`, `new_images_high`: other seeds and other images of the same source.

        - `p`, two-sided, of the first interval (exact McNemar's with one seed); the standard
          `error` and degrees of `freedom` of that interval. `parts` are the variances of
          `Difference.main` and of its `least`, each as a sum: p is the larger of what both give.
        - `seed_sd`, of the difference of a single seed, and the difference over it, `effect`.
        - `b_higher`, the predicted probability that one more seed gives b the higher value.
        - `fixed_error`, the part of the error that more seeds would not reduce; NaN where it is
          unknown, because no image is tested by two seeds.
        - `n_seeds`, `n_images` (distinct ones), `n_tests` (answers compared) and `method`.
        - `holds_for`, what the first interval is for: one of `OF_IMAGES`, `OF_SEEDS` and `OF_BOTH`
          of `study.comparison.difference`.

        There are no rows where no pair has a seed in common.
    """
    means = np.array([of_seed.mean(axis=0) for of_seed in values]).T
    design, rows = design_of(units), []
    for a, b in itertools.combinations(range(len(names)), 2):
        shared = np.flatnonzero(~np.isnan(means[a] - means[b]))
        if len(shared):
            gaps = [values[seed][:, b] - values[seed][:, a] for seed in shared]
            of_shared = [units[seed] for seed in shared]
            row = difference_row(gaps, of_shared, alike(a, b), step, design)
            of_pair = {f"mean_{side}": means[i, shared].mean() for side, i in (("a", a), ("b", b))}
            rows.append({"a": names[a], "b": names[b]} | of_pair | row)
    return pd.DataFrame(rows)


def intervals_are_for(named: Iterable[tuple[str, str]]) -> str:
    """Return a sentence on what intervals are for.

    Args:
        named: of each interval a name and its `holds_for`, see `compare`. Names are given for the
            intervals that are for something else than most.
    """
    names: dict[str, list[str]] = {}
    for name, what in named:
        names.setdefault(what, []).append(name)
    *few, most = sorted(names, key=lambda what: len(names[what]))
    others = "".join(f"; those of {', '.join(names[what])} for {what}" for what in few)
    return f"Intervals are for {most}{others}."


def with_verdicts(pairs: pd.DataFrame, smaller_is_better: bool) -> pd.DataFrame:
    """Return all pairs of a study and measure with the verdicts on them.

    Args:
        pairs: what `compare` returned for its families, one after the other.
        smaller_is_better: whether a group with smaller values wins.

    Returns:
        The pairs with `p_holm`, adjusted by Holm over all of them, so that in 95 of 100 studies no
        verdict is wrong. `verdict` is the name of the better group, or "undecided" where `p_holm`
        is above 5 %.
    """
    adjusted = holm(pairs["p"].to_numpy())
    second = (pairs["difference"] > 0) != smaller_is_better
    better = np.where(second, pairs["b"], pairs["a"])
    at = pairs.columns.get_loc("p") + 1
    pairs.insert(at, "p_holm", adjusted)
    pairs.insert(at + 1, "verdict", np.where(adjusted <= 1 - CONFIDENCE, better, "undecided"))
    return pairs


def letters(names: Sequence[str], pairs: pd.DataFrame) -> dict[str, str]:
    """Return the compact letter display: groups share a letter unless they were found different.

    Args:
        names: of the groups, best first, so that the best has the letter a.
        pairs: what `compare` returned for them.

    Source: H.-P. Piepho, "An Algorithm for a Letter-Based Representation of All-Pairwise
    Comparisons", 2004.
    """
    columns = [set(names)]
    for row in pairs.itertuples():
        if row.verdict == "undecided":
            continue
        split = [column for column in columns if {row.a, row.b} <= column]
        columns = [column for column in columns if column not in split]
        for column in split:
            columns += [column - {row.a}, column - {row.b}]
        # A column within another says nothing more.
        columns = [
            c
            for i, c in enumerate(columns)
            if not any(c < d or (c == d and i > j) for j, d in enumerate(columns))
        ]
    columns.sort(key=lambda column: sorted(names.index(name) for name in column))
    return {
        name: "".join(_letter(i) for i, column in enumerate(columns) if name in column)
        for name in names
    }


def _letter(i: int) -> str:
    return chr(ord("a") + i) if i < 26 else _letter(i // 26 - 1) + _letter(i % 26)
