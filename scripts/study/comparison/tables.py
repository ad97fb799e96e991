"""What the runs of a study say when they are laid side by side: tables of differences, variances, scaling and agreement."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import log_softmax

from study.comparison.bootstrap import percentile_interval
from study.comparison.error_consistency import error_consistency
from study.comparison.intervals import t_interval
from study.comparison.pairs import (
    Resampled,
    compare,
    detectable,
    letters,
    resample,
    seeds_needed,
    study_noise,
)
from study.comparison.scaling import Scaling, fit_scaling
from study.comparison.shapley import needed_combos, shapley_values
from study.comparison.variance import variance_components
from study.data.names import OFFICIAL
from study.runs.calibration import equal_width_edges, reliability
from study.runs.metrics import losses
from study.runs.predictions import Predictions
from study.seeds import stream_seed

# A measure of single images, and whether less of it is better.
MEASURES = {"accuracy": False, "nll": True, "brier": True}

# Of tables without rows.
_PAIR_COLUMNS = [
    "compared",
    "within",
    "measure",
    "a",
    "b",
    "mean_a",
    "mean_b",
    "difference",
    "low",
    "high",
    "p_holm",
    "verdict",
]
_ENDS = [
    "accuracy",
    "n_seeds",
    "seeds_low",
    "seeds_high",
    "two_level_low",
    "two_level_high",
    "images_low",
    "images_high",
]
_POWER_COLUMNS = [
    "compared",
    "within",
    "measure",
    "sd",
    "freedom",
    "n_seeds",
    "detectable",
    "precision",
    "seeds_needed",
]


class Run(NamedTuple):
    """One run's answers, kept small: a study has thousands of runs.

    Attributes:
        test: int, n; image_ids that it is compared by.
        values: by measure bool or float32, n; for each test image.
        n_images: N.
        bits: uint8, 2×⌈N/8⌉; `right` and `unseen`, a bit an image.
        bins: by "as trained" and "after temperature scaling" what `study.runs.calibration.reliability` says of the test images.
    """

    test: np.ndarray
    values: dict[str, np.ndarray]
    n_images: int
    bits: np.ndarray
    bins: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]

    @property
    def right(self) -> np.ndarray:
        """Return a mask, bool N, of the images that the run gets right."""
        return np.unpackbits(self.bits[0], count=self.n_images).view(bool)

    @property
    def unseen(self) -> np.ndarray:
        """Return a mask, bool N, of the images that the run neither trained nor validated on."""
        return np.unpackbits(self.bits[1], count=self.n_images).view(bool)


def answers(
    predictions: Predictions, test: np.ndarray, labels: np.ndarray, temperature: float | None
) -> Run:
    """Return a run's answers.

    Args:
        predictions: of all images; not of a run that diverged.
        test: int; image_ids that the run is compared by.
        labels: int, N.
        temperature: of the run, if there is one.
    """
    tested = predictions.logits[test].astype(np.float64)
    log_p = log_softmax(tested, axis=1)
    nll, brier = losses(log_p, labels[test])
    right = predictions.logits.argmax(axis=1) == labels
    confidence = {"as trained": np.exp(log_p.max(axis=1))}
    if temperature is not None:
        confidence["after temperature scaling"] = np.exp(
            log_softmax(tested / temperature, axis=1).max(axis=1)
        )
    bins = {
        state: reliability(p, right[test], equal_width_edges()) for state, p in confidence.items()
    }
    values = {
        "accuracy": right[test],
        "nll": nll.astype(np.float32),
        "brier": brier.astype(np.float32),
    }
    return Run(
        test, values, len(labels), np.packbits([right, predictions.may_judge()], axis=1), bins
    )


class Family(NamedTuple):
    """Groups that are compared with each other.

    Attributes:
        kind: "combos" or "models".
        shared: the model of all combos, or the combo of all models.
        names: what differs.
        groups: combo and model of each.
    """

    kind: str
    shared: str
    names: list[str]
    groups: list[tuple[str, str]]


class Study:
    """The runs of a study, on the images that they are compared by.

    Args:
        runs: by combo, model and seed; those that diverged are missing.
        combos: names, as `models` and `seeds`.
        models: see there.
        seeds: see there.
        partitions: names of all partitions.
    """

    def __init__(
        self,
        runs: Mapping[tuple[str, str, int], Run],
        combos: Sequence[str],
        models: Sequence[str],
        seeds: Sequence[int],
        partitions: Sequence[str],
    ):
        self.runs, self.combos, self.models, self.seeds = (
            runs,
            list(combos),
            list(models),
            list(seeds),
        )
        self.partitions = list(partitions)

    def tested_seeds(self, official: bool) -> dict[int, int]:
        """Return the seeds with a run on the combo official, or on another one, and how many test images these runs have."""
        sizes = {
            s: len(run.test)
            for (combo, _, s), run in self.runs.items()
            if (combo == OFFICIAL) == official
        }
        return {seed: sizes[seed] for seed in self.seeds if seed in sizes}

    def values(self, groups: Sequence[tuple[str, str]], measure: str) -> list[np.ndarray]:
        """Return for each seed of the study the measure of each test image, float n×G; NaN where a run is missing.

        All groups are on the combo official, or none is. Seeds without any such run are left out.
        """
        seeds = self.tested_seeds(groups[0][0] == OFFICIAL)
        return [self.values_of_seed(seed, size, groups, measure) for seed, size in seeds.items()]

    def values_of_seed(
        self,
        seed: int,
        size: int,
        groups: Sequence[tuple[str, str]],
        measure: str,
        kind: type = np.float64,
    ) -> np.ndarray:
        """Return the measure of each of a seed's test images, of the given type, n×G; NaN where a run is missing."""
        table = np.full((size, len(groups)), np.nan, kind)
        for column, group in enumerate(groups):
            if (*group, seed) in self.runs:
                table[:, column] = self.runs[*group, seed].values[measure]
        return table

    def accuracies(self, combos: Sequence[str], model: str) -> np.ndarray:
        """Return accuracies, float C×S; NaN where a run is missing."""
        return np.array(
            [
                [
                    self.runs[c, model, s].values["accuracy"].mean()
                    if (c, model, s) in self.runs
                    else np.nan
                    for s in self.seeds
                ]
                for c in combos
            ]
        )

    def families(self) -> list[Family]:
        """Return the families in which something can be compared."""
        combos = [combo for combo in self.combos if combo != OFFICIAL]
        families = [
            Family("combos", model, combos, [(c, model) for c in combos]) for model in self.models
        ]
        families += [
            Family("models", combo, self.models, [(combo, m) for m in self.models])
            for combo in self.combos
        ]
        return [
            family
            for family in families
            if sum(
                any((*group, seed) in self.runs for seed in self.seeds) for group in family.groups
            )
            > 1
        ]


