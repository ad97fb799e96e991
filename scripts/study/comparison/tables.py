"""All tables that compare the runs of a study: differences, groups, power and the like."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from study.comparison.answers import Family, Study
from study.comparison.bootstrap import Resampled, percentile_interval, resample
from study.comparison.error_consistency import agreement_table
from study.comparison.intervals import t_interval
from study.comparison.pairs import compare, letters
from study.comparison.power import power_row
from study.comparison.scaling import scaling_table
from study.comparison.shapley import shapley_table
from study.comparison.variance import variance_table
from study.data.index import Index
from study.data.names import OFFICIAL
from study.seeds import stream_seed

# A measure of single images, and whether less of it is better.
MEASURES = {"accuracy": False, "nll": True, "brier": True}

# Of tables without rows.
_PAIR_COLUMNS = [
    "compared", "within", "measure", "a", "b", "mean_a", "mean_b", "difference", "low", "high",
    "p_holm", "verdict",
]  # fmt: skip
_GROUP_COLUMNS = [
    "combo", "model", "letters_of_combos", "letters_of_models", "accuracy", "n_seeds", "seeds_low",
    "seeds_high", "two_level_low", "two_level_high", "images_low", "images_high",
]  # fmt: skip
_POWER_COLUMNS = [
    "compared", "within", "measure", "sd", "freedom", "n_seeds", "detectable", "precision",
    "seeds_needed",
]  # fmt: skip


def comparison_tables(
    study: Study, index: Index, draws: int, precision: float
) -> dict[str, pd.DataFrame]:
    """Return all tables that compare a study's runs, by name.

    Args:
        study: the runs.
        index: of all images.
        draws: of each bootstrap.
        precision: half-width of a difference's 95 % interval to plan for, a share of 1.
    """
    pairs, groups, power = comparisons(study, draws, precision)
    return {
        "comparisons": pairs,
        "groups": groups,
        "power": power,
        "variance": variance_table(study),
        "scaling": scaling_table(study, draws),
        "agreement": agreement_table(study),
        "shapley": shapley_table(study, index.labels, index.classes),
        "calibration": calibration_table(study),
    }


def comparisons(
    study: Study, draws: int, precision: float
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the pairs of all families, the groups with letters, and what differences can be found.

    Args:
        study: the runs.
        draws: of each bootstrap.
        precision: half-width of a difference's 95 % interval to plan for, a share of 1.

    Returns:
        - a row a pair and measure: what `study.comparison.pairs.compare` says, after `compared`
          ("combos" or "models"), `within` (the model or combo that the family shares) and
          `measure`;
        - a row a group: `combo`, `model`, `letters_of_combos` (combos of the model that share a
          letter were not found different), `letters_of_models` (likewise models on the combo),
          mean `accuracy` over `n_seeds` on the images that the group is compared by, with its 95 %
          t interval over seeds (`seeds_low`, `seeds_high`), and its 95 % bootstrap intervals over
          images alone (`images_low`, `images_high`) and over seeds and images (`two_level_low`,
          `two_level_high`);
        - a row a family and measure: `sd`, the noise of a run after group and seed (at least that
          of the test images), its `freedom`, the `detectable` difference (found in 80 % of all
          cases) with this study's `n_seeds`, and the `seeds_needed` for the `precision`.
    """
    resampled = _resampled(study, draws)
    tables, powers, lettered = [], [], {}
    for family in study.families():
        for measure, smaller_is_better in MEASURES.items():
            values = study.values(family, measure)
            drawn = resampled[family.kind, family.shared, measure]
            pairs = compare(family.names, values, drawn, smaller_is_better=smaller_is_better)
            first = {"compared": family.kind, "within": family.shared, "measure": measure}
            tables.append(pd.concat([pd.DataFrame([first] * len(pairs)), pairs], axis=1))
            powers.append(first | power_row(values, precision if measure == "accuracy" else None))
            if measure == "accuracy":
                for group, shown in _letters(family, values, pairs).items():
                    lettered.setdefault(group, {})[f"letters_of_{family.kind}"] = shown
    groups = [
        {"combo": combo, "model": model, "letters_of_combos": "", "letters_of_models": ""}
        | lettered.get((combo, model), {})
        | _accuracy_of_group(study, combo, model, resampled)
        for combo, model in itertools.product(study.combos, study.models)
    ]
    return (
        pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=_PAIR_COLUMNS),
        pd.DataFrame(groups, columns=_GROUP_COLUMNS),
        pd.DataFrame(powers, columns=_POWER_COLUMNS),
    )


