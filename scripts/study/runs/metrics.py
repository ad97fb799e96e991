"""How good one run's predictions are. A new metric is one function and one line in `_MEASURES`."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Any

import numpy as np
from scipy.special import stdtrit

from study.data.names import EXTERNAL
from study.runs.calibration import (
    adaptive_edges,
    equal_width_edges,
    expected_calibration_error,
    fit_temperature,
)
from study.runs.chance import status_by_accuracy
from study.runs.clusters import effective_numbers
from study.runs.confusion import confusion
from study.runs.linearised import auroc_values
from study.runs.predictions import Predictions, log_softmax
from study.runs.run import ACCURACY, RECALLS

NORMAL = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Answers:
    """A run's answers on n images, n ≥ 1, as each metric reads them.

    Attributes:
        log_probabilities: float64, n×K.
        labels: int, n.
        groups: int, n; of images that were drawn together. Default: each image is alone.
    """

    log_probabilities: np.ndarray
    labels: np.ndarray
    groups: np.ndarray | None = None

    @cached_property
    def predicted(self) -> np.ndarray:
        """The most probable class of each image, int64 n."""
        return self.log_probabilities.argmax(axis=1)

    @cached_property
    def correct(self) -> np.ndarray:
        """Whether that class is the label, bool n."""
        return self.predicted == self.labels

    @cached_property
    def confidence(self) -> np.ndarray:
        """The probability of that class, float64 n."""
        return np.exp(self.log_probabilities.max(axis=1))

    @cached_property
    def of_label(self) -> np.ndarray:
        """The log-probability of the label, float64 n."""
        return self.log_probabilities[np.arange(len(self.labels)), self.labels]

    @cached_property
    def macro(self) -> np.ndarray:
        """Unweighted means of precision, recall and F1, float64 3.

        Over the classes with images or predictions.
        """
        n_classes = self.log_probabilities.shape[1]
        matrix = confusion(self.labels, self.predicted, n_classes)
        present = (matrix.sum(axis=0) + matrix.sum(axis=1)) > 0
        return precision_recall_f1(matrix)[:, present].mean(axis=1)


def precision_recall_f1(matrix: np.ndarray) -> np.ndarray:
    """Return precision, recall and F1 of each class, float64 3×K; an undefined one is 0.

    Args:
        matrix: int64, K×K; numbers of images, true classes in rows and predicted ones in columns.
    """
    hits, predicted, true = np.diag(matrix), matrix.sum(axis=0), matrix.sum(axis=1)
    parts = (hits, predicted), (hits, true), (2 * hits, predicted + true)
    return np.stack([part / np.maximum(whole, 1) for part, whole in parts])


def recalls(answers: Answers, classes: Sequence[str]) -> dict[str, float | None]:
    """Return the recall of each class by its name, None for a class without images."""
    of_class = [answers.labels == label for label in range(len(classes))]
    return {
        name: float(answers.correct[mask].mean()) if mask.any() else None
        for name, mask in zip(classes, of_class, strict=True)
    }


def balanced_accuracy(answers: Answers) -> float:
    """Return the unweighted mean of recall over the classes that have images."""
    return np.mean([answers.correct[answers.labels == k].mean() for k in np.unique(answers.labels)])


def top2_accuracy(answers: Answers) -> float:
    """Return the share of images whose label is among the two most probable classes.

    Among equally probable classes the label is as often first as each of them.
    """
    better, equal = (
        compared(answers.log_probabilities, answers.of_label[:, None]).sum(axis=1)
        for compared in (np.greater, np.equal)
    )
    return np.clip((2 - better) / equal, 0, 1).mean()


def accuracy_interval(answers: Answers) -> tuple[float, float]:
    """Return the ends of Wilson's 95 % interval: what other test images might give this model.

    Where whole groups are drawn, it counts them as the number of single images that say as much,
    and uses Student's t.
    """
    n, quantile = len(answers.labels), NORMAL
    if answers.groups is not None:
        n, n_groups = effective_numbers(answers.correct, answers.groups)
        quantile = float(stdtrit(max(n_groups - 1, 1), 0.975))
    return wilson_interval(float(answers.correct.mean()), n, quantile)


def wilson_interval(p: float, n: float, quantile: float) -> tuple[float, float]:
    """Return the ends of Wilson's interval of a share.

    Args:
        p: the share, 0 to 1.
        n: of how many.
        quantile: how many standard errors the ends are away.
    """
    middle = (p + quantile**2 / (2 * n)) / (1 + quantile**2 / n)
    half = quantile / (1 + quantile**2 / n) * math.sqrt(p * (1 - p) / n + (quantile / (2 * n)) ** 2)
    # At 0 and n right images the ends are 0 and 1, apart from rounding.
    return max(middle - half, 0.0) if p else 0.0, min(middle + half, 1.0) if p < 1 else 1.0


def losses(log_probabilities: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the negative log-likelihood of the label and the Brier score of each image, float n.

    Args:
        log_probabilities: float64, n×K.
        labels: int, n.
    """
    of_label = log_probabilities[np.arange(len(labels)), labels]
    return -of_label, (np.exp(log_probabilities) ** 2).sum(axis=1) - 2 * np.exp(of_label) + 1


