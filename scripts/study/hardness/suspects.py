"""Whether a study may suspect labels, and which judges suspect: judges that are weak doubt most."""

import numpy as np
from cleanlab.filter import find_label_issues

from study.hardness.panel import JUDGES

# Of a study's judges on images that they have not seen. A study of 65 % accuracy doubted every
# fourth of its labels.
LEAST_ACCURACY = 0.75


def why_no_suspects(error_rate: np.ndarray, n_judges: np.ndarray) -> str:
    """Return why no label is suspected, as a sentence, or "".

    Args:
        error_rate: float, N; share of an image's comparable judges that are wrong.
        n_judges: int, N; how many comparable judges it has.
    """
    enough = n_judges >= JUDGES
    if not enough.any():
        return (
            f"No label is suspected, because no image has {JUDGES} judges of equal training size; "
            "add models, or seeds of models that are trained here."
        )
    accuracy = 1 - float(error_rate[enough].mean())
    if accuracy < LEAST_ACCURACY:
        return (
            f"No label is suspected, because the judges are too weak. On the {enough.sum():,} "
            f"images with {JUDGES} judges of equal training size these reach {accuracy:.0%} "
            f"accuracy, without having seen them; below {LEAST_ACCURACY:.0%} they doubt too many "
            "correct labels."
        ).replace("%", " %")
    return ""


def doubted_labels(labels: np.ndarray, p: np.ndarray, may: np.ndarray) -> np.ndarray:
    """Return whether confident learning doubts each label, bool N, by the answers of one run.

    The thresholds are the run's own, so that runs of any strength can be compared.

    Args:
        labels: int, N.
        p: float, N×K; the run's probabilities.
        may: bool, N; the images that it may judge.

    Source: C. Northcutt et al., "Confident Learning", 2021 (cleanlab).
    """
    doubted = np.zeros(len(labels), bool)
    # cleanlab wants every class to be there.
    if len(np.unique(labels[may])) == p.shape[1]:
        share = p[may] / p[may].sum(axis=1, keepdims=True)
        doubted[may] = find_label_issues(
            labels[may], share, filter_by="confident_learning", n_jobs=1
        )
    return doubted