def _letters(
    family: Family, values: Sequence[np.ndarray], pairs: pd.DataFrame
) -> dict[tuple[str, str], str]:
    """Return the letters of each group of a family by combo and model; "" for one without a run."""
    means = np.array([of_seed.mean(axis=0) for of_seed in values]).T
    known = {
        name: np.nanmean(of_group)
        for name, of_group in zip(family.names, means, strict=True)
        if not np.isnan(of_group).all()
    }
    best_first = sorted(known, key=known.get, reverse=True)
    shown = letters(best_first, pairs) if len(pairs) else {}
    return {
        group: shown.get(name, "") for name, group in zip(family.names, family.groups, strict=True)
    }


def _accuracy_of_group(
    study: Study, combo: str, model: str, resampled: Mapping[tuple[str, ...], Resampled]
) -> dict[str, Any]:
    (accuracies,) = study.accuracies([combo], model)
    interval = t_interval(accuracies[~np.isnan(accuracies)])
    row = {
        "accuracy": interval.mean,
        "n_seeds": interval.n,
        "seeds_low": interval.low,
        "seeds_high": interval.high,
    }
    if (combo, model) in resampled:
        for name, means in resampled[combo, model]._asdict().items():
            row[f"{name}_low"], row[f"{name}_high"] = percentile_interval(means[:, 0])
    return row


class _Tables(Sequence):
    """For each seed float32 n×3G: all measures of all groups; made when asked for, being large."""

    def __init__(self, study: Study, groups: Sequence[tuple[str, str]], official: bool):
        self.study, self.groups = study, groups
        self.seeds = list(study.tested_seeds(official).items())

    def __len__(self) -> int:
        return len(self.seeds)

    def __getitem__(self, index: int) -> np.ndarray:
        tables = [
            self.study.values_of_seed(*self.seeds[index], self.groups, measure, np.float32)
            for measure in MEASURES
        ]
        return np.concatenate(tables, axis=1)


def _resampled(study: Study, draws: int) -> dict[tuple[str, ...], Resampled]:
    """Return bootstrap draws of each family's differences and of each group's accuracy.

    They are found by (kind, shared, measure) of the family and by (combo, model). Everything with
    the same test images is resampled together: once, for it is the resampling that takes time.
    """
    resampled: dict[tuple[str, ...], Resampled] = {}
    for official in (False, True):
        groups = [group for group in study.groups if (group[0] == OFFICIAL) == official]
        if not groups:
            continue
        families = [family for family in study.families() if family.official == official]
        # A family's groups without any run have no draws either.
        of_families = itertools.chain(*(family.groups for family in families))
        groups = list(dict.fromkeys([*groups, *of_families]))
        column = {group: number for number, group in enumerate(groups)}
        n_columns, pairs, parts = len(MEASURES) * len(groups), [], {}
        for family, (number, measure) in itertools.product(families, enumerate(MEASURES)):
            columns = [number * len(groups) + column[group] for group in family.groups]
            start = n_columns + len(pairs)
            pairs += itertools.combinations(columns, 2)
            parts[family.kind, family.shared, measure] = slice(start, n_columns + len(pairs))
        random = np.random.default_rng(stream_seed(0, f"compare/{official}"))
        drawn = resample(_Tables(study, groups, official), draws, random, pairs)
        # Accuracy is the first of the measures.
        parts |= {group: slice(number, number + 1) for group, number in column.items()}
        resampled |= {key: drawn.columns(part) for key, part in parts.items()}
    return resampled


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