def auroc(answers: Answers) -> float:
    """Return the mean over classes of the area under the ROC curve; NaN with images of one alone.

    See `study.runs.linearised.auroc_values`.
    """
    return auroc_values(answers.log_probabilities, answers.labels).mean()


def brier_score(answers: Answers) -> float:
    """Return the mean squared distance of the probabilities to the label, 0 to 2."""
    return losses(answers.log_probabilities, answers.labels)[1].mean()


def calibration_error(answers: Answers, edges: np.ndarray) -> float:
    """Return the expected calibration error over bins of confidence."""
    return expected_calibration_error(answers.confidence, answers.correct, edges)


# What is measured of a set of images, one number each. A line here is a column of summary.csv and
# summary_by_group.csv; study.report.glossary says what it means.
_MEASURES: dict[str, Callable[[Answers], float]] = {
    ACCURACY: lambda answers: answers.correct.mean(),
    "accuracy_low": lambda answers: accuracy_interval(answers)[0],
    "accuracy_high": lambda answers: accuracy_interval(answers)[1],
    "balanced_accuracy": balanced_accuracy,
    "macro_precision": lambda answers: answers.macro[0],
    "macro_recall": lambda answers: answers.macro[1],
    "macro_f1": lambda answers: answers.macro[2],
    "auroc": auroc,
    "top2_accuracy": top2_accuracy,
    "nll": lambda answers: -answers.of_label.mean(),
    "brier": brier_score,
    "ece": lambda answers: calibration_error(answers, equal_width_edges()),
    "ece_adaptive": lambda answers: calibration_error(answers, adaptive_edges(answers.confidence)),
}
# Measured again, as "nll_scaled" and "ece_scaled", after dividing the logits by a temperature.
_SCALED = ("nll", "ece")
METRICS = (*_MEASURES, *(f"{name}_scaled" for name in _SCALED))
NOT_MEASURED = {"n": 0, RECALLS: {}} | dict.fromkeys(METRICS)


def classification_metrics(
    log_probabilities: np.ndarray,
    labels: np.ndarray,
    classes: Sequence[str],
    groups: np.ndarray | None = None,
) -> dict[str, Any]:
    """Return `n`, the recall of each class and the metrics of one set of images, None for NaN.

    Those that need a temperature are missing, see `calibrated_metrics`.

    Args:
        log_probabilities: float64, n×K; n ≥ 1.
        labels: int, n.
        classes: K names in label order.
        groups: int, n; of images that were drawn together. Default: each image is alone.
    """
    answers = Answers(log_probabilities, labels, groups)
    measured = {name: float(measure(answers)) for name, measure in _MEASURES.items()}
    return {
        "n": len(labels),
        RECALLS: recalls(answers, classes),
        **{name: None if math.isnan(value) else value for name, value in measured.items()},
    }


def calibrated_metrics(
    logits: np.ndarray, labels: np.ndarray, temperature: float
) -> dict[str, float]:
    """Return `nll_scaled` and `ece_scaled`: after dividing the logits, n×K, by a temperature."""
    answers = Answers(log_softmax(logits / np.float64(temperature)), labels)
    return {f"{name}_scaled": float(_MEASURES[name](answers)) for name in _SCALED}


