"""All tables that compare the runs of a study: differences, groups, power and the like."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from study.comparison.alike import alike
from study.comparison.answers import Family, Study
from study.comparison.difference import Images, design_of, difference, wider
from study.comparison.error_consistency import agreement_table
from study.comparison.intervals import t_half_width, t_interval
from study.comparison.pairs import compare, letters, with_verdicts
from study.comparison.power import power_row
from study.comparison.roc import roc_table
from study.comparison.scaling import scaling_table
from study.comparison.spread import Spread
from study.comparison.variance import variance_table
from study.data.names import EXTERNAL
from study.runs.metrics import NORMAL, wilson_interval

# Measures in which each class counts the same, and how they are called.
BY_CLASS = {"balanced_accuracy": "balanced accuracy", "macro_f1": "macro F1", "auroc": "AUROC"}
# A measure that is a mean over images, and whether less of it is better.
MEASURES = {"accuracy": False, "nll": True, "brier": True} | dict.fromkeys(BY_CLASS, False)
# Measures whose differences may exceed 1.
_UNBOUNDED = ("nll", "brier")

# Of the tables, also without rows.
_PAIR_COLUMNS = [
    "compared", "within", "measure", "a", "b", "mean_a", "mean_b", "difference", "low", "high", "p",
    "p_holm", "verdict", "seeds_low", "seeds_high", "images_low", "images_high", "new_images_low",
    "new_images_high", "error", "freedom", "seed_sd", "effect", "b_higher", "fixed_error",
    "n_seeds", "n_images", "n_tests", "holds_for", "method",
]  # fmt: skip
_GROUP_COLUMNS = [
    "combo", "model", "letters_of_combos", "letters_of_models", "accuracy", "n_seeds", "seeds_low",
    "seeds_high", "images_low", "images_high", "new_images_low", "new_images_high",
]  # fmt: skip
_POWER_COLUMNS = [
    "compared", "within", "measure", "sd", "freedom", "n_seeds", "n_pairs", "detectable",
    "detectable_low", "detectable_high", "detectable_most", "precision", "seeds_needed",
]  # fmt: skip


def comparison_tables(
    study: Study, outside: Study | None, classes: Sequence[str], precision: float
) -> dict[str, pd.DataFrame]:
    """Return all tables that compare a study's runs, by name.

    Args:
        study: the runs.
        outside: the same on images that are in no combo, if there are such.
        classes: names in label order.
        precision: half-width of a difference's 95 % interval to plan for, a share of 1.
    """
    pairs, groups, power = comparisons(study, precision)
    if outside:
        more, _, powers = comparisons(outside, precision, ["accuracy"])
        name = {"accuracy": f"{EXTERNAL}_accuracy"}
        pairs = pd.concat([pairs, more.replace({"measure": name})], ignore_index=True)
        power = pd.concat([power, powers.replace({"measure": name})], ignore_index=True)
    return {
        "comparisons": pairs,
        "groups": groups,
        "power": power,
        "variance": variance_table(study),
        "scaling": scaling_table(study),
        "agreement": agreement_table(study),
        "calibration": calibration_table(study),
        "roc": roc_table(study, classes),
    }


def comparisons(
    study: Study, precision: float, measures: Sequence[str] = ()
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the pairs of all families, the groups with letters, and what differences can be found.

    Args:
        study: the runs.
        precision: half-width of a difference's 95 % interval to plan for, a share of 1.
        measures: by which pairs are compared; the first is accuracy. Default: all that there are,
            those in which each class counts the same only where classes are uneven.

    Returns:
        - one row per pair and measure: `compared` ("combos" or "models"), `within` (the model or
          combo that the family shares), `measure`, and what `study.comparison.pairs.compare` says.
          P-values are adjusted over all pairs of the study by a measure;
        - one row per group: `combo`, `model`, `letters_of_combos` and `letters_of_models`. Combos
          of a model that share a letter were not found different; likewise models on a combo. Mean
          `accuracy` is over `n_seeds`, on the images that the group is compared by, with 95 %
          intervals;
        - one row per family and measure: see `study.comparison.power.power_row`.
    """
    families, powers, lettered = study.families(), [], {}
    measures = measures or (study.measures if families else [])
    tables = [pairs_by(study, families, measure) for measure in measures if families]
    for measure, pairs in zip(measures, tables, strict=False):
        planned = precision if measure.endswith("accuracy") else None
        for (compared, within), of_family in pairs.groupby(["compared", "within"], sort=False):
            first = {"compared": compared, "within": within, "measure": measure}
            powers.append(first | power_row(of_family, len(pairs), planned))
    for family in families:
        for group, shown in _letters(study, family, tables[0]).items():
            lettered.setdefault(group, {})[f"letters_of_{family.kind}"] = shown
    groups = [
        {"combo": combo, "model": model, "letters_of_combos": "", "letters_of_models": ""}
        | lettered.get((combo, model), {})
        | _accuracy_of_group(study, combo, model)
        for combo, model in itertools.product(study.combos, study.models)
    ]
    return (
        pd.concat(tables, ignore_index=True)[_PAIR_COLUMNS]
        if tables
        else pd.DataFrame(columns=_PAIR_COLUMNS),
        pd.DataFrame(groups, columns=_GROUP_COLUMNS),
        pd.DataFrame(powers, columns=_POWER_COLUMNS),
    )


