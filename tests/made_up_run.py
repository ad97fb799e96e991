"""A run in memory, for tests that judge images, and a history."""

from typing import NamedTuple

import numpy as np
import pandas as pd

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


def history(n: int = 4, **changes: object) -> pd.DataFrame:
    """Return what a training of n epochs recorded."""
    rising = np.linspace(0.2, 0.5, n)
    columns = {"epoch": np.arange(1, n + 1), "learning_rate": np.full(n, 0.1)}
    for shift, part in enumerate(("train", "val", "test")):
        columns |= {f"{part}_loss": 2 - rising + shift, f"{part}_accuracy": rising + shift / 10}
    return pd.DataFrame(columns | changes)


def history_of_run(combo: str, seed: int, accuracies: list[float]) -> pd.DataFrame:
    """Return one run's rows of the histories of all; it has no validation images."""
    n = len(accuracies)
    columns = {"combo": combo, "model": "cnn2", "seed": seed, "epoch": range(1, n + 1)}
    columns |= {"train_loss": np.linspace(2, 1, n), "train_accuracy": accuracies}
    columns |= {"test_loss": 1.0, "test_accuracy": accuracies, "val_loss": np.nan}
    return pd.DataFrame(columns)
