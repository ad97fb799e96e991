"""What the runs of a study say when they are laid side by side: tables of differences, variances, scaling and agreement."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import log_softmax

from study.agreement import error_consistency
from study.comparisons import Resampled, compare, detectable, differences, letters, resample, residual, seeds_needed
from study.datasets import OFFICIAL
from study.metrics import losses
from study.predictions import Predictions
from study.resampling import percentile_interval
from study.scaling import Scaling, fit_scaling
from study.seeds import stream_seed
from study.shapley import needed_combos, shapley_values
from study.statistics import t_interval
from study.variance import variance_components

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
    """One run's answers.

    Attributes:
        test: int, n; image_ids that it is compared by.
        values: by measure float, n; for each test image.
        right: bool, N.
        unseen: bool, N; images that the run neither trained nor validated on.
        confidence: by "as trained" and "after temperature scaling" float, n; probability of the predicted class.
    """

    test: np.ndarray
    values: dict[str, np.ndarray]
    right: np.ndarray
    unseen: np.ndarray
    confidence: dict[str, np.ndarray]


def answers(predictions: Predictions, test: np.ndarray, labels: np.ndarray, temperature: float | None) -> Run:
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
        confidence["after temperature scaling"] = np.exp(log_softmax(tested / temperature, axis=1).max(axis=1))
    values = {"accuracy": right[test].astype(float), "nll": nll, "brier": brier}
    return Run(test, values, right, predictions.may_judge(), confidence)


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
        self.runs, self.combos, self.models, self.seeds = runs, list(combos), list(models), list(seeds)
        self.partitions = list(partitions)

    def values(self, groups: Sequence[tuple[str, str]], measure: str) -> list[np.ndarray]:
        """Return for each seed of the study the measure of each test image, float n×G; NaN where a run is missing.

        All groups are on the combo official, or none is. Seeds without any such run are left out.
        """
        official = groups[0][0] == OFFICIAL
        tables = []
        for seed in self.seeds:
            size = next(
                (len(run.test) for (c, _, s), run in self.runs.items() if s == seed and (c == OFFICIAL) == official), 0
            )
            if size:
                missing = np.full(size, np.nan)
                runs = [self.runs.get((*group, seed)) for group in groups]
                tables.append(np.stack([run.values[measure] if run else missing for run in runs], axis=1))
        return tables

    def accuracies(self, combos: Sequence[str], model: str) -> np.ndarray:
        """Return accuracies, float C×S; NaN where a run is missing."""
        return np.array(
            [
                [
                    self.runs[c, model, s].values["accuracy"].mean() if (c, model, s) in self.runs else np.nan
                    for s in self.seeds
                ]
                for c in combos
            ]
        )

    def families(self) -> list[Family]:
        """Return the families in which something can be compared."""
        combos = [combo for combo in self.combos if combo != OFFICIAL]
        families = [Family("combos", model, combos, [(c, model) for c in combos]) for model in self.models]
        families += [Family("models", combo, self.models, [(combo, m) for m in self.models]) for combo in self.combos]
        return [
            family
            for family in families
            if sum(any((*group, seed) in self.runs for seed in self.seeds) for group in family.groups) > 1
        ]


def comparisons(study: Study, draws: int, precision: float) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the pairs of all families, the groups with their letters, and what differences the study can find.

    Args:
        study: the runs.
        draws: of each bootstrap.
        precision: half-width of a difference's 95 % interval that future studies want, a share of 1.

    Returns:
        - a row a pair and measure: what `study.comparisons.compare` says, after `compared` ("combos" or "models"), `within` (the
          model or combo that the family shares) and `measure`;
        - a row a group: `combo`, `model`, `letters_of_combos` (combos of the model that share a letter were not found different),
          `letters_of_models` (likewise models on the combo), mean `accuracy` over `n_seeds` on the images that the
          group is compared by, with its 95 % t interval over seeds (`seeds_low`, `seeds_high`), and the ends of the mean accuracy's 95 % bootstrap intervals over
          images alone (`images_low`, `images_high`) and over seeds and images (`two_level_low`, `two_level_high`);
        - a row a family and measure: `sd`, the noise of a run after group and seed, its `freedom`, the `detectable` difference
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
            noise = residual(means.T)
            power = first | {
                "sd": noise.sd,
                "freedom": noise.freedom,
                "n_seeds": int((~np.isnan(means)).any(axis=1).sum()),
            }
            power["detectable"] = detectable(noise, power["n_seeds"])
            if measure == "accuracy":
                power |= {"precision": precision, "seeds_needed": seeds_needed(noise, len(family.names), precision)}
                known = [name for name, mean in zip(family.names, means.T, strict=True) if not np.isnan(mean).all()]
                best_first = sorted(known, key=lambda name: -np.nanmean(means[:, family.names.index(name)]))
                shown = letters(best_first, pairs) if len(pairs) else {}
                for name, group in zip(family.names, family.groups, strict=True):
                    lettered.setdefault(group, {})[f"letters_of_{family.kind}"] = shown.get(name, "")
            powers.append(power)
    rows = []
    for group in itertools.product(study.combos, study.models):
        row = {"combo": group[0], "model": group[1], "letters_of_combos": "", "letters_of_models": ""}
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
    return pairs, pd.DataFrame(rows, columns=columns), pd.DataFrame(powers, columns=None if powers else _POWER_COLUMNS)


def _resampled(study: Study, draws: int) -> dict[tuple[str, ...], Resampled]:
    """Return bootstrap draws by (kind, shared, measure) of each family's differences and by (combo, model) of each accuracy.

    Everything with the same test images is resampled together: once, for it is the resampling that takes time.
    """
    found: dict[tuple[str, ...], Resampled] = {}
    for official in (False, True):
        columns: dict[tuple[str, ...], list[np.ndarray]] = {}
        for family in study.families():
            if (family.groups[0][0] == OFFICIAL) == official:
                for measure in MEASURES:
                    columns[family.kind, family.shared, measure] = differences(study.values(family.groups, measure))
        for combo, model, _ in study.runs:
            if (combo == OFFICIAL) == official and (combo, model) not in columns:
                columns[combo, model] = study.values([(combo, model)], "accuracy")
        if not columns:
            continue
        tables = [np.concatenate(of_seed, axis=1) for of_seed in zip(*columns.values(), strict=True)]
        drawn = resample(tables, draws, np.random.default_rng(stream_seed(0, f"compare/{official}")))
        ends = np.cumsum([of_seeds[0].shape[1] for of_seeds in columns.values()])[:-1]
        parts = zip(*(np.split(table, ends, axis=1) for table in drawn), strict=True)
        found |= {key: Resampled(*part) for key, part in zip(columns, parts, strict=True)}
    return found


def variances(study: Study) -> pd.DataFrame:
    """Return where the spread of accuracies comes from, for each model, over the combos of one partition."""
    rows = []
    single = [combo for combo in study.combos if combo in study.partitions]
    for model in study.models if single else []:
        right = []
        for combo in single:
            runs = [study.runs[combo, model, s] for s in study.seeds if (combo, model, s) in study.runs]
            unseen = np.all([run.unseen for run in runs], axis=0) if runs else np.zeros(0, bool)
            right.append(np.array([run.right[unseen] for run in runs]))
        n_test = [len(run.values["accuracy"]) for (c, m, _), run in study.runs.items() if c in single and m == model]
        if n_test:
            parts = variance_components(study.accuracies(single, model), min(n_test), right)
            rows += [{"model": model} | part for part in parts]
    return pd.DataFrame(rows, columns=["model", "source", "sd", "low", "high", "freedom", "F", "p"])


def scalings(study: Study, n_train: dict[str, int], draws: int) -> tuple[pd.DataFrame, dict[str, Scaling]]:
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
                {"model": model, "exponent": fit.exponent, "low": fit.low, "high": fit.high, "intercept": fit.intercept}
                | {"error_ratio_of_doubling": 2**-fit.exponent}
                | fitted
            )
    return pd.DataFrame(rows, columns=None if rows else ["model", "exponent", "low", "high"]), fits


def agreements(study: Study) -> pd.DataFrame:
    """Return how far models, and seeds, fail on the same images: Cohen's kappa of being right on images that neither has seen."""
    rows = []

    def row(kind: str, combo: str, a: str, b: str, pairs: list[tuple[Run, Run]]) -> None:
        kappas = [error_consistency(*(one.right[x.unseen & y.unseen] for one in (x, y))) for x, y in pairs]
        if kappas:
            n = int(np.mean([(x.unseen & y.unseen).sum() for x, y in pairs]))
            spread = {"kappa": np.mean(kappas), "least": min(kappas), "most": max(kappas)}
            rows.append(
                {"between": kind, "combo": combo, "a": a, "b": b} | spread | {"n_pairs": len(kappas), "n_images": n}
            )

    for combo in study.combos:
        for i, a in enumerate(study.models):
            own = [study.runs[combo, a, s] for s in study.seeds if (combo, a, s) in study.runs]
            row("seeds", combo, a, a, [(x, y) for j, x in enumerate(own) for y in own[:j]])
            for b in study.models[:i]:
                both = [s for s in study.seeds if (combo, a, s) in study.runs and (combo, b, s) in study.runs]
                row("models", combo, b, a, [(study.runs[combo, b, s], study.runs[combo, a, s]) for s in both])
    return pd.DataFrame(rows, columns=["between", "combo", "a", "b", "kappa", "least", "most", "n_pairs", "n_images"])


