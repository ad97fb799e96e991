"""Grad-CAM's maps of images on disk: what `study.models.gradcam` computed and others draw."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from study.files import atomic_path, read_arrays
from study.runs.predictions import Predictions

# Takes classes, int64 n×2; returns the names of L layers, maps uint8 n×L×2×H×W and the layers' own
# sizes, int64 L×2.
Explain = Callable[[np.ndarray], tuple[tuple[str, ...], np.ndarray, np.ndarray]]


class GradcamMaps(NamedTuple):
    """What speaks for the predicted and for the true class on n images, in L layers of a model.

    Attributes:
        combo: that the run trained on; empty if there is no run, and in a run's own folder.
        seed: of the run; -1 if there is none, and in its own folder.
        image_ids: int64, n.
        predicted: int64, n; the label that the run predicted.
        true: int64, n; the label.
        confidence: float64, n; the run's probability of the predicted class.
        roles: uint8, n; the images' parts in the run, codes of `study.runs.predictions.ROLE_CODES`.
        layers: str, L; names of modules of the model, coarser maps last.
        sizes: int64, L×2; height and width of the layers' own maps, before they were resized to the
            image.
        maps: uint8, n×L×2×H×W; for the predicted class and for the true one, from 0 to 255 for the
            largest of the map. All 0: no place speaks for the class.
        why_none: why the model has no maps of any image; empty if it has.
    """

    combo: str
    seed: int
    image_ids: np.ndarray
    predicted: np.ndarray
    true: np.ndarray
    confidence: np.ndarray
    roles: np.ndarray
    layers: np.ndarray
    sizes: np.ndarray
    maps: np.ndarray
    why_none: str = ""


def explained(
    image_ids: np.ndarray,
    predictions: Predictions,
    labels: np.ndarray,
    explain: Explain,
    combo: str = "",
    seed: int = -1,
) -> GradcamMaps:
    """Return the maps of images for the class that a run predicted and for the true one.

    Args:
        image_ids: int64, n.
        predictions: of the run.
        labels: int64, of all images.
        explain: asks the run's model about these images.
        combo: that the run trained on.
        seed: of the run.
    """
    asked = Predictions(predictions.logits[image_ids], predictions.roles[image_ids])
    log_probabilities = asked.log_probabilities()
    predicted, true = log_probabilities.argmax(axis=1), labels[image_ids]
    layers, maps, sizes = explain(np.stack([predicted, true], axis=1))
    return GradcamMaps(
        combo=combo,
        seed=seed,
        image_ids=image_ids,
        predicted=predicted,
        true=true,
        confidence=np.exp(log_probabilities.max(axis=1)),
        roles=asked.roles,
        layers=np.array(layers),
        sizes=sizes,
        maps=maps,
    )


def no_maps(combo: str = "", seed: int = -1, why_none: str = "") -> GradcamMaps:
    """Return what stands for the maps where there is no image to show: empty arrays."""
    none = np.zeros(0, np.int64)
    return GradcamMaps(
        combo,
        seed,
        image_ids=none,
        predicted=none,
        true=none,
        confidence=np.zeros(0),
        roles=np.zeros(0, np.uint8),
        layers=np.zeros(0, "U1"),
        sizes=np.zeros((0, 2), np.int64),
        maps=np.zeros((0, 0, 2, 0, 0), np.uint8),
        why_none=why_none,
    )


def save_maps(path: str | Path, maps: GradcamMaps) -> None:
    """Write maps as a compressed .npz archive, an array for each attribute, atomically."""
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, **maps._asdict())


def load_maps(path: str | Path) -> GradcamMaps:
    """Read what `save_maps` wrote."""
    arrays = read_arrays(path)
    maps = GradcamMaps(*(arrays[name] for name in GradcamMaps._fields))
    return maps._replace(combo=str(maps.combo), seed=int(maps.seed), why_none=str(maps.why_none))
