"""What the runs that may judge an image say of it: runs that neither trained nor validated on it.

A run may not judge an image either if it has seen one that is nearly the same. Runs that diverged
judge nothing.
"""

import tempfile
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.stats import rankdata

from study.runs.run import Run

# What a training records of each of its images.
DYNAMICS = ("confidence", "variability", "correctness", "forgetting", "first_learnt", "aum")


class RunRanks:
    """Rank and mistake of every image by single runs, in a temporary file.

    It takes 4 bytes per run and image on disk, and none in memory, however many runs there are.

    Args:
        n_images: N.

    Attributes:
        models: of each run the name of its recipe.
        n_images: N.
    """

    def __init__(self, n_images: int):
        self.models: list[str] = []
        self.n_images = n_images
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as this object

    def add(self, model: str, rank: np.ndarray, wrong: np.ndarray) -> None:
        """Take in a run.

        Args:
            model: name of its recipe.
            rank: float32, N; rank of the loss among the images that the run may judge, over their
                number: above 0 (easy) to 1 (hard). NaN where the run may not judge.
            wrong: bool, N; False where it may not judge.
        """
        self.models.append(model)
        # Ranks are above zero, so a sign has room for the answer.
        self._file.write(np.where(wrong, -rank, rank).astype(np.float32).tobytes())

    def __getitem__(self, run: int) -> tuple[np.ndarray, np.ndarray]:
        """Return rank and wrong of the run that was taken in at this place."""
        size = 4 * self.n_images
        self._file.seek(run * size)
        signed = np.frombuffer(self._file.read(size), np.float32)
        return np.abs(signed), signed < 0


class ModelVotes:
    """Sums over the runs of one model; each row of an array is an image.

    Attributes:
        count: runs that may judge the image. The sums that follow are over these.
        votes: int, N×K; runs that predict each class.
        probabilities: N×K; sum of the probabilities.
        of_label, squares: sums of the label's probability and of its square.
        rank: sum of the label's loss, as a rank within the run.
        margin: sum of the label's probability minus the largest other one.
        entropy: sum of the entropy of the probabilities, nats.
        trained: runs that trained on the image.
        of_label_trained: sum of the label's probability over those.
    """

    def __init__(self, n: int, n_classes: int):
        self.count = np.zeros(n, np.int64)
        self.votes = np.zeros((n, n_classes), np.int32)
        self.probabilities = np.zeros((n, n_classes))
        self.of_label, self.squares, self.rank, self.margin, self.entropy = np.zeros((5, n))
        self.trained, self.of_label_trained = np.zeros((2, n))

    def add(
        self, log_p: np.ndarray, labels: np.ndarray, may: np.ndarray, trained: np.ndarray
    ) -> np.ndarray:
        """Take in a run.

        Args:
            log_p: float64, N×K; the logarithm of the run's probabilities.
            labels: int, N.
            may: bool, N; the images that the run may judge.
            trained: bool, N; the images that it trained on.

        Returns:
            Rank of the loss, as `RunRanks` keeps it.
        """
        images = np.arange(len(labels))
        p, predicted = np.exp(log_p), log_p.argmax(axis=1)
        of_label = p[images, labels]
        rank = np.full(len(labels), np.nan, np.float32)
        rank[may] = rankdata(-log_p[images, labels][may]) / max(1, may.sum())
        self.count += may
        self.votes[images[may], predicted[may]] += 1
        self.probabilities[may] += p[may]
        self.of_label[may] += of_label[may]
        self.squares[may] += of_label[may] ** 2
        self.rank[may] += rank[may]
        self.margin[may] += (of_label - _largest_other(p, labels))[may]
        self.entropy[may] -= (p * log_p).sum(axis=1)[may]
        self.trained += trained
        self.of_label_trained[trained] += of_label[trained]
        return rank

    def mean(self, name: str) -> np.ndarray:
        """Return the mean of one of the sums over the runs that may judge; NaN where none may."""
        sums = getattr(self, name)
        count = self.count if sums.ndim == 1 else self.count[:, None]
        with np.errstate(invalid="ignore"):
            return sums / count


class TrainingDynamics:
    """Sums over the runs that trained on an image of what their training recorded of it.

    Args:
        n: how many images there are.
    """

    def __init__(self, n: int):
        self._sums = {name: np.zeros(n) for name in DYNAMICS}
        self._trained, self._learnt = np.zeros((2, n))

    def add(self, dynamics: dict[str, np.ndarray]) -> None:
        """Take in what `Run.dynamics` returned."""
        image_ids = dynamics["image_id"]
        self._trained[image_ids] += 1
        self._learnt[image_ids] += dynamics["first_learnt"] > 0
        for name, sums in self._sums.items():
            sums[image_ids] += dynamics[name]

    def means(self) -> dict[str, np.ndarray]:
        """Return the means over the runs that trained on an image, NaN where none did.

        That of `first_learnt` is over the runs that learnt the image.
        """
        with np.errstate(invalid="ignore"):
            return {
                name: sums / (self._learnt if name == "first_learnt" else self._trained)
                for name, sums in self._sums.items()
            }


class Judgements(NamedTuple):
    """What the runs of a study say of all N images.

    Attributes:
        labels: int, N.
        n_classes: K.
        votes: sums over the runs of each model, by its name.
        ranks: of each run that did not diverge.
        dynamics: of all trainings.
    """

    labels: np.ndarray
    n_classes: int
    votes: dict[str, ModelVotes]
    ranks: RunRanks
    dynamics: TrainingDynamics


def read_judgements(
    runs: Iterable[Run], labels: np.ndarray, n_classes: int, duplicates: np.ndarray | None = None
) -> Judgements:
    """Return what the runs say of all images; they are read one by one.

    Args:
        runs: all runs of a study.
        labels: int, N.
        n_classes: K.
        duplicates: int64, P×2; pairs of images that are nearly the same. A run may not judge an
            image whose pair it has seen.
    """
    n = len(labels)
    votes: dict[str, ModelVotes] = {}
    ranks, dynamics = RunRanks(n), TrainingDynamics(n)
    for run in runs:
        predictions = run.predictions()
        if predictions.diverged:
            continue
        may = predictions.may_judge(duplicates)
        log_p = predictions.log_probabilities()
        if run.model not in votes:
            votes[run.model] = ModelVotes(n, n_classes)
        rank = votes[run.model].add(log_p, labels, may, predictions.has_role("train"))
        ranks.add(run.model, rank, (log_p.argmax(axis=1) != labels) & may)
        dynamics.add(run.dynamics())
    return Judgements(labels, n_classes, votes, ranks, dynamics)


def mean_over_models(means: Sequence[np.ndarray], n: int, *more: int) -> np.ndarray:
    """Return the mean over the models that have a value; NaN where none has."""
    total, count = np.zeros((n, *more)), np.zeros((n, *more))
    for mean in means:
        known = ~np.isnan(mean)
        total[known] += mean[known]
        count += known
    with np.errstate(invalid="ignore"):
        return total / count


def _largest_other(p: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the largest probability of a class that is not the label."""
    others = p.copy()
    others[np.arange(len(p)), labels] = -np.inf
    return others.max(axis=1)
