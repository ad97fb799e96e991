"""Which training images stand behind the mistakes of runs: those that a network sees as nearest.

The nearest training image of the class that a run wrongly predicts has another label than the
mistaken image. Where it stands behind many mistakes, its own label may be the wrong one.
"""

import numpy as np
import pandas as pd

from study.runs.predictions import Predictions
from study.runs.second_looks import SecondLook

COLUMNS = ("image_id", "file", "partition", "class", "n_mistakes", "n_images", "n_runs", "per_run",
           "hardness", "label_suspicion", "error_rate", "consensus")  # fmt: skip


class BehindMistakes:
    """Counts, run by run, how often each of N images is the nearest of the class wrongly said.

    Args:
        n: how many images there are.

    Attributes:
        n_mistakes: int, N; mistakes of single runs.
        n_runs: int, N; runs that trained on the image and looked for neighbours.
    """

    def __init__(self, n: int):
        self.n_mistakes, self.n_runs = np.zeros((2, n), np.int64)
        # Pairs of images by one number, so that a mistake of many runs is one image.
        self._pairs = np.zeros(0, np.int64)

    def add(self, predictions: Predictions, look: SecondLook, may: np.ndarray) -> None:
        """Take in a run.

        Args:
            predictions: of the run.
            look: what it says on a second look.
            may: bool, N; the images that it may judge.
        """
        if look.behind is None:
            return
        n = len(self.n_runs)
        nearest = look.behind[:, 0, 0].astype(np.int64)
        chosen = may[look.mistaken] & (nearest >= 0)
        nearest, mistaken = nearest[chosen], look.mistaken[chosen]
        self.n_runs += predictions.has_role("train")
        self.n_mistakes += np.bincount(nearest, minlength=n)
        self._pairs = np.union1d(self._pairs, nearest * n + mistaken)

    @property
    def n_images(self) -> np.ndarray:
        """Return how many images each stands behind, int N, over all runs."""
        n = len(self.n_runs)
        return np.bincount(self._pairs // max(1, n), minlength=n)

    def table(self, ranking: pd.DataFrame) -> pd.DataFrame:
        """Return a row for each image that stands behind a mistake, the worst first.

        They are in order of mistakes per run that trained on the image, because most images are
        trained on by few runs.

        Args:
            ranking: all images with their scores, what `study.hardness.ranking.ranked` returned.
        """
        ids = np.flatnonzero(self.n_mistakes)
        found = pd.DataFrame(
            {
                "image_id": ids,
                "n_mistakes": self.n_mistakes[ids],
                "n_images": self.n_images[ids],
                "n_runs": self.n_runs[ids],
                "per_run": self.n_mistakes[ids] / self.n_runs[ids],
            }
        )
        table = found.merge(ranking, on="image_id")[list(COLUMNS)]
        return table.sort_values(
            ["per_run", "n_images", "image_id"], ascending=[False, False, True], ignore_index=True
        )
