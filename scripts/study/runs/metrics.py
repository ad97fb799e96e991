"""How good one run's predictions are, and the forms in which the two DVC studies reported it."""

from typing import Any

import numpy as np
from scipy.special import log_softmax
from scipy.stats import binomtest
from sklearn.metrics import classification_report, confusion_matrix, precision_recall_fscore_support

from study.runs.calibration import adaptive_edges, equal_width_edges, expected_calibration_error

# What is measured of a set of images, one number each; the last two only with a temperature.
METRICS = (
    "overall_accuracy",
    "accuracy_low",
    "accuracy_high",
    "balanced_accuracy",
    "macro_precision",
    "macro_recall",
    "macro_f1",
    "top2_accuracy",
    "nll",
    "brier",
    "ece",
    "ece_adaptive",
    "nll_scaled",
    "ece_scaled",
)


def classification_metrics(
    log_probabilities: np.ndarray, labels: np.ndarray, classes: list[str]
) -> dict[str, Any]:
    """Return the metrics of one set of images.

    Args:
        log_probabilities: float64, n×K; n ≥ 1.
        labels: int, n.
        classes: K names in label order.

    Returns:
        `n`; `overall_accuracy` with the ends of its 95 % Wilson interval, `accuracy_low` and `accuracy_high`; `class_accuracy`
        (recall by class name; None for a class without images); unweighted means over the classes that have images of recall
        (`balanced_accuracy`), and over those with images or predictions of precision, recall and F1 (`macro_precision`,
        `macro_recall`, `macro_f1`; an undefined one counts as 0); `top2_accuracy`, the label is among the two most probable
        classes; `nll`, the mean negative log-likelihood of the label in nats; `brier`, the mean squared distance of the
        probabilities to the label, 0 to 2; `ece` and `ece_adaptive`, expected calibration error over 15 bins of equal width
        and of equally many images.
    """
    rows = np.arange(len(labels))
    probabilities = np.exp(log_probabilities)
    predicted = log_probabilities.argmax(axis=1)
    correct = predicted == labels
    by_class = {
        name: float(correct[labels == k].mean()) if (labels == k).any() else None
        for k, name in enumerate(classes)
    }
    present = [recall for recall in by_class.values() if recall is not None]
    precision, recall, f1, _ = precision_recall_fscore_support(
        labels, predicted, labels=np.union1d(labels, predicted), average="macro", zero_division=0
    )
    low, high = accuracy_interval(int(correct.sum()), len(labels))
    of_label = log_probabilities[rows, labels]
    better = (log_probabilities > of_label[:, None]).sum(axis=1)
    nll, brier = losses(log_probabilities, labels)
    confidence = probabilities[rows, predicted]
    return {
        "n": len(labels),
        "overall_accuracy": float(correct.mean()),
        "accuracy_low": low,
        "accuracy_high": high,
        "class_accuracy": by_class,
        "balanced_accuracy": float(np.mean(present)),
        "macro_precision": float(precision),
        "macro_recall": float(recall),
        "macro_f1": float(f1),
        "top2_accuracy": float((better < 2).mean()),
        "nll": float(nll.mean()),
        "brier": float(brier.mean()),
        "ece": expected_calibration_error(confidence, correct, equal_width_edges()),
        "ece_adaptive": expected_calibration_error(confidence, correct, adaptive_edges(confidence)),
    }


def calibrated_metrics(
    logits: np.ndarray, labels: np.ndarray, temperature: float
) -> dict[str, float]:
    """Return `nll_scaled` and `ece_scaled`: log loss and calibration error after dividing the logits, n×K, by a temperature."""
    log_probabilities = log_softmax(logits.astype(np.float64) / temperature, axis=1)
    confidence, correct = (
        np.exp(log_probabilities.max(axis=1)),
        log_probabilities.argmax(axis=1) == labels,
    )
    return {
        "nll_scaled": float(-log_probabilities[np.arange(len(labels)), labels].mean()),
        "ece_scaled": expected_calibration_error(confidence, correct, equal_width_edges()),
    }


def losses(log_probabilities: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for each image, of log-probabilities n×K, the negative log-likelihood of its label and the Brier score, float n."""
    of_label = log_probabilities[np.arange(len(labels)), labels]
    return -of_label, (np.exp(log_probabilities) ** 2).sum(axis=1) - 2 * np.exp(of_label) + 1


def accuracy_interval(n_correct: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the ends of Wilson's interval of an accuracy: what other test images might give the same model."""
    interval = binomtest(n_correct, n).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)


def confusion(labels: np.ndarray, predicted: np.ndarray, n_classes: int) -> np.ndarray:
    """Return the confusion matrix, int64 K×K: rows are true classes, columns predicted ones."""
    return confusion_matrix(labels, predicted, labels=range(n_classes))


def text_report(metrics: dict[str, Any], matrix: np.ndarray) -> str:
    """Return class-wise accuracy, overall accuracy and the confusion matrix as plain text."""
    lines = ["Class-wise Accuracy:"]
    lines += [
        f"{name}: {'n/a' if accuracy is None else format(accuracy, '.4f')}"
        for name, accuracy in metrics["class_accuracy"].items()
    ]
    lines += ["", f"Overall Accuracy: {metrics['overall_accuracy']:.4f}", "", "Confusion Matrix:"]
    with np.printoptions(threshold=matrix.size + 1, linewidth=10_000):
        lines.append(str(matrix))
    return "\n".join(lines) + "\n"


def report_by_class(
    labels: np.ndarray, predicted: np.ndarray, classes: list[str]
) -> dict[str, Any]:
    """Return accuracy and scikit-learn's classification report (precision, recall, F1, support) as a dictionary."""
    report = classification_report(
        labels,
        predicted,
        labels=range(len(classes)),
        target_names=classes,
        output_dict=True,
        zero_division=0,
    )
    accuracy = float((labels == predicted).mean())
    # scikit-learn leaves "accuracy" out when a class is absent from both; readers of the file expect it always.
    report.setdefault("accuracy", accuracy)
    return {"accuracy": accuracy, "classification_report": report}