def comparisons(
    study: Study, draws: int, precision: float
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the pairs of all families, the groups with their letters, and what differences the study can find.

    Args:
        study: the runs.
        draws: of each bootstrap.
        precision: half-width of a difference's 95 % interval that future studies want, a share of 1.

    Returns:
        - a row a pair and measure: what `study.comparison.pairs.compare` says, after `compared` ("combos" or "models"), `within` (the
          model or combo that the family shares) and `measure`;
        - a row a group: `combo`, `model`, `letters_of_combos` (combos of the model that share a letter were not found different),
          `letters_of_models` (likewise models on the combo), mean `accuracy` over `n_seeds` on the images that the
          group is compared by, with its 95 % t interval over seeds (`seeds_low`, `seeds_high`), and the ends of the mean accuracy's 95 % bootstrap intervals over
          images alone (`images_low`, `images_high`) and over seeds and images (`two_level_low`, `two_level_high`);
        - a row a family and measure: `sd`, the noise of a run after group and seed (at least that of the test images), its `freedom`, the `detectable` difference
          (found in 80 % of all cases) with this study's `n_seeds`, and the `seeds_needed` for the `precision`.
    """
    tables, lettered, powers = [], {}, []
    resampled = _resampled(study, draws)
    for family in study.families():
        for measure, smaller_is_better in MEASURES.items():
            values = study.values(family.groups, measure)
            pairs = compare(
                family.names,
                values,
                resampled[family.kind, family.shared, measure],
                smaller_is_better=smaller_is_better,
            )
            first = {"compared": family.kind, "within": family.shared, "measure": measure}
            tables.append(pd.concat([pd.DataFrame([first] * len(pairs)), pairs], axis=1))
            means = np.array([table.mean(axis=0) for table in values])
            noise = study_noise(values)
            power = first | {
                "sd": noise.sd,
                "freedom": noise.freedom,
                "n_seeds": int((~np.isnan(means)).any(axis=1).sum()),
            }
            power["detectable"] = detectable(noise, power["n_seeds"])
            if measure == "accuracy":
                power |= {
                    "precision": precision,
                    "seeds_needed": seeds_needed(noise, len(family.names), precision),
                }
                known = [
                    name
                    for name, mean in zip(family.names, means.T, strict=True)
                    if not np.isnan(mean).all()
                ]
                best_first = sorted(
                    known, key=lambda name: -np.nanmean(means[:, family.names.index(name)])
                )
                shown = letters(best_first, pairs) if len(pairs) else {}
                for name, group in zip(family.names, family.groups, strict=True):
                    lettered.setdefault(group, {})[f"letters_of_{family.kind}"] = shown.get(
                        name, ""
                    )
            powers.append(power)
    rows = []
    for group in itertools.product(study.combos, study.models):
        row = {
            "combo": group[0],
            "model": group[1],
            "letters_of_combos": "",
            "letters_of_models": "",
        }
        row |= lettered.get(group, {})
        (accuracies,) = study.accuracies(group[:1], group[1])
        interval = t_interval(accuracies[~np.isnan(accuracies)])
        row |= {
            "accuracy": interval.mean,
            "n_seeds": interval.n,
            "seeds_low": interval.low,
            "seeds_high": interval.high,
        }
        if group in resampled:
            for name, means in resampled[group]._asdict().items():
                row[f"{name}_low"], row[f"{name}_high"] = percentile_interval(means[:, 0])
        rows.append(row)
    columns = ["combo", "model", "letters_of_combos", "letters_of_models", *_ENDS]
    pairs = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=_PAIR_COLUMNS)
    return (
        pairs,
        pd.DataFrame(rows, columns=columns),
        pd.DataFrame(powers, columns=None if powers else _POWER_COLUMNS),
    )


class _Tables(Sequence):
    """For each seed float32 n×3G: all measures of all groups. Made when asked for, because all of them are large."""

    def __init__(self, study: Study, groups: Sequence[tuple[str, str]], official: bool):
        self.study, self.groups, self.seeds = (
            study,
            groups,
            list(study.tested_seeds(official).items()),
        )

    def __len__(self) -> int:
        return len(self.seeds)

    def __getitem__(self, place: int) -> np.ndarray:
        seed = self.seeds[place]
        return np.concatenate(
            [
                self.study.values_of_seed(*seed, self.groups, measure, np.float32)
                for measure in MEASURES
            ],
            axis=1,
        )


def _resampled(study: Study, draws: int) -> dict[tuple[str, ...], Resampled]:
    """Return bootstrap draws by (kind, shared, measure) of each family's differences and by (combo, model) of each accuracy.

    Everything with the same test images is resampled together: once, for it is the resampling that takes time.
    """
    found: dict[tuple[str, ...], Resampled] = {}
    for official in (False, True):
        groups = list(
            dict.fromkeys((c, model) for c, model, _ in study.runs if (c == OFFICIAL) == official)
        )
        if not groups:
            continue
        # A family's groups without any run have no draws either.
        families = [
            family for family in study.families() if (family.groups[0][0] == OFFICIAL) == official
        ]
        groups = list(
            dict.fromkeys([*groups, *itertools.chain(*(family.groups for family in families))])
        )
        place = {group: number for number, group in enumerate(groups)}
        pairs, ends = [], {}
        for family, (number, measure) in itertools.product(families, enumerate(MEASURES)):
            own = [number * len(groups) + place[group] for group in family.groups]
            start = len(MEASURES) * len(groups) + len(pairs)
            pairs += itertools.combinations(own, 2)
            ends[family.kind, family.shared, measure] = slice(
                start, len(MEASURES) * len(groups) + len(pairs)
            )
        random = np.random.default_rng(stream_seed(0, f"compare/{official}"))
        drawn = resample(_Tables(study, groups, official), draws, random, pairs)
        found |= {key: drawn.columns(part) for key, part in ends.items()}
        # Accuracy is the first of the measures.
        found |= {
            group: drawn.columns(slice(number, number + 1)) for group, number in place.items()
        }
    return found


def variances(study: Study) -> pd.DataFrame:
    """Return where the spread of accuracies comes from, for each model, over the combos of one partition."""
    rows = []
    single = [combo for combo in study.combos if combo in study.partitions]
    for model in study.models if single else []:
        right = []
        for combo in single:
            runs = [
                study.runs[combo, model, s] for s in study.seeds if (combo, model, s) in study.runs
            ]
            unseen = np.all([run.unseen for run in runs], axis=0) if runs else np.zeros(0, bool)
            right.append(np.array([run.right[unseen] for run in runs]))
        n_test = [
            len(run.values["accuracy"])
            for (c, m, _), run in study.runs.items()
            if c in single and m == model
        ]
        if n_test:
            parts = variance_components(study.accuracies(single, model), min(n_test), right)
            rows += [{"model": model} | part for part in parts]
    return pd.DataFrame(rows, columns=["model", "source", "sd", "low", "high", "freedom", "F", "p"])


def scalings(
    study: Study, n_train: dict[str, int], draws: int
) -> tuple[pd.DataFrame, dict[str, Scaling]]:
    """Return the data-scaling fit of each model."""
    combos = [combo for combo in study.combos if combo != OFFICIAL]
    sizes = np.array([n_train[combo] for combo in combos])
    rows, fits = [], {}
    for model in study.models:
        random = np.random.default_rng(stream_seed(0, f"scaling/{model}"))
        fit = fit_scaling(sizes, study.accuracies(combos, model), draws, random) if combos else None
        if fit is not None:
            fits[model] = fit
            fitted = {f"error_at_{size}": fit.error(size) for size in np.unique(sizes)}
            rows.append(
                {
                    "model": model,
                    "exponent": fit.exponent,
                    "low": fit.low,
                    "high": fit.high,
                    "intercept": fit.intercept,
                }
                | {"error_ratio_of_doubling": 2**-fit.exponent}
                | fitted
            )
    return pd.DataFrame(rows, columns=None if rows else ["model", "exponent", "low", "high"]), fits


def agreements(study: Study) -> pd.DataFrame:
    """Return how far models, and seeds, fail on the same images: Cohen's kappa of being right on images that neither has seen."""
    rows = []

    def row(kind: str, combo: str, a: str, b: str, pairs: list[tuple[Run, Run]]) -> None:
        kappas = [
            error_consistency(*(one.right[x.unseen & y.unseen] for one in (x, y))) for x, y in pairs
        ]
        if kappas:
            n = int(np.mean([(x.unseen & y.unseen).sum() for x, y in pairs]))
            spread = {"kappa": np.mean(kappas), "least": min(kappas), "most": max(kappas)}
            rows.append(
                {"between": kind, "combo": combo, "a": a, "b": b}
                | spread
                | {"n_pairs": len(kappas), "n_images": n}
            )

    for combo in study.combos:
        for i, a in enumerate(study.models):
            own = [study.runs[combo, a, s] for s in study.seeds if (combo, a, s) in study.runs]
            row("seeds", combo, a, a, [(x, y) for j, x in enumerate(own) for y in own[:j]])
            for b in study.models[:i]:
                both = [
                    s
                    for s in study.seeds
                    if (combo, a, s) in study.runs and (combo, b, s) in study.runs
                ]
                row(
                    "models",
                    combo,
                    b,
                    a,
                    [(study.runs[combo, b, s], study.runs[combo, a, s]) for s in both],
                )
    return pd.DataFrame(
        rows,
        columns=["between", "combo", "a", "b", "kappa", "least", "most", "n_pairs", "n_images"],
    )


def worths(study: Study, labels: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """Return the Shapley value of each partition for each model, overall and by class, with a t interval over seeds."""
    unions = {frozenset(combo.split("+")): combo for combo in study.combos if combo != OFFICIAL}
    rows: list[dict[str, Any]] = []
    for model in study.models:
        seeds = [
            s
            for s in study.seeds
            if all((combo, model, s) in study.runs for combo in unions.values())
        ]
        if not seeds or not set(needed_combos(study.partitions)) <= set(unions):
            continue
        scores = {
            parts: np.array(
                [_by_class(study.runs[combo, model, s], labels, len(classes)) for s in seeds]
            )
            for parts, combo in unions.items()
        }
        for partition, values in shapley_values(study.partitions, scores, 1 / len(classes)).items():
            for column, name in enumerate(["overall", *classes]):
                interval = t_interval(values[:, column])
                rows.append(
                    {"model": model, "partition": partition, "class": name, "value": interval.mean}
                    | {
                        "sd": interval.sd,
                        "low": interval.low,
                        "high": interval.high,
                        "n_seeds": len(seeds),
                    }
                )
    return pd.DataFrame(
        rows, columns=["model", "partition", "class", "value", "sd", "low", "high", "n_seeds"]
    )


def _by_class(run: Run, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Return the accuracy over all classes and of each; NaN for a class without test images."""
    right, of_class = run.right[run.test], labels[run.test]
    by_class = [
        right[of_class == k].mean() if (of_class == k).any() else np.nan for k in range(n_classes)
    ]
    return np.array([right.mean(), *by_class])


def calibrations(study: Study) -> dict[str, dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]]:
    """Return for each model, as trained and after temperature scaling, what `reliability` says of all its runs' test answers together."""
    pooled: dict[str, dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]] = {}
    for model in study.models:
        runs = [run for (_, name, _), run in study.runs.items() if name == model]
        for state in dict.fromkeys(state for run in runs for state in run.bins):
            count, *means = map(
                np.array, zip(*(run.bins[state] for run in runs if state in run.bins), strict=True)
            )
            total = count.sum(axis=0)
            with np.errstate(invalid="ignore"):
                pooled.setdefault(model, {})[state] = (
                    total,
                    *(np.nansum(count * mean, axis=0) / total for mean in means),
                )
    return pooled
