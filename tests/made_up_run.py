"""A run in memory, for tests that judge images."""

from typing import NamedTuple

import numpy as np

from study.hardness.judgements import DYNAMICS
from study.runs.predictions import Predictions
from study.runs.second_looks import SecondLook

NO_DYNAMICS = {name: np.zeros(0, int) for name in ("image_id", *DYNAMICS)}


class MadeUpRun(NamedTuple):
    """What tests need of `study.runs.run.Run`, without files."""

    model: str
    answers: Predictions
    statistics: dict[str, np.ndarray] = NO_DYNAMICS
    combo: str = "v1"
    seed: int = 1
    look: SecondLook = SecondLook()

    def predictions(self) -> Predictions:
        return self.answers

    def second_look(self) -> SecondLook:
        return self.look

    def dynamics(self) -> dict[str, np.ndarray]:
        return self.statistics