def pairs_by(study: Study, families: Sequence[Family], measure: str) -> pd.DataFrame:
    """Return all pairs of a study by one measure, with verdicts."""
    tables = []
    for family in families:
        units = _units(study, family.apart)
        values = study.values(family, measure)
        noise, step = alike(study, family, measure), study.step(family, measure)
        pairs = compare(family.names, values, units, noise, step)
        if measure not in _UNBOUNDED and len(pairs):
            pairs = pairs.assign(**pairs.filter(regex="(low|high)$").clip(-1, 1))
        first = {"compared": family.kind, "within": family.shared, "measure": measure}
        tables.append(pd.concat([pd.DataFrame([first] * len(pairs)), pairs], axis=1))
    pairs = pd.concat(tables, ignore_index=True)
    if pairs.empty:  # no two groups of a family have a seed in common
        return pd.DataFrame(columns=_PAIR_COLUMNS)
    return with_verdicts(pairs, MEASURES[measure])


def _units(study: Study, apart: bool) -> list[np.ndarray]:
    """Return what was drawn with each test image, for each tested seed; see `Study.tests`."""
    return [study.units(test) for test in study.tests(apart).values()]


def _letters(study: Study, family: Family, pairs: pd.DataFrame) -> dict[tuple[str, str], str]:
    """Return the letters of each group of a family by combo and model; "" for one without a run.

    Args:
        study: the runs.
        family: of the study.
        pairs: all pairs of the study by accuracy.
    """
    known = {
        name: np.mean([one.accuracy for one in by_seed.values()])
        for name, group in zip(family.names, family.groups, strict=True)
        if (by_seed := study.group(*group))
    }
    best_first = sorted(known, key=known.get, reverse=True)
    of_family = (pairs["compared"] == family.kind) & (pairs["within"] == family.shared)
    shown = letters(best_first, pairs[of_family]) if of_family.any() else {}
    return {
        group: shown.get(name, "") for name, group in zip(family.names, family.groups, strict=True)
    }


def _accuracy_of_group(study: Study, combo: str, model: str) -> dict[str, Any]:
    """Return the mean accuracy of a group with Wilson's intervals, so that none has no width.

    Other seeds make them wider by what they make wider of Student's.
    """
    answers = list(study.group(combo, model).values())
    if not answers:
        return {"n_seeds": 0}
    right = [one.values["accuracy"].astype(float) for one in answers]
    units = [study.units(one.test) for one in answers]
    design = design_of(_units(study, study.apart(combo)))
    found = difference(right, units, design=design)
    images, seeds = found.images, t_interval([of_seed.mean() for of_seed in right])
    n_images = len(np.unique(np.concatenate([one.test for one in answers])))
    low, high = _wilson(found.value, images, images.once, n_images)
    n_tests = n_images if design.equally else sum(map(len, right))
    least_low, least_high = _wilson(found.value, images, found.least, n_tests)
    halves = [wider(found.new_images, images.once).half_width, images.once.half_width]
    beside = math.sqrt(max(halves[0] ** 2 - halves[1] ** 2, 0))
    ends = {
        "seeds_low": min(seeds.low, least_low) if seeds.n > 1 else math.nan,
        "seeds_high": max(seeds.high, least_high) if seeds.n > 1 else math.nan,
        "images_low": low,
        "images_high": high,
        "new_images_low": found.value - math.hypot(found.value - low, beside),
        "new_images_high": found.value + math.hypot(high - found.value, beside),
    }
    ends = {name: np.clip(end, 0, 1) for name, end in ends.items()}
    return {"accuracy": found.value, "n_seeds": len(answers)} | ends


def _wilson(p: float, images: Images, spread: Spread, most: int) -> tuple[float, float]:
    """Return Wilson's interval of as many images as say as much as those that were tested."""
    n = min(p * (1 - p) / spread.variance, most) if spread.variance else spread.freedom + 1
    return wilson_interval(p, n, NORMAL if images.single else t_half_width(1, spread.freedom))


def calibration_table(study: Study) -> pd.DataFrame:
    """Return the reliability of each model's test answers, all its runs together.

    A row is a model, a state (as trained, after temperature scaling) and a bin of confidence, with
    `n` answers, their mean `confidence` and `accuracy`.
    """
    rows = []
    for model in study.models:
        runs = [
            one
            for group, by_seed in study.groups.items()
            if group[1] == model
            for one in by_seed.values()
        ]
        for state in dict.fromkeys(state for one in runs for state in one.bins):
            bins = [one.bins[state] for one in runs if state in one.bins]
            count, *means = map(np.array, zip(*bins, strict=True))
            total = count.sum(axis=0)
            with np.errstate(invalid="ignore"):
                pooled = [np.nansum(count * mean, axis=0) / total for mean in means]
            rows += [(model, state, *values) for values in zip(total, *pooled, strict=True)]
    return pd.DataFrame(rows, columns=["model", "state", "n", "confidence", "accuracy"])
