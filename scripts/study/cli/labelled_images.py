"""What predictions of images are worth: labels by sub-folder, and images that the study knows."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from study.data.corrected import content_of
from study.data.datasets.image_names import composed
from study.files import read_array
from study.runs.run import Run
from study.wording import counted, percentage

_MOST_CONFUSIONS = 5


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
    ids = dict.fromkeys(map(content_of, images), -1)
    for image_id, image in enumerate(known):
        if (content := content_of(image)) in ids:
            ids[content] = image_id
    return np.array([ids[content_of(image)] for image in images])


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
    if learnt.all() or not set(labels) <= set(classes):
        return warning
    answers = [classes[k] for k in probabilities.argmax(axis=1)]
    new = [
        (label, answer)
        for label, answer, old in zip(labels, answers, learnt, strict=True)
        if not old
    ]
    pairs = Counter(f"{label} → {answer}" for label, answer in new if label != answer)
    n, right, other = len(new), len(new) - pairs.total(), "other " if warning else ""
    said = f"labels by sub-folder: {right:,} of {counted(n, f'{other}image')} right "
    said += f"({percentage(right / n)})"
    most = ", ".join(f"{pair} ({count:,})" for pair, count in pairs.most_common(_MOST_CONFUSIONS))
    if most:
        said += f"; most frequent confusions, label → predicted: {most}"
    return f"{warning}\n{said}" if warning else said
