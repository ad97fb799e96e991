"""Hyper-parameter search: which settings to try next, what was tried, and which was best on validation images.

What was tried lies in journals, one a worker. They are all the state there is: a search that was killed goes on from them, and
workers learn of each other's trials by reading them.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import optuna

from study.errors import StudyError
from study.files import read_json, write_json
from study.seeds import stream_seed

_REDUCTION = 3  # of the trials, from one rung of successive halving to the next


@dataclass(frozen=True)
class Trial:
    """One training with one choice of settings.

    Attributes:
        number: from 0, in the order of the search.
        params: value by recipe key, such as {"optimizer.lr": 0.001}.
        state: "complete", "pruned" (stopped because others were better at the same epoch), "diverged" or "failed" (out of
            memory).
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


class Journal:
    """The finished trials of one worker, in a file that is written anew, whole, after each.

    Args:
        path: the file; made with its folder when the first trial ends.
        identity: digest of all that a trial depends on besides its settings.

    Raises:
        StudyError: the file is of another recipe, data or code.
    """

    def __init__(self, path: str | Path, identity: str):
        self.path, self.identity = Path(path), identity
        if self.path.exists() and read_json(self.path)["identity"] != identity:
            raise StudyError(
                f"{path} holds the trials of another recipe, search, data or code; to start anew, delete their folder: rm -r '{self.path.parent}'"
            )

    def trials(self) -> list[Trial]:
        """Return the trials that ended."""
        return (
            [Trial(**row) for row in read_json(self.path)["trials"]] if self.path.exists() else []
        )

    def append(self, trial: Trial) -> None:
        """Add a trial that ended."""
        write_json(
            self.path,
            {
                "identity": self.identity,
                "trials": [asdict(done) for done in [*self.trials(), trial]],
            },
        )


class Grid:
    """Every combination of the choices, the first key outermost."""

    def __init__(self, search: Mapping[str, Sequence[Any]]):
        self.points = [
            dict(zip(search, values, strict=True)) for values in itertools.product(*search.values())
        ]

    def __len__(self) -> int:
        return len(self.points)

    def suggest(self, number: int, finished: Sequence[Trial]) -> dict[str, Any]:
        """Return the settings of a trial."""
        return self.points[number]

    def hopeless(
        self,
        number: int,
        params: Mapping[str, Any],
        accuracies: Sequence[float],
        finished: Sequence[Trial],
    ) -> bool:
        """Tell whether to stop a trial; a grid stops none."""
        return False


class Tpe:
    """Optuna's tree-structured Parzen estimator, with asynchronous successive halving.

    One worker makes the same suggestions each time; with several they depend on which trials have ended. The first ten are
    random.

    The halving is our own few lines, because Optuna's needs its storage, and what survives a kill here is the journal.

    Sources: J. Bergstra et al., "Algorithms for Hyper-Parameter Optimization", 2011; L. Li et al., "A System for Massively
    Parallel Hyperparameter Tuning" (ASHA), 2020.

    Args:
        search: by recipe key, a list of choices or {"low", "high", "log"}.
        whole: keys whose ranges hold whole numbers.
        trials: how many.
        seed: of the suggestions.
    """

    def __init__(self, search: Mapping[str, Any], whole: Sequence[str], trials: int, seed: int):
        self.distributions = {
            key: _distribution(choices, key in whole) for key, choices in search.items()
        }
        self.trials, self.seed = trials, seed
        optuna.logging.set_verbosity(optuna.logging.WARNING)

    def __len__(self) -> int:
        return self.trials

    def suggest(self, number: int, finished: Sequence[Trial]) -> dict[str, Any]:
        """Return the settings of a trial, given those that ended."""
        # A sampler of its own for each trial, so that a search that was interrupted goes on as if it had not been.
        sampler = optuna.samplers.TPESampler(seed=stream_seed(self.seed, f"tune/{number}") % 2**32)
        return self._study(finished, sampler).ask(self.distributions).params

    def hopeless(
        self,
        number: int,
        params: Mapping[str, Any],
        accuracies: Sequence[float],
        finished: Sequence[Trial],
    ) -> bool:
        """Tell whether to stop a trial: after 1, 3, 9, … epochs all but the best third of those that came so far are."""
        epoch = len(accuracies)
        if epoch not in {_REDUCTION**rung for rung in range(epoch)}:
            return False
        others = [
            trial.accuracies[epoch - 1] for trial in finished if len(trial.accuracies) >= epoch
        ]
        better = sum(accuracy > accuracies[-1] for accuracy in others)
        return better >= max(1, (len(others) + 1) // _REDUCTION)

    def _study(
        self, finished: Sequence[Trial], sampler: optuna.samplers.BaseSampler
    ) -> optuna.Study:
        study = optuna.create_study(direction="maximize", sampler=sampler)
        for trial in sorted(finished, key=lambda trial: trial.number):
            # Optuna learns nothing from failed trials; settings that diverge are to be known as bad ones.
            bad = trial.state in ("diverged", "failed")
            study.add_trial(
                optuna.trial.create_trial(
                    state=optuna.trial.TrialState.PRUNED
                    if trial.state == "pruned"
                    else optuna.trial.TrialState.COMPLETE,
                    params=trial.params,
                    distributions=self.distributions,
                    value=0.0 if bad else trial.accuracy,
                    intermediate_values={} if bad else dict(enumerate(trial.accuracies, 1)),
                )
            )
        return study


def _distribution(choices: Any, whole: bool) -> optuna.distributions.BaseDistribution:
    if not isinstance(choices, Mapping):
        return optuna.distributions.CategoricalDistribution(list(choices))
    low, high, log = choices["low"], choices["high"], choices.get("log", False)
    if whole:
        return optuna.distributions.IntDistribution(low, high, log=log)
    return optuna.distributions.FloatDistribution(float(low), float(high), log=log)


def best_trial(trials: Iterable[Trial]) -> Trial:
    """Return the complete trial with the highest validation accuracy, the first on ties.

    Raises:
        StudyError: none is complete.
    """
    complete = sorted(
        (trial for trial in trials if trial.state == "complete"), key=lambda trial: trial.number
    )
    if not complete:
        raise StudyError(
            "no trial of the search was trained to its end; search lower learning rates, or for longer"
        )
    return max(complete, key=lambda trial: trial.accuracy)
