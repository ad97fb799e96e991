"""Classifiers on stored features: logistic regression and nearest neighbours, without torch.

Both give logits of every image, and arrays from which these follow.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression

from study.config.probes import NEIGHBOURS
from study.errors import StudyError

# λ of mean log loss + λ/2 · ‖weights‖², from strong to weak; without validation images the default.
PENALTIES, DEFAULT_PENALTY = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003), 0.1
# Where no derivative of the loss is larger, a fit ends: more steps change the fourth digit.
_TOLERANCE, _STEPS = 1e-3, 1000
_AT_ONCE = 1000


class Fitted(NamedTuple):
    """A classifier on features.

    Attributes:
        arrays: what it consists of, by name.
        logits: float32, N×K; of all images.
        facts: what was chosen, for the record.
    """

    arrays: dict[str, np.ndarray]
    logits: np.ndarray
    facts: dict[str, Any]


def fit(
    architecture: Mapping[str, Any],
    features: np.ndarray,
    labels: np.ndarray,
    n_classes: int,
    image_ids: Mapping[str, np.ndarray],
) -> Fitted:
    """Return the classifier that a recipe's architecture names.

    Args:
        architecture: of a recipe for which `study.config.probes.is_probe` is true.
        features: float16, N×D; may lie on disk.
        labels: int64, N.
        n_classes: K.
        image_ids: int64, n, of "train" and "val"; other images decide nothing.

    Raises:
        StudyError: there are too few training images.
    """
    missing = np.setdiff1d(np.arange(n_classes), labels[image_ids["train"]])
    if len(missing):
        raise StudyError(f"no training image has the label {missing[0]}; take larger partitions")
    if architecture["name"] == "probe":
        return fit_logistic(features, labels, image_ids["train"], image_ids["val"])
    k = architecture.get("k", NEIGHBOURS)
    return fit_neighbours(features, labels, n_classes, image_ids["train"], k)


def fit_logistic(
    features: np.ndarray, labels: np.ndarray, train_ids: np.ndarray, val_ids: np.ndarray
) -> Fitted:
    """Return a multinomial logistic regression on standardised features; for the rest see `fit`.

    Mean and standard deviation are those of the training images, and are part of the weights that
    are returned. Of `PENALTIES` the one with the least log loss on the validation images is taken:
    from strong to weak, each fit from the one before, until the loss rises.
    """
    train = features[train_ids].astype(np.float32)
    mean, std = train.mean(axis=0, dtype=np.float64), train.std(axis=0, dtype=np.float64)
    std[std == 0] = 1
    train -= mean.astype(np.float32)
    train /= std.astype(np.float32)
    best: tuple[dict[str, np.ndarray], float] | None = None
    losses: dict[float, float] = {}
    model = LogisticRegression(tol=_TOLERANCE, max_iter=_STEPS, warm_start=True)
    for penalty in PENALTIES if len(val_ids) else (DEFAULT_PENALTY,):
        model.set_params(C=1 / (penalty * len(train))).fit(train, labels[train_ids])
        coefficients, bias = model.coef_.astype(np.float64), model.intercept_.astype(np.float64)
        if len(coefficients) == 1:  # of two classes it has the logit of the second one
            coefficients, bias = (np.concatenate([-a, a]) / 2 for a in (coefficients, bias))
        weight = coefficients / std
        found = {
            "weight": weight.astype(np.float32),
            "bias": (bias - weight @ mean).astype(np.float32),
        }
        loss = log_loss(_linear(features, found, val_ids), labels[val_ids])
        if best and loss >= losses[best[1]]:
            losses[penalty] = loss
            break
        losses[penalty], best = loss, (found, penalty)
    arrays, penalty = best
    facts = {"penalty": penalty, "val_loss": {f"{p:g}": loss for p, loss in losses.items()}}
    return Fitted(arrays, _linear(features, arrays, np.arange(len(features))), facts)


def _linear(
    features: np.ndarray, arrays: Mapping[str, np.ndarray], image_ids: np.ndarray
) -> np.ndarray:
    """Return the logits of some images, float32 n×K."""
    logits = np.empty((len(image_ids), len(arrays["bias"])), np.float32)
    for start in range(0, len(image_ids), _AT_ONCE):
        batch = features[image_ids[start : start + _AT_ONCE]].astype(np.float32)
        logits[start : start + len(batch)] = batch @ arrays["weight"].T + arrays["bias"]
    return logits


def fit_neighbours(
    features: np.ndarray, labels: np.ndarray, n_classes: int, train_ids: np.ndarray, k: int
) -> Fitted:
    """Return the vote of the k training images with the nearest features, by the cosine.

    A logit is the log of a class's share of the votes, with one more vote that is spread evenly
    over all classes. A training image votes for itself, too. For the rest see `fit`.

    Raises:
        StudyError: there are fewer than k training images.
    """
    if k > len(train_ids):
        raise StudyError(
            f"k is {k}, and the run has {len(train_ids)} training images; write a smaller k in "
            "the recipe's architecture"
        )
    own, one_hot = _unit(features[train_ids]), np.eye(n_classes, dtype=np.float32)
    logits = np.empty((len(features), n_classes), np.float32)
    for start in range(0, len(features), _AT_ONCE):
        near = _unit(features[start : start + _AT_ONCE]) @ own.T
        chosen = np.argpartition(near, -k, axis=1)[:, -k:]
        votes = one_hot[labels[train_ids][chosen]].sum(axis=1)
        logits[start : start + len(near)] = np.log((votes + 1 / n_classes) / (k + 1))
    arrays = {"image_id": train_ids.astype(np.int64), "label": labels[train_ids].astype(np.int64)}
    return Fitted(arrays, logits, {"k": k})


def _unit(features: np.ndarray) -> np.ndarray:
    """Return features of length 1, float32; of length 0 where they are all 0."""
    values = features.astype(np.float32)
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)


def log_loss(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the mean cross-entropy in nats; NaN without images."""
    if not len(labels):
        return float("nan")
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    of_label = shifted[np.arange(len(labels)), labels]
    return float((np.log(np.exp(shifted).sum(axis=1)) - of_label).mean())
