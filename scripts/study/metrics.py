"""How good one run's predictions are, and the forms in which the two DVC studies reported it."""

from typing import Any

import numpy as np
from sklearn.metrics import classification_report, confusion_matrix, f1_score


def classification_metrics(log_probabilities: np.ndarray, labels: np.ndarray, classes: list[str]) -> dict[str, Any]:
    """Return the metrics of one set of images.

    Args:
        log_probabilities: float64, n×K.
        labels: int, n.
        classes: K names in label order.

    Returns:
        `n`; `overall_accuracy` and `class_accuracy` (recall by class name; None for a class without images);
        `macro_f1` (unweighted mean over classes); `nll`, the mean negative log-likelihood of the label in nats.
    """
    predicted = log_probabilities.argmax(axis=1)
    correct = predicted == labels
    by_class = {
        name: float(correct[labels == k].mean()) if (labels == k).any() else None for k, name in enumerate(classes)
    }
    return {
        "n": len(labels),
        "overall_accuracy": float(correct.mean()),
        "class_accuracy": by_class,
        "macro_f1": float(f1_score(labels, predicted, labels=range(len(classes)), average="macro", zero_division=0)),
        "nll": float(-log_probabilities[np.arange(len(labels)), labels].mean()),
    }


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


def report_by_class(labels: np.ndarray, predicted: np.ndarray, classes: list[str]) -> dict[str, Any]:
    """Return accuracy and scikit-learn's classification report (precision, recall, F1, support) as a dictionary."""
    report = classification_report(
        labels, predicted, labels=range(len(classes)), target_names=classes, output_dict=True, zero_division=0
    )
    accuracy = float((labels == predicted).mean())
    # scikit-learn leaves "accuracy" out when a class is absent from both; readers of the file expect it always.
    report.setdefault("accuracy", accuracy)
    return {"accuracy": accuracy, "classification_report": report}
