"""Whether a model's probabilities are as good as they claim to be."""

import numpy as np
from scipy.optimize import minimize_scalar

from study.errors import StudyError
from study.runs.predictions import log_softmax

_BINS = 15
# Standard deviation of log T before any image is seen: temperatures between a third and three.
_PRIOR_SD = 0.5


def expected_calibration_error(
    confidence: np.ndarray, correct: np.ndarray, edges: np.ndarray
) -> float:
    """Return the mean distance of accuracy and confidence over bins, weighted by their images.

    NaN without images.

    Args:
        confidence: float, n; probability of the predicted class.
        correct: bool, n.
        edges: ends of the bins, as `equal_width_edges` and `adaptive_edges` return them.

    Source: M. Pakdaman Naeini et al., "Obtaining Well Calibrated Probabilities Using Bayesian
    Binning", 2015.
    """
    if len(confidence) == 0:
        return float("nan")
    return error_of_bins(*reliability(confidence, correct, edges))


def error_of_bins(count: np.ndarray, confidence: np.ndarray, accuracy: np.ndarray) -> float:
    """Return the expected calibration error from bins of `reliability` with an image at least."""
    full = count > 0
    return float((count[full] * np.abs(accuracy[full] - confidence[full])).sum() / count.sum())


def reliability(
    confidence: np.ndarray, correct: np.ndarray, edges: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each bin's number of images, mean confidence and accuracy.

    A bin holds its upper end but not its lower one. Means are NaN for a bin without images.
    """
    bins = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, len(edges) - 2)
    count = np.bincount(bins, minlength=len(edges) - 1)
    with np.errstate(invalid="ignore"):
        return count, *(
            np.bincount(bins, values, len(edges) - 1) / count for values in (confidence, correct)
        )


def equal_width_edges() -> np.ndarray:
    """Return the ends of 15 bins of equal width from 0 to 1."""
    return np.linspace(0, 1, _BINS + 1)


def adaptive_edges(confidence: np.ndarray) -> np.ndarray:
    """Return the ends of 15 bins that hold equally many images, as far as ties allow."""
    inner = np.quantile(confidence, equal_width_edges()[1:-1])
    return np.concatenate([[0.0], inner, [1.0]])


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the temperature T > 0 by which logits are divided: the likeliest, given a weak prior.

    The log loss alone has no smallest value where all images are right, as happens with few of
    them: it falls as T goes to 0, which makes every answer certain. So log T has a normal prior
    around 0. Thousands of images outweigh it.

    Args:
        logits: float, n×K; of images that are not trained on, and not scored with T: validation
            images.
        labels: int, n.

    Raises:
        StudyError: there are no images.

    Source: C. Guo et al., "On Calibration of Modern Neural Networks", 2017.
    """
    if len(labels) == 0:
        raise StudyError("a temperature is fitted on validation images and there are none")
    logits = logits.astype(np.float64)
    rows = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        likelihood = log_softmax(logits / np.exp(log_temperature))[rows, labels].sum()
        return (log_temperature / _PRIOR_SD) ** 2 / 2 - likelihood

    return float(
        np.exp(minimize_scalar(loss, bounds=(np.log(0.01), np.log(100)), method="bounded").x)
    )
