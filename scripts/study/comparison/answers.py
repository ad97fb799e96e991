"""The answers of a study's runs, on the test images that they are compared by."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from scipy.special import log_softmax

from study.data.index import read_image_ids
from study.data.names import OFFICIAL
from study.runs.calibration import equal_width_edges, reliability
from study.runs.linearised import auroc_values, macro_f1_values
from study.runs.metrics import losses
from study.runs.predictions import Predictions
from study.runs.roc import Curves, curves_of
from study.runs.run import Run, read_runs, training_sizes
from study.runs.tree import ResultsTree

# Times as many images in the largest class as in the smallest one.
_UNEVEN = 1.5


class Answers(NamedTuple):
    """One run's answers, kept small: a study has thousands of runs.

    Attributes:
        run: whose answers.
        test: int, n; image_ids that it is compared by.
        values: by measure bool or float32, n; for each test image.
        n_images: N.
        bits: uint8, 2×⌈N/8⌉; `right` and `unseen`, one bit per image.
        bins: by "as trained" and "after temperature scaling" what
            `study.runs.calibration.reliability` says of the test images.
        curves: ROC and precision–recall curves on the test images; None of predictions that were
            made elsewhere.
        steps: by measure what one image changes; see `image_steps`. Default: 1 by all.
    """

    run: Run
    test: np.ndarray
    values: dict[str, np.ndarray]
    n_images: int
    bits: np.ndarray
    bins: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]
    curves: Curves | None = None
    steps: Mapping[str, float] = MappingProxyType({})

    @property
    def right(self) -> np.ndarray:
        """Return a mask, bool N, of the images that the run gets right."""
        return np.unpackbits(self.bits[0], count=self.n_images).view(bool)

    @property
    def unseen(self) -> np.ndarray:
        """Return a mask, bool N, of the images that the run may judge.

        It neither trained nor validated on them, nor on others nearly the same.
        """
        return np.unpackbits(self.bits[1], count=self.n_images).view(bool)

    @property
    def accuracy(self) -> float:
        """Return the share of the test images that the run gets right."""
        return self.values["accuracy"].mean()


def is_uneven(labels: np.ndarray) -> bool:
    """Tell whether classes are so uneven that accuracy says little of the small ones."""
    counts = np.bincount(labels)
    return bool(counts.max() > _UNEVEN * counts[counts > 0].min())


def image_values(
    log_probabilities: np.ndarray, labels: np.ndarray, right: np.ndarray, uneven: bool
) -> dict[str, np.ndarray]:
    """Return what each measure makes of each image, bool or float32 n: a run's is their mean.

    Balanced accuracy, the mean recall of the classes, is a mean over images too, in which the
    images of a class weigh n / (K · images of the class). For macro F1 and AUROC see
    `study.runs.linearised`.

    Args:
        log_probabilities: float64, n×K.
        labels: int, n.
        right: bool, n; whether the answer is the label.
        uneven: the measures in which each class counts the same are among them.
    """
    n_classes, (nll, brier) = log_probabilities.shape[1], losses(log_probabilities, labels)
    values = {
        "accuracy": right,
        "nll": nll.astype(np.float32),
        "brier": brier.astype(np.float32),
    }
    if uneven:
        counts = np.bincount(labels)
        weights = len(labels) / (np.count_nonzero(counts) * counts[labels])
        by_class = {
            "balanced_accuracy": right * weights,
            "macro_f1": macro_f1_values(labels, log_probabilities.argmax(axis=1), n_classes),
            "auroc": auroc_values(log_probabilities, labels),
        }
        values |= {name: of_images.astype(np.float32) for name, of_images in by_class.items()}
    return values


def image_steps(labels: np.ndarray) -> dict[str, float]:
    """Return by measure how much the value of an image changes that is answered wrongly.

    Two nats are the log loss of an image whose label got 14 %. Where each class counts the same, it
    is an image of the rarest class: two more than it has, so that one of one counts as a third.
    A wrong answer of a nearly perfect model mostly stays above most images of other classes. So it
    costs a tenth of the area under the curve that the last place would.

    Args:
        labels: int, n.
    """
    counts = np.bincount(labels)
    counts = counts[counts > 0]
    rarest = len(labels) / (len(counts) * (counts.min() + 2))
    by_class = {"balanced_accuracy": rarest, "macro_f1": rarest, "auroc": rarest / 10}
    return {"accuracy": 1.0, "nll": 2.0, "brier": 1.0} | by_class


def answers(
    run: Run,
    predictions: Predictions,
    test: np.ndarray,
    labels: np.ndarray,
    temperature: float | None,
    duplicates: np.ndarray | None = None,
) -> Answers:
    """Return a run's answers.

    Args:
        run: one that did not diverge.
        predictions: its predictions of all images.
        test: int; image_ids that the run is compared by.
        labels: int, N.
        temperature: of the run, if there is one.
        duplicates: int64, P×2; see `Predictions.may_judge`.
    """
    tested = predictions.logits[test].astype(np.float64)
    log_p = log_softmax(tested, axis=1)
    right = predictions.logits.argmax(axis=1) == labels
    confidence = {"as trained": np.exp(log_p.max(axis=1))}
    if temperature is not None:
        scaled = log_softmax(tested / temperature, axis=1)
        confidence["after temperature scaling"] = np.exp(scaled.max(axis=1))
    edges = equal_width_edges()
    bins = {state: reliability(p, right[test], edges) for state, p in confidence.items()}
    values = image_values(log_p, labels[test], right[test], is_uneven(labels))
    bits = np.packbits([right, predictions.may_judge(duplicates)], axis=1)
    curves = curves_of(log_p, labels[test])
    return Answers(run, test, values, len(labels), bits, bins, curves, image_steps(labels[test]))


class Family(NamedTuple):
    """Groups that are compared with each other.

    Attributes:
        kind: "combos" or "models".
        shared: the model of all combos, or the combo of all models.
        names: what differs.
        groups: combo and model of each.
        apart: whether its groups are tested on images of their own, as on the combo official.
    """

    kind: str
    shared: str
    names: list[str]
    groups: list[tuple[str, str]]
    apart: bool


class Study:
    """The runs of a study, and the answers of those that did not diverge.

    Attributes:
        runs: all runs, in the study's order.
        combos: names, like `models` and `seeds`.
        partitions: names of all partitions.
        groups: by combo and model the answers of its runs, by seed.
        together: int64, N; the group of each image where images belong together, else None.
        external: whether all are tested on images that are in no combo.
    """

    def __init__(
        self,
        runs: Sequence[Run],
        answered: Iterable[Answers],
        partitions: Sequence[str],
        together: np.ndarray | None = None,
        external: bool = False,
    ):
        self.runs, self.partitions, self.together = list(runs), list(partitions), together
        self.external = external
        self.combos = list(dict.fromkeys(run.combo for run in self.runs))
        self.models = list(dict.fromkeys(run.model for run in self.runs))
        self.seeds = list(dict.fromkeys(run.seed for run in self.runs))
        self.groups: dict[tuple[str, str], dict[int, Answers]] = {}
        for one in answered:
            self.groups.setdefault((one.run.combo, one.run.model), {})[one.run.seed] = one

    def group(self, combo: str, model: str) -> dict[int, Answers]:
        """Return the answers of a combo's and model's runs, by seed."""
        return self.groups.get((combo, model), {})

    @property
    def measures(self) -> list[str]:
        """Return by what all runs can be compared; accuracy first."""
        every = [one.values for by_seed in self.groups.values() for one in by_seed.values()]
        return [name for name in every[0] if all(name in values for values in every)]

    @property
    def n_train(self) -> dict[str, int]:
        """Return by combo how many images its runs train on."""
        return training_sizes(self.runs)

    def varies(self, model: str, what: str) -> bool:
        """Whether a model's answers depend on its "combo" or "seed".

        Those of an imported one do not where one file is for all combos or seeds.
        """
        recipe = next(run for run in self.runs if run.model == model).record.get("recipe", {})
        return what in recipe.get("architecture", {}).get("varies_with", [what])

    def learns_from_combo(self, model: str) -> bool:
        """Whether a model was trained on the training images of its combos."""
        return next(run for run in self.runs if run.model == model).learns_from_combo

    def apart(self, combo: str) -> bool:
        """Tell whether runs on a combo are tested on other images than those on other combos."""
        return combo == OFFICIAL and not self.external

    def tests(self, apart: bool) -> dict[int, np.ndarray]:
        """Return the test images of each seed that has a run, by seed.

        Args:
            apart: whether of runs on a combo that stands apart, or of all others.
        """
        tests = {
            seed: one.test
            for (combo, _), by_seed in self.groups.items()
            if self.apart(combo) == apart
            for seed, one in by_seed.items()
        }
        return {seed: tests[seed] for seed in self.seeds if seed in tests}

    def units(self, image_ids: np.ndarray) -> np.ndarray:
        """Return what was drawn with each image, int n: its group's number, or its own."""
        return image_ids if self.together is None else self.together[image_ids]

    def values(self, family: Family, measure: str) -> list[np.ndarray]:
        """Return for each tested seed the measure of each test image, float n×G.

        NaN where a run is missing. Seeds without any run are left out.
        """
        tables = []
        for seed, test in self.tests(family.apart).items():
            table = np.full((len(test), len(family.groups)), np.nan)
            for column, group in enumerate(family.groups):
                if seed in self.group(*group):
                    table[:, column] = self.group(*group)[seed].values[measure]
            tables.append(table)
        return tables

    def step(self, family: Family, measure: str) -> float:
        """Return how much the value of an image changes that is answered wrongly."""
        tested = (one for group in family.groups for one in self.group(*group).values())
        return max(one.steps.get(measure, 1.0) for one in tested)

    def means(self, measure: str) -> dict[tuple[str, str], np.ndarray]:
        """Return by combo and model the mean over test images of each seed, NaN without a run."""
        return {
            group: np.array(
                [
                    by_seed[s].values[measure].mean(dtype=float) if s in by_seed else np.nan
                    for s in self.seeds
                ]
            )
            for group, by_seed in self.groups.items()
        }

    def accuracies(self, combos: Sequence[str], model: str) -> np.ndarray:
        """Return accuracies, float C×S; NaN where a run is missing."""
        means, missing = self.means("accuracy"), np.full(len(self.seeds), np.nan)
        return np.array([means.get((combo, model), missing) for combo in combos])

    def families(self) -> list[Family]:
        """Return the families in which something can be compared."""
        combos = [combo for combo in self.combos if not self.apart(combo)]
        families = [
            Family("combos", model, combos, [(c, model) for c in combos], False)
            for model in self.models
            if self.varies(model, "combo")
        ]
        families += [
            Family("models", combo, self.models, [(combo, m) for m in self.models], apart)
            for combo in self.combos
            for apart in [self.apart(combo)]
        ]
        return [
            family for family in families if sum(map(self.groups.__contains__, family.groups)) > 1
        ]


