"""A data set with the labels that people corrected, and without the images that they left out.

Partitions, and the part that each image plays for a seed, stay as they were drawn before: a study
before and after can be compared image by image.
"""

import hashlib
from collections.abc import Mapping

import numpy as np

from study.data.corrections import Corrections, changing
from study.data.index import Index
from study.data.verdicts import image_of, images_by_file, right_label
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
    changed = changed_images(index, corrections)
    labels, left_out = index.labels.copy(), np.zeros(len(index.labels), bool)
    for image_id, row in changed.items():
        label = right_label(row, index.classes)
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
        where = next(iter(changed.values()))["where"].rpartition(", line")[0]
        raise StudyError(
            f"{where}: leaves the class {index.classes[int(counts.argmin())]!r} without images; "
            "keep some of them, or take the class out of the data set"
        )
    return index._replace(labels=labels, given=index.labels, left_out=left_out)


def changed_images(index: Index, corrections: Corrections) -> dict[int, Mapping[str, str]]:
    """Return the row that changes each image, by image_id.

    Raises:
        StudyError: an image is not in the study, or two rows change it otherwise.
    """
    images = images_by_file(index)
    return changing((image_of(row, images), row) for row in corrections)


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
