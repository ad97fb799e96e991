"""Which runs compare images: runs of about equal training size, so that they judge equally well.

A run with more training images is right more often, and it may judge fewer images. Counted with the
others, it would make the images easier that it happens to judge. Imported runs that trained on no
image of the study judge all alike, and are a size of their own.
"""

from collections.abc import Sequence

import numpy as np

from study.hardness.panel import JUDGES
from study.runs.run import Run

# Training sizes up to this ratio count as equal.
_ALIKE = 1.25


def comparable_runs(runs: Sequence[Run], duplicates: np.ndarray | None = None) -> list[bool]:
    """Return which runs have the training size that gives most images their `JUDGES`.

    Of sizes that do so equally, the one with more judgements in all. Runs that trained on no image
    of the study tell no memorisation. So they are chosen only where no run trained on any, or where
    they alone give an image its `JUDGES`. Diverged runs, and imported ones of which it is unknown
    what they saw, have no size. An imported file is one judge, however many combos and seeds it
    serves.

    Args:
        runs: all runs of a study.
        duplicates: int64, P×2; pairs of images that are nearly the same.
    """
    sizes: list[int] = []
    judges: dict[int, np.ndarray] = {}
    heard: set[tuple[str, str]] = set()
    for run in runs:
        predictions = run.predictions()
        unknown = predictions.diverged or predictions.trained_on_unknown
        size = -1 if unknown else int(predictions.has_role("train").sum())
        sizes.append(size)
        said = run.model, predictions.imported
        if size >= 0 and said not in heard:
            judges[size] = judges.get(size, 0) + predictions.may_judge(duplicates).astype(np.int32)
        if predictions.imported:
            heard.add(said)

    def count(alike: list[int]) -> np.ndarray:
        return sum((judges[size] for size in alike), np.zeros(1, np.int32))

    def worth(alike: list[int]) -> tuple[int, int]:
        return int(np.minimum(count(alike), JUDGES).sum()), int(count(alike).sum())

    groups = _alike(sorted(judges))
    chosen = max((group for group in groups if group != [0]), key=worth, default=[])
    if [0] in groups and (not chosen or count([0]).max() >= JUDGES > count(chosen).max()):
        chosen = [0]
    return [size in chosen for size in sizes]


def _alike(sizes: Sequence[int]) -> list[list[int]]:
    """Return rising sizes in groups of about equal ones; 0 is alone."""
    groups: list[list[int]] = []
    for size in sizes:
        if groups and size <= _ALIKE * groups[-1][0]:
            groups[-1].append(size)
        else:
            groups.append([size])
    return groups