def worths(study: Study, labels: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """Return the Shapley value of each partition for each model, overall and by class, with a t interval over seeds."""
    unions = {frozenset(combo.split("+")): combo for combo in study.combos if combo != OFFICIAL}
    rows: list[dict[str, Any]] = []
    for model in study.models:
        seeds = [s for s in study.seeds if all((combo, model, s) in study.runs for combo in unions.values())]
        if not seeds or not set(needed_combos(study.partitions)) <= set(unions):
            continue
        scores = {
            parts: np.array([_by_class(study.runs[combo, model, s], labels, len(classes)) for s in seeds])
            for parts, combo in unions.items()
        }
        for partition, values in shapley_values(study.partitions, scores, 1 / len(classes)).items():
            for column, name in enumerate(["overall", *classes]):
                interval = t_interval(values[:, column])
                rows.append(
                    {"model": model, "partition": partition, "class": name, "value": interval.mean}
                    | {"sd": interval.sd, "low": interval.low, "high": interval.high, "n_seeds": len(seeds)}
                )
    return pd.DataFrame(rows, columns=["model", "partition", "class", "value", "sd", "low", "high", "n_seeds"])


def _by_class(run: Run, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Return the accuracy over all classes and of each; NaN for a class without test images."""
    right, of_class = run.right[run.test], labels[run.test]
    by_class = [right[of_class == k].mean() if (of_class == k).any() else np.nan for k in range(n_classes)]
    return np.array([right.mean(), *by_class])


def confidences(study: Study) -> dict[str, dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Return for each model, as trained and after temperature scaling, confidence and correctness of all its test answers."""
    pooled: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]] = {}
    for model in study.models:
        runs = [run for (_, name, _), run in study.runs.items() if name == model]
        for state in dict.fromkeys(state for run in runs for state in run.confidence):
            own = [run for run in runs if state in run.confidence]
            pooled.setdefault(model, {})[state] = (
                np.concatenate([run.confidence[state] for run in own]),
                np.concatenate([run.right[run.test] for run in own]),
            )
    return pooled
