"""Which runs compare images: runs of about equal training size, so that they judge equally well.

A run with more training images is right more often, and it may judge fewer images. Counted with the
others, it would make the images easier that it happens to judge.
"""

from collections.abc import Sequence

import numpy as np

from study.hardness.panel import JUDGES
from study.runs.run import Run

# Training sizes up to this ratio count as equal.
_ALIKE = 1.25


def comparable_runs(runs: Sequence[Run], duplicates: np.ndarray | None = None) -> list[bool]:
    """Return which runs have the training size that gives most images their `JUDGES`.

    Of sizes that do so equally, the one with more judgements in all. Diverged runs have none.
    Imported ones have none either unless they are known to have trained on images of the study.

    Args:
        runs: all runs of a study.
        duplicates: int64, P×2; pairs of images that are nearly the same.
    """
    sizes: list[int] = []
    judges: dict[int, np.ndarray] = {}
    for run in runs:
        predictions = run.predictions()
        unknown = predictions.diverged or not predictions.trained_here
        size = -1 if unknown else int(predictions.has_role("train").sum())
        sizes.append(size)
        if size >= 0:
            judges[size] = judges.get(size, 0) + predictions.may_judge(duplicates).astype(np.int32)

    def worth(alike: list[int]) -> tuple[int, int]:
        count = sum(judges[size] for size in alike)
        return int(np.minimum(count, JUDGES).sum()), int(count.sum())

    chosen = max(_alike(sorted(judges)), key=worth, default=[])
    return [size in chosen for size in sizes]


def _alike(sizes: Sequence[int]) -> list[list[int]]:
    """Return rising sizes in groups of about equal ones."""
    groups: list[list[int]] = []
    for size in sizes:
        if groups and size <= _ALIKE * groups[-1][0]:
            groups[-1].append(size)
        else:
            groups.append([size])
    return groups