def read_study(
    path: str | Path,
    labels: np.ndarray,
    partitions: Sequence[str],
    together: np.ndarray | None = None,
    external: np.ndarray | None = None,
    left_out: np.ndarray | None = None,
    duplicates: np.ndarray | None = None,
) -> tuple[Study, Study | None]:
    """Return the runs of a study with their answers on their seed's common test.

    Runs on the combo official are scored on its own test images. A second study has the answers on
    images that are in no combo, if there are any.

    Args:
        path: the list of runs, results/runs.csv; runs and common tests lie beside it.
        labels: int, N.
        partitions: names of all partitions.
        together: int64, N; groups of images. Default: each image is alone.
        external: int64; image_ids that no run trains on. Default: there are none.
        left_out: bool, N; images that people left out. Default: there are none.
        duplicates: int64, P×2; pairs of image_ids that are nearly the same. Default: none.
    """
    tree, tests = ResultsTree(Path(path).parent), {}
    runs, answered, outside = read_runs(path, left_out), [], []
    for run in runs:
        predictions = run.predictions()
        if predictions.diverged:
            continue
        if run.combo == OFFICIAL:
            test = np.flatnonzero(predictions.has_role("test"))
        else:
            if run.seed not in tests:
                tests[run.seed] = read_image_ids(tree.common_test(run.seed))
            test = tests[run.seed]
        temperature = run.metrics["temperature"]
        answered.append(answers(run, predictions, test, labels, temperature, duplicates))
        if external is not None:
            outside.append(answers(run, predictions, external, labels, None))
    study = Study(runs, answered, partitions, together)
    if external is None:
        return study, None
    return study, Study(runs, outside, partitions, together, external=True)