def run_metrics(
    predictions: Predictions,
    labels: np.ndarray,
    classes: Sequence[str],
    common_test: np.ndarray,
    near_duplicates: np.ndarray | None = None,
    external_test: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> dict[str, Any]:
    """Return what metrics.json says of a run, except the digest of its predictions.

    Args:
        predictions: of the run, on all N images.
        labels: int64, N.
        classes: K names in label order.
        common_test: int64; the images that all runs of the seed are tested on.
        near_duplicates: int64, P×2; see `Predictions.may_judge`.
        external_test: int64; images that no run of the study trains on. Default: there are none.
        groups: int64, N; of images that belong together. Default: each image is alone.
    """
    if predictions.diverged:
        nothing = {"n": 0, ACCURACY: None}
        metrics = {"status": "diverged"} | NOT_MEASURED
        metrics |= {"common_test": NOT_MEASURED, "temperature": None}
        metrics |= {} if external_test is None else {EXTERNAL: NOT_MEASURED}
        return metrics | dict.fromkeys(("train", "val", "out_of_sample"), nothing)
    log_probabilities = predictions.log_probabilities()
    correct = log_probabilities.argmax(axis=1) == labels
    test, val = (np.flatnonzero(predictions.has_role(role)) for role in ("test", "val"))
    temperature = fit_temperature(predictions.logits[val], labels[val]) if len(val) else None

    def measured(ids: np.ndarray) -> dict[str, Any]:
        drawn = None if groups is None else groups[ids]
        metrics = classification_metrics(log_probabilities[ids], labels[ids], classes, drawn)
        if temperature is not None:
            metrics |= calibrated_metrics(predictions.logits[ids], labels[ids], temperature)
        return NOT_MEASURED | metrics

    def accuracy(mask: np.ndarray) -> dict[str, Any]:
        n = int(mask.sum())
        return {"n": n, ACCURACY: float(correct[mask].mean()) if n else None}

    # The combo official trains on images of the common test: its score there would say nothing.
    comparable = not predictions.has_role("train", "val")[common_test].any()
    judged = predictions.may_judge(near_duplicates)
    return {
        "status": status_by_accuracy(
            *(correct[judged], labels[judged], len(classes)),
            None if groups is None else groups[judged],
        ),
        **measured(test),
        "common_test": measured(common_test) if comparable else NOT_MEASURED,
        **({} if external_test is None else {EXTERNAL: measured(external_test)}),
        "train": accuracy(predictions.has_role("train")),
        "val": accuracy(predictions.has_role("val")),
        "out_of_sample": accuracy(judged),
        "temperature": temperature,
    }


def text_report(metrics: dict[str, Any], matrix: np.ndarray) -> str:
    """Return class-wise accuracy, overall accuracy and the confusion matrix as plain text."""
    lines = ["Class-wise Accuracy:"]
    lines += [
        f"{name}: {'n/a' if accuracy is None else format(accuracy, '.4f')}"
        for name, accuracy in metrics[RECALLS].items()
    ]
    lines += ["", f"Overall Accuracy: {metrics[ACCURACY]:.4f}", "", "Confusion Matrix:"]
    with np.printoptions(threshold=matrix.size + 1, linewidth=10_000):
        lines.append(str(matrix))
    return "\n".join(lines) + "\n"


def report_by_class(matrix: np.ndarray, classes: Sequence[str]) -> dict[str, Any]:
    """Return accuracy, and precision, recall, F1 and support by class and averaged.

    The keys are those of scikit-learn's `classification_report`.

    Args:
        matrix: see `precision_recall_f1`.
        classes: K names in label order.
    """
    support, scores = matrix.sum(axis=1), precision_recall_f1(matrix)
    n = int(support.sum())
    accuracy = float(np.trace(matrix) / n)

    def row(values: np.ndarray, count: int) -> dict[str, float]:
        names = ("precision", "recall", "f1-score")
        return dict(zip(names, map(float, values), strict=True)) | {"support": float(count)}

    report = {name: row(scores[:, k], support[k]) for k, name in enumerate(classes)}
    report["accuracy"] = accuracy
    report["macro avg"] = row(scores.mean(axis=1), n)
    report["weighted avg"] = row(np.average(scores, axis=1, weights=support), n)
    return {"accuracy": accuracy, "classification_report": report}
