"""What predictions of images are worth: labels by sub-folder, and images that the study knows."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from study.data.datasets.image_names import composed
from study.files import read_array
from study.runs.run import Run
from study.wording import counted, percentage

_MOST_CONFUSIONS = 5
_BLOCK = 1024


def label_names(given: Sequence[str], paths: Sequence[Path]) -> list[str]:
    """Return the name of the sub-folder of each image where one folder was given, else ""."""
    root = Path(given[0])
    if len(given) > 1 or not root.is_dir():
        return [""] * len(paths)
    below = [path.relative_to(root).parts for path in paths]
    return [composed(parts[0]) if len(parts) > 1 else "" for parts in below]


def image_ids_of(images: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the image_id of the same pixels in a study, int64 n; -1 for an image of elsewhere.

    Args:
        images: uint8, n×H×W×C.
        known: uint8, N×H×W×C; of the study, may lie on disk.
    """
    wanted = {_digest(image): -1 for image in images}
    for start in range(0, len(known), _BLOCK):
        for image_id, image in enumerate(known[start : start + _BLOCK], start):
            if (digest := _digest(image)) in wanted:
                wanted[digest] = image_id
    return np.array([wanted[_digest(image)] for image in images])


def _digest(image: np.ndarray) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(image), digest_size=16).digest()


def learnt_from(runs: Sequence[Run], images: np.ndarray, decoded: Path) -> np.ndarray:
    """Return which images some run trained or validated on, bool n, by their pixels.

    Args:
        runs: of one study.
        images: uint8, n×H×W×C; as the study's own images were made.
        decoded: the study's images; none is known where it is missing, as in a bundle.
    """
    if not decoded.is_file() or (known := read_array(decoded)).shape[1:] != images.shape[1:]:
        return np.zeros(len(images), bool)
    ids = image_ids_of(images, known)
    learnt = np.any([run.predictions().has_role("train", "val") for run in runs], axis=0)
    return (ids >= 0) & learnt[ids]


def agreement(
    labels: Sequence[str], classes: Sequence[str], probabilities: np.ndarray, learnt: np.ndarray
) -> str:
    """Return how many images are predicted as labelled, and the most frequent confusions, in words.

    Args:
        labels: n; "" without one.
        classes: K names.
        probabilities: float, n×K.
        learnt: bool, n; images that the model was trained or validated on.

    Returns:
        "" where labels are missing or are no classes of the study, and no image was learnt from.
    """
    warning = (
        f"the model was trained or validated on {learnt.sum():,} of these "
        f"{counted(len(learnt), 'image')}: what it says of them is no test of it"
        if learnt.any()
        else ""
    )
    if not set(labels) <= set(classes):
        return warning
    answers = [classes[k] for k in probabilities.argmax(axis=1)]
    pairs = [
        f"{label} → {answer}" if label != answer else ""
        for label, answer in zip(labels, answers, strict=True)
    ]
    if learnt.all():
        return warning
    new = [pair for pair, old in zip(pairs, learnt, strict=True) if not old]
    right = new.count("")
    others = " other" if warning else ""
    said = f"labels by sub-folder: {right:,} of {len(new):,}{others} "
    said += f"image{'s' * (len(new) != 1)} right ({percentage(right / len(new))})"
    most = Counter(filter(None, new)).most_common(_MOST_CONFUSIONS)
    if most:
        shown = ", ".join(f"{pair} ({count:,})" for pair, count in most)
        said += f"; most frequent confusions, label → predicted: {shown}"
    return f"{warning}\n{said}" if warning else said
