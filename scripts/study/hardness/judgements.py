"""What the runs that may judge an image say of it: runs that neither trained nor validated on it.

A run may not judge an image either if it has seen one that is nearly the same. Runs that diverged
judge nothing.
"""

import tempfile
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtri

from study.hardness.behind_mistakes import BehindMistakes
from study.hardness.comparable import comparable_runs
from study.hardness.panel import Panel
from study.hardness.suspects import doubted_labels
from study.runs.predictions import log_softmax
from study.runs.run import Run
from study.runs.second_looks import SecondLook

# What a training records of each of its images.
DYNAMICS = ("confidence", "variability", "correctness", "forgetting", "first_learnt", "aum")


class RunRanks:
    """Rank and mistake of every image by single runs, in a temporary file.

    It takes 4 bytes per run and image on disk, and none in memory, however many runs there are.

    Args:
        n_images: N.

    Attributes:
        models: of each run the name of its recipe.
        comparable: of each run whether it compares images by its mistakes.
        n_images: N.
    """

    def __init__(self, n_images: int):
        self.models: list[str] = []
        self.comparable: list[bool] = []
        self.n_images = n_images
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as this object

    def add(self, model: str, rank: np.ndarray, wrong: np.ndarray, comparable: bool = True) -> None:
        """Take in a run.

        Args:
            model: name of its recipe.
            rank: float32, N; rank by hardness among the images that the run may judge, over their
                number: above 0 (easy) to 1 (hard). NaN where the run may not judge.
            wrong: bool, N; False where it may not judge.
            comparable: what `study.hardness.comparable.comparable_runs` says of it.
        """
        self.models.append(model)
        self.comparable.append(comparable)
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

    Over all runs that may judge the image:

    Attributes:
        count: how many there are.
        votes: int, N×K; how many predict each class.
        rank: sum of the rank by hardness within the run, see `joint_ranks`.
        suspicion: sum of the rank within the run by the margin of log p of the best other class
            over that of the label.

    Over those of them that are of about equal training size (`study.hardness.comparable`):

    Attributes:
        n_comparable: how many there are.
        n_wrong: how many are wrong.
        probabilities: N×K; sum of the probabilities.
        of_label, squares: sums of the label's probability and of its square.
        norms: sum over runs of the sum over classes of the squared probabilities.
        disagreement: sum of the share of an image's nearest training images with another label.
        n_with_neighbours: how many of them say this.
        trained: how many of this training size trained on the image.
        of_label_trained: sum of the label's probability over those.
    """

    def __init__(self, n: int, n_classes: int):
        self.count, self.n_comparable, self.n_wrong, self.trained = np.zeros((4, n), np.int64)
        self.votes = np.zeros((n, n_classes), np.int32)
        self.rank, self.suspicion, self.of_label, self.squares = np.zeros((4, n))
        self.probabilities = np.zeros((n, n_classes))
        self.norms, self.of_label_trained = np.zeros((2, n))
        self.disagreement, self.n_with_neighbours = np.zeros(n), np.zeros(n, np.int64)

    def add(
        self, log_p: np.ndarray, labels: np.ndarray, may: np.ndarray, look: SecondLook
    ) -> np.ndarray:
        """Take in a run.

        Args:
            log_p: float64, N×K; the logarithm of the run's probabilities.
            labels: int, N.
            may: bool, N; the images that the run may judge.
            look: what the run says on a second look, by which hardness and suspicion are ranked.

        Returns:
            Rank by hardness, as `RunRanks` keeps it.
        """
        over_views = log_p if look.view_logits is None else log_softmax(look.view_logits)
        of_label = over_views[np.arange(len(labels)), labels]
        margin = _largest_other(over_views, labels) - of_label
        rank = joint_ranks(-of_label, look.disagreement(labels), may)
        self.count += may
        self.votes[np.flatnonzero(may), log_p.argmax(axis=1)[may]] += 1
        self.rank[may] += rank[may]
        self.suspicion[may] += _rank_within(margin, may)[may]
        return rank

    def add_comparable(
        self,
        log_p: np.ndarray,
        labels: np.ndarray,
        may: np.ndarray,
        look: SecondLook,
        trained: np.ndarray,
    ) -> None:
        """Take in a run of the training size that compares images.

        Args:
            log_p: as of `add`.
            labels: as of `add`.
            may: as of `add`.
            look: as of `add`.
            trained: bool, N; the images that the run trained on.
        """
        disagreement = look.disagreement(labels)
        if disagreement is not None:
            self.n_with_neighbours += may
            self.disagreement[may] += disagreement[may]
        p = np.exp(log_p)
        of_label = p[np.arange(len(labels)), labels]
        self.n_comparable += may
        self.n_wrong += may & (log_p.argmax(axis=1) != labels)
        self.probabilities[may] += p[may]
        self.of_label[may] += of_label[may]
        self.squares[may] += of_label[may] ** 2
        self.norms[may] += (p[may] ** 2).sum(axis=1)
        self.trained += trained
        self.of_label_trained[trained] += of_label[trained]

    def mean(self, name: str) -> np.ndarray:
        """Return the mean of one of the sums over its runs; NaN where there is none."""
        sums = getattr(self, name)
        counts = dict.fromkeys(("rank", "suspicion"), self.count)
        counts["disagreement"] = self.n_with_neighbours
        count = counts.get(name, self.n_comparable)
        with np.errstate(invalid="ignore"):
            return sums / (count if sums.ndim == 1 else count[:, None])

    def mean_trained(self) -> np.ndarray:
        """Return the mean p(label) of the runs that trained on an image; NaN where none did."""
        with np.errstate(invalid="ignore"):
            return self.of_label_trained / self.trained


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
        panel: what equally many comparable runs say of each image.
        behind: which training images stand behind mistakes.
        n_repeated: runs that were imported from the file of one before them, which serves several
            combos or seeds: they are no further judges.
    """

    labels: np.ndarray
    n_classes: int
    votes: dict[str, ModelVotes]
    ranks: RunRanks
    dynamics: TrainingDynamics
    panel: Panel
    behind: BehindMistakes
    n_repeated: int = 0


