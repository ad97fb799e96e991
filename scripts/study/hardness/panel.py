"""What equally many judges say of each image, so that images can be counted by it.

The more judges there are, the fewer images all of them get right, and the fewer all of them get
wrong. Therefore four judges speak for every image, drawn by lot where there are more.
"""

from typing import NamedTuple

import numpy as np

from study.seeds import stream_seed

# Of each image. With fewer, agreement says little.
JUDGES = 4


class Verdicts(NamedTuple):
    """What the judges of N images say; in a row without `JUDGES` judges nothing counts.

    Attributes:
        known: bool, N; images with `JUDGES` judges.
        predicted: int, N×`JUDGES`; the class that each says.
        doubted: bool, N×`JUDGES`; whether each doubts the label.
    """

    known: np.ndarray
    predicted: np.ndarray
    doubted: np.ndarray


class Panel:
    """Draws the judges of N images while the runs are read one by one, evenly from the models.

    Per model and image it holds at most `JUDGES` runs, however many there are.

    Args:
        n: how many images there are.
    """

    def __init__(self, n: int):
        self._n = n
        self._random = np.random.default_rng(stream_seed(0, "panel"))
        # By model: of each image the lots of the runs that are kept, and what these say.
        self._kept: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def add(self, model: str, predicted: np.ndarray, doubted: np.ndarray, may: np.ndarray) -> None:
        """Take in a run.

        Args:
            model: name of its recipe.
            predicted: int, N; the class that it says.
            doubted: bool, N; whether it doubts the label.
            may: bool, N; the images that it may judge.
        """
        if model not in self._kept:
            nobody = np.full((self._n, JUDGES), np.inf, np.float32)
            self._kept[model] = nobody, np.zeros((self._n, JUDGES), np.int32)
        lots, said = self._kept[model]
        lot = np.where(may, self._random.random(self._n, np.float32), np.inf)
        place = lots.argmax(axis=1)
        chosen = np.flatnonzero(lot < lots[np.arange(self._n), place])
        lots[chosen, place[chosen]] = lot[chosen]
        said[chosen, place[chosen]] = (2 * predicted + doubted)[chosen]

    def verdicts(self) -> Verdicts:
        """Return what the judges say: one of each model, then a second one, and so on."""
        turns = [np.full((self._n, JUDGES), np.inf)]
        says = [np.zeros((self._n, JUDGES), np.int32)]
        random = np.random.default_rng(stream_seed(0, "turns"))
        for lots, said in self._kept.values():
            order = lots.argsort(axis=1)
            turn = np.arange(JUDGES) + random.random((self._n, 1))  # models by lot, too
            turns.append(np.where(np.isinf(np.take_along_axis(lots, order, axis=1)), np.inf, turn))
            says.append(np.take_along_axis(said, order, axis=1))
        turn, said = np.concatenate(turns, axis=1), np.concatenate(says, axis=1)
        first = turn.argsort(axis=1, kind="stable")[:, :JUDGES]
        known = np.isfinite(np.take_along_axis(turn, first, axis=1)).all(axis=1)
        said = np.take_along_axis(said, first, axis=1)
        return Verdicts(known, said // 2, said % 2 == 1)
