"""A data set with the labels that people corrected, and without the images that they left out.

Partitions, and the part that each image plays for a seed, stay as they were drawn before: a study
before and after can be compared image by image.
"""

import hashlib

import numpy as np

from study.data.corrections import Corrections
from study.data.index import Index
from study.data.verdicts import image_and_label
from study.errors import StudyError
from study.wording import counted


def corrected(index: Index, corrections: Corrections, images: np.ndarray | None = None) -> Index:
    """Return the table of all images with corrections.

    Args:
        index: as decoded.
        corrections: of its images.
        images: uint8, N×H×W×C; with them, an image is known by its content too.

    Raises:
        StudyError: an image or class is not in the study, an image is another one than was looked
            at, or a class is left without images.
    """
    image_ids = {file: image_id for image_id, file in enumerate(index.files)}
    labels, left_out = index.labels.copy(), np.zeros(len(index.labels), bool)
    for row in corrections.values():
        image_id, label = image_and_label(row, image_ids, index.classes)
        if images is not None and row["sha256"] not in ("", content_of(images[image_id])):
            raise StudyError(
                f"{row['where']}: {row['file']} is another image here than the one that was looked "
                "at (another sha256: other data, or another image_size or fit); take the verdicts "
                "of a gallery of this data set, or empty the cell if it is the same picture"
            )
        left_out[image_id] = label is None
        labels[image_id] = index.labels[image_id] if label is None else label
    counts = np.bincount(labels[~left_out], minlength=len(index.classes))
    if (counts == 0).any():
        where = next(iter(corrections.values()))["where"].rpartition(", line")[0]
        raise StudyError(
            f"{where}: leaves the class {index.classes[int(counts.argmin())]!r} without images; "
            "keep some of them, or take the class out of the data set"
        )
    return index._replace(labels=labels, given=index.labels, left_out=left_out)


def content_of(image: np.ndarray) -> str:
    """Return the sha256 by which verdicts know an image, uint8 H×W×C."""
    return hashlib.sha256(np.ascontiguousarray(image).data).hexdigest()


def what_changed(index: Index) -> str:
    """Return in words what corrections changed, by class."""
    names = np.array(index.classes)
    moved = np.flatnonzero(index.labels != index.given)
    pairs = np.char.add(np.char.add(names[index.given[moved]], " → "), names[index.labels[moved]])
    return (
        f"{counted(len(moved), 'label')} corrected{_listed(pairs)}, "
        f"{counted(int(index.left_out.sum()), 'image')} left out"
        f"{_listed(names[index.labels[index.left_out]])}"
    )


def _listed(names: np.ndarray, most: int = 10) -> str:
    """Return how often each name is there, the most frequent first."""
    found, counts = np.unique(names, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    shown = [f"{found[i]} {counts[i]:,}" for i in order[:most]]
    more = ", …" if len(found) > most else ""
    return f" ({', '.join(shown)}{more})" if shown else ""
