"""The trials of a hyper-parameter search as records, and which of them was best."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from study.errors import StudyError


@dataclass(frozen=True)
class Trial:
    """One training with one choice of settings.

    Attributes:
        number: from 0, in the order of the search.
        params: value by recipe key, such as {"optimizer.lr": 0.001}.
        state: "complete", "pruned" (stopped because others were better at the same epoch),
            "diverged" or "failed" (out of memory, or the settings do not fit the network).
        accuracies: validation accuracy after each epoch.
        accuracy: that of the weights the recipe keeps; None unless complete.
        seconds: of the whole trial.
        train_seconds: of its training epochs alone.
    """

    number: int
    params: dict[str, Any]
    state: str
    accuracies: list[float]
    accuracy: float | None
    seconds: float
    train_seconds: float

    def row(self) -> dict[str, Any]:
        """Return the trial's row of the table of trials, by column."""
        return {
            "trial": self.number,
            **self.params,
            "state": self.state,
            "val_accuracy": self.accuracy,
            "epochs_trained": len(self.accuracies),
            "train_seconds": self.train_seconds,
            "seconds": self.seconds,
        }


def best_trial(trials: Iterable[Trial]) -> Trial:
    """Return the complete trial with the highest validation accuracy, the first on ties.

    Raises:
        StudyError: none is complete.
    """
    complete = [trial for trial in trials if trial.state == "complete"]
    if not complete:
        raise StudyError(
            "no trial of the search was trained to its end; results/logs/tune says why of each; "
            "where trials diverged search lower learning rates, where all were pruned for longer"
        )
    return max(complete, key=lambda trial: (trial.accuracy, -trial.number))


def search_record(trials: Sequence[Trial]) -> dict[str, Any]:
    """Return the result of a search: its best trial, the number of trials by state, the time.

    Raises:
        StudyError: no trial is complete.
    """
    best = best_trial(trials)
    states = [trial.state for trial in trials]
    return {
        "best_trial": best.number,
        "params": best.params,
        "val_accuracy": best.accuracy,
        "trials": len(trials),
        "states": {state: states.count(state) for state in sorted(set(states))},
        "seconds": sum(trial.seconds for trial in trials),
        "train_seconds": sum(trial.train_seconds for trial in trials),
    }