def read_judgements(
    runs: Sequence[Run], labels: np.ndarray, n_classes: int, duplicates: np.ndarray | None = None
) -> Judgements:
    """Return what the runs say of all images; they are read one by one, twice.

    Args:
        runs: all runs of a study.
        labels: int, N.
        n_classes: K.
        duplicates: int64, P×2; pairs of images that are nearly the same. A run may not judge an
            image whose pair it has seen.
    """
    n = len(labels)
    votes: dict[str, ModelVotes] = {}
    ranks, dynamics, panel, behind = RunRanks(n), TrainingDynamics(n), Panel(n), BehindMistakes(n)
    heard: set[tuple[str, str]] = set()
    n_repeated = 0
    for run, comparable in zip(runs, comparable_runs(runs, duplicates), strict=True):
        predictions = run.predictions()
        if predictions.diverged:
            continue
        said = run.model, predictions.imported
        if predictions.imported and said in heard:
            n_repeated += 1
            continue
        heard.add(said)
        may = predictions.may_judge(duplicates)
        log_p = predictions.log_probabilities()
        if run.model not in votes:
            votes[run.model] = ModelVotes(n, n_classes)
        of_model, predicted = votes[run.model], log_p.argmax(axis=1)
        look = run.second_look()
        rank = of_model.add(log_p, labels, may, look)
        ranks.add(run.model, rank, (predicted != labels) & may, comparable)
        if comparable:
            of_model.add_comparable(log_p, labels, may, look, predictions.has_role("train"))
            panel.add(run.model, predicted, doubted_labels(labels, np.exp(log_p), may), may)
        dynamics.add(run.dynamics())
        # By the labels now: predictions are older than corrections of other runs' images.
        behind.add(predictions, look, may & (predicted != labels))
    return Judgements(labels, n_classes, votes, ranks, dynamics, panel, behind, n_repeated)


def mean_over_models(means: Sequence[np.ndarray], n: int, *more: int) -> np.ndarray:
    """Return the mean over the models that have a value; NaN where none has."""
    total, count = np.zeros((n, *more)), np.zeros((n, *more))
    for mean in means:
        known = ~np.isnan(mean)
        total[known] += mean[known]
        count += known
    with np.errstate(invalid="ignore"):
        return total / count


def joint_ranks(said: np.ndarray, of_neighbours: np.ndarray | None, may: np.ndarray) -> np.ndarray:
    """Return ranks by two things equally, above 0 to 1, within a run; NaN where it may not judge.

    They are the ranks of the mean of two normal scores (B. L. van der Waerden, 1952). Ranks of
    this mean, and not the mean itself, because every run's ranks are spread evenly: images are
    compared that are judged by other runs, and by runs without neighbours.

    Args:
        said: float, N; what the run's answers say, such as the loss.
        of_neighbours: float, N; what its nearest training images say. Without it the ranks are
            those of `said`.
        may: bool, N; the images that the run may judge.
    """
    if of_neighbours is None or not may.any():
        return _rank_within(said, may)
    # The middle of each rank's place: nothing is at 0 or 1, whose scores are infinite.
    half = 0.5 / may.sum()
    scores = [ndtri(_rank_within(values, may) - half) for values in (said, of_neighbours)]
    return _rank_within(sum(scores), may)


def _rank_within(values: np.ndarray, may: np.ndarray) -> np.ndarray:
    """Return ranks, above 0 to 1, among the images that a run may judge; NaN for the others."""
    ranks = np.full(len(values), np.nan, np.float32)
    ranks[may] = pd.Series(values[may]).rank().to_numpy() / max(1, may.sum())
    return ranks


def _largest_other(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the largest value of a class that is not the label."""
    others = values.copy()
    others[np.arange(len(values)), labels] = -np.inf
    return others.max(axis=1)
