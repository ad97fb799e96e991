"""Logits of every image for one run, and the part each image played in that run."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from study.files import atomic_path, read_arrays, reading

if TYPE_CHECKING:
    from study.runs.second_looks import SecondLook

# The codes in the role array; an image outside the run's combo is unseen. Where nothing is known of
# an imported model's training, all images are unknown but the test images. No file has the last.
ROLE_CODES = {"unseen": 0, "train": 1, "val": 2, "test": 3, "unknown": 4, "left out": 5}


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Return the log of the softmax of each row, float64, n×K: exact also near p = 1.

    As scipy.special.log_softmax, whose import takes longer than measuring a run.
    """
    shifted = logits - logits.max(axis=1, keepdims=True).astype(np.float64)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


class Predictions(NamedTuple):
    """What one run says of every image.

    Attributes:
        logits: float32, N×K; position i is image_id i. All NaN if the training diverged.
        roles: uint8, N; codes of `ROLE_CODES`.
        imported: sha256 of the file that they were imported from; "" of those made here.
    """

    logits: np.ndarray
    roles: np.ndarray
    imported: str = ""

    @property
    def diverged(self) -> bool:
        """Whether there are no predictions because the training diverged."""
        return bool(np.isnan(self.logits).all())

    def log_probabilities(self) -> np.ndarray:
        """Return the log of the softmax of the logits, float64, N×K."""
        return log_softmax(self.logits)

    def has_role(self, *roles: str) -> np.ndarray:
        """Return a mask, bool N, of the images that have one of `roles` in this run."""
        return np.isin(self.roles, [ROLE_CODES[role] for role in roles])

    @property
    def trained_here(self) -> bool:
        """Whether the model was trained on images of the study, as far as is known."""
        return not self.imported or bool(self.has_role("train").any())

    @property
    def trained_on_unknown(self) -> bool:
        """Whether nothing is known of what the run was trained on; test images may be among it."""
        return bool(self.has_role("unknown").any())

    def may_judge(self, duplicates: np.ndarray | None = None) -> np.ndarray:
        """Return a mask, bool N, of the images that this run may judge; none if it diverged.

        It neither trained nor validated on the image, nor on one that is nearly the same, and
        nobody left the image out.

        Args:
            duplicates: int64, P×2; pairs of image_ids that are nearly the same.
        """
        if self.diverged or self.trained_on_unknown:
            return np.zeros(len(self.roles), bool)
        seen = self.has_role("train", "val")
        known = seen.copy()
        if duplicates is not None and len(duplicates):
            for one, other in (duplicates.T, duplicates.T[::-1]):
                known[one[seen[other]]] = True
        return ~(known | self.has_role("left out"))

    def without(self, left_out: np.ndarray | None) -> "Predictions":
        """Return them with images, bool N, that people left out; they have no other role then."""
        if left_out is None:
            return self
        return self._replace(roles=np.where(left_out, ROLE_CODES["left out"], self.roles))

    def confident_mistakes(self, labels: np.ndarray, *roles: str) -> np.ndarray:
        """Return the image_ids, int64, of misclassified images, the surest answer first.

        Ties are in order of image_id. None if the run diverged.

        Args:
            labels: int64, N.
            roles: parts of the split; only their images count.
        """
        if self.diverged:
            return np.zeros(0, np.int64)
        image_ids = np.flatnonzero(self.has_role(*roles))
        log_probabilities = log_softmax(self.logits[image_ids])
        wrong = log_probabilities.argmax(axis=1) != labels[image_ids]
        return image_ids[wrong][np.argsort(-log_probabilities[wrong].max(axis=1), kind="stable")]


def roles_in_run(n_images: int, image_ids: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the role codes, uint8 N, of all images, given the image_ids of train, val and test."""
    roles = np.zeros(n_images, np.uint8)
    for role, ids in image_ids.items():
        roles[ids] = ROLE_CODES[role]
    return roles


def no_predictions(roles: np.ndarray, n_classes: int) -> Predictions:
    """Return what stands for the predictions of a training that diverged."""
    return Predictions(np.full((len(roles), n_classes), np.nan, np.float32), roles)


def save_predictions(
    path: str | Path, predictions: Predictions, look: "SecondLook | None" = None
) -> None:
    """Write predictions, and what there is of a second look, as an .npz archive, atomically."""
    said = look._asdict() if look else {}
    more = {name: array for name, array in said.items() if array is not None}
    more |= {"imported": predictions.imported} if predictions.imported else {}
    with atomic_path(path) as temporary:
        np.savez(temporary, logits=predictions.logits, roles=predictions.roles, **more)


def load_predictions(path: str | Path) -> Predictions:
    """Read what `save_predictions` wrote.

    Raises:
        StudyError: the file is cut off or otherwise damaged, or a logit is no finite number.
    """
    arrays = read_arrays(path)
    with reading(path):
        imported = str(arrays.get("imported", ""))
        predictions = Predictions(arrays["logits"], arrays["roles"], imported)
        if problem := _malformed(predictions):
            raise ValueError(problem)
    return predictions


def _malformed(predictions: Predictions) -> str:
    """Return what no run's predictions are like, or ""."""
    logits, roles, imported = predictions
    most = ROLE_CODES["unknown" if imported else "test"]
    if logits.dtype != np.float32 or logits.ndim != 2 or 0 in logits.shape:
        return f"logits are {logits.dtype} of shape {logits.shape}, expected float32, N×K"
    if roles.dtype != np.uint8 or roles.shape != logits.shape[:1] or roles.max() > most:
        return f"expected for each image the code of a role, 0 to {most}"
    # argmax would take NaN for the largest.
    wrong = ~np.isfinite(logits).all(axis=1)
    if wrong.any() and not predictions.diverged:
        return f"a logit of image {wrong.argmax()} is no finite number"
    return ""
