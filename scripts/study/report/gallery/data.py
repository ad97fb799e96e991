"""What the gallery shows, put together from the results of a study."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from study.data.index import Index
from study.report.gallery.answers import Answers, misclassified, most_confused_with
from study.report.gallery.neighbours import nearest_of_class
from study.runs.predictions import Predictions
from study.runs.run import Run


class Maps(NamedTuple):
    """Maps of one run, that show on which part of an image its answer rests (Grad-CAM).

    Attributes:
        run: position of the run among the study's.
        image_ids: int64, m.
        layers: L names.
        maps: uint8, m×L×2×H×W, of the size of the images; of the predicted class and of the label.
    """

    run: int
    image_ids: np.ndarray
    layers: list[str]
    maps: np.ndarray


class GalleryData(NamedTuple):
    """What the gallery shows: n listed images of N, hardest first.

    Attributes:
        table: n rows of hard_examples.csv.
        classes: K names.
        runs: all runs of the study.
        answers: of the R runs on all N images.
        images: uint8, N×H×W×C.
        data_digest: of the images and their table before any correction. By it the browser tells
            verdicts on these images from those on others.
        best_run: position of the run whose nearest images are shown of an image that misled none;
            None if there is none.
        near_label: int64, n×k; nearest training images of the label, -1 for none. Those of the
            run in `misled_by` are left out where the label was corrected after the run.
        near_confused: int64, n×k; those of the class in `confused`.
        confused: int64, n; the class that the image is taken for most often, -1 for none.
        misled_by: int64, n; position of the run that was misled, whose nearest images these are;
            -1 where none was, as far as is known.
        scores: float, N×2; hardness and label_suspicion of all images.
        maps: of some images.
        no_suspects: why no label is suspected, "" where some may be.
        features_of: the recipe whose features say what is near, "" where logits do.
        verdicts: rows of the table that the study was corrected by, also those that change nothing.
        given: image_id of each image with a corrected label, and the label that it was given.
    """

    table: pd.DataFrame
    classes: list[str]
    runs: Sequence[Run]
    answers: Answers
    images: np.ndarray
    data_digest: str
    best_run: int | None
    near_label: np.ndarray
    near_confused: np.ndarray
    confused: np.ndarray
    misled_by: np.ndarray
    scores: np.ndarray
    maps: Sequence[Maps] = ()
    no_suspects: str = ""
    features_of: str = ""
    verdicts: Sequence[Mapping[str, str]] = ()
    given: Sequence[tuple[int, str]] = ()

    def first(self, n: int) -> "GalleryData":
        """Return the gallery of the n hardest images."""
        names = ("table", "near_label", "near_confused", "confused", "misled_by")
        return self._replace(**{name: getattr(self, name)[:n] for name in names})


def listed_images(
    ranking: pd.DataFrame, answers: Answers, labels: np.ndarray, shown_anyway: np.ndarray
) -> pd.DataFrame:
    """Return the rows of the images that the gallery lists.

    Args:
        ranking: hard_examples.csv.
        answers: of all runs.
        labels: int64, N.
        shown_anyway: image_ids of images that are listed, misclassified or not.
    """
    listed = misclassified(answers, labels)
    listed[shown_anyway] = True
    return ranking[listed[ranking["image_id"]]].reset_index(drop=True)


def confused_classes(table: pd.DataFrame, answers: Answers, index: Index) -> np.ndarray:
    """Return the class, int64 n, that each listed image is taken for most often, -1 for none.

    Where no run is wrong it is the most probable class besides the label.
    """
    label_of = {name: label for label, name in enumerate(index.classes)}
    image_ids = table["image_id"].to_numpy()
    second = np.full(len(index.labels), -1)
    second[image_ids] = table["second"].map(label_of).fillna(-1)
    return most_confused_with(answers, index.labels, len(index.classes), second)[image_ids]


def nearest_training_images(
    predictions: Predictions,
    labels: np.ndarray,
    image_ids: np.ndarray,
    confused: np.ndarray,
    k: int,
    features: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the k nearest training images of a run for each of n images, int64 n×k, -1 for none.

    First those of the image's label that the run gets right, then those of the class in `confused`.
    Near are those whose features are alike, float32 N×C, or without any the logits of the run.
    """
    points = predictions.logits if features is None else features
    trained = predictions.has_role("train")
    right = predictions.logits.argmax(axis=1) == labels
    near_label, near_confused = (
        nearest_of_class(points, labels, pool, image_ids, wanted, k)
        for pool, wanted in ((trained & right, labels[image_ids]), (trained, confused))
    )
    return near_label, near_confused
