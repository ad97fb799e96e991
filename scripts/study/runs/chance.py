"""Whether a run learnt anything: is it better than guessing, or than always the largest class?"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # `study show` and `watch` want the names alone
    import numpy as np

NO_BETTER = "no better than chance"
# The statuses of runs that have a model which was measured.
MEASURED = ("ok", NO_BETTER)
# Of fewer images nothing is said: few runs would be found better than guessing.
_FEWEST = 20
_LEVEL = 0.05


def chance_level(labels: "np.ndarray", n_classes: int) -> float:
    """Return the accuracy of guessing, or of always naming the most frequent class if it is more.

    Args:
        labels: int, n; n ≥ 1.
        n_classes: K.
    """
    import numpy as np

    return float(max(1 / n_classes, np.bincount(labels).max() / len(labels)))


def status_by_accuracy(
    correct: "np.ndarray",
    labels: "np.ndarray",
    n_classes: int,
    groups: "np.ndarray | None" = None,
) -> str:
    """Return "ok", or `NO_BETTER` for answers that are not found better than the chance level.

    That is by a one-sided binomial test at 5 %. Where images belong together, it counts as many
    single images as their groups are worth.

    Args:
        correct: bool, n; of images that the run never saw.
        labels: int, n.
        n_classes: K.
        groups: int, n; of images that belong together. Default: each is alone.
    """
    from scipy.special import bdtrc

    n = len(labels)
    if n < _FEWEST:
        return "ok"
    n_right, level = int(correct.sum()), chance_level(labels, n_classes)
    if groups is not None:
        from study.runs.clusters import effective_numbers

        worth = int(effective_numbers(correct, groups)[0])
        n, n_right = worth, int(n_right * worth / n)
    # How often so many or more are right by chance.
    p = bdtrc(n_right - 1, n, level) if level < 1 else 1.0
    return "ok" if p <= _LEVEL else NO_BETTER
