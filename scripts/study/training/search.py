"""Hyper-parameter search with Optuna: the trials of a worker, one training after the other.

A trial begins in a new study in memory that holds all trials that have ended. When it ends, it goes
into the journal, a file of Optuna's that all workers share. So nothing is left of a trial that was
killed, and a search with one worker makes the same suggestions each time.

Optuna's usual way, all workers in one study on disk, does not promise that. A killed trial stays
there as a running one, and successive halving still counts it. Optuna's `GridSampler` is not
used: it shuffles the grid, and several workers may try one point twice.

Sources: J. Bergstra et al., "Algorithms for Hyper-Parameter Optimization", 2011 (the estimator);
L. Li et al., "A System for Massively Parallel Hyperparameter Tuning", 2020 (successive halving).
"""

import itertools
import math
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from study.config.recipes import value_at
from study.devices import full_memory, memory_advice
from study.errors import StudyError
from study.seeds import stream_seed
from study.training.trainer import Diverged, Epoch, Trainer
from study.training.trials import Trial

# One in this number of trials continues after 1, 3, 9, … epochs.
_REDUCTION = 3
# Optuna learns nothing from failed trials; settings that diverge are told as bad ones.
_WORST_ACCURACY = 0.0


class Search:
    """A hyper-parameter search of one model, of which each worker runs a share of the trials.

    A grid tries every combination of the choices, the first key outermost. Else the first ten
    trials are random, the others suggested by a tree-structured Parzen estimator, and hopeless ones
    are stopped early. With several workers, suggestions depend on which trials had ended before.

    Args:
        settings: the model's part of `tune` in the configuration.
        recipe: that the trials change.
        seed: of the suggestions.
        journal: the file of the trials that have ended; made if it is not there.
        identity: digest of all that a trial depends on besides its settings. Trials of another
            identity stay in the journal and have no part in this search.

    Raises:
        StudyError: the journal is damaged.
    """

    def __init__(
        self,
        settings: Mapping[str, Any],
        recipe: Mapping[str, Any],
        seed: int,
        journal: Path,
        identity: str,
    ):
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.settings, self.seed = settings, seed
        self.is_grid = settings["method"] == "grid"
        self.keys = settings["keys"]
        self.usual = {key: value_at(recipe, key) for key in self.keys}
        self.distributions = {
            key: _distribution(choices, self.usual[key]) for key, choices in self.keys.items()
        }
        self.journal = _open_journal(journal, identity)

    def __len__(self) -> int:
        if self.is_grid:
            return math.prod(map(len, self.keys.values()))
        return self.settings["trials"]

    def _ended(self) -> list[optuna.trial.FrozenTrial]:
        """Return the trials of all workers that have ended, in the order of the search."""
        trials = self.journal.get_trials()
        return sorted(trials, key=lambda trial: trial.user_attrs["trial"]["number"])

    def _share(self, worker: int, workers: int) -> list[Trial]:
        """Return a worker's trials that have ended, in the order of the search."""
        trials = [Trial(**trial.user_attrs["trial"]) for trial in self._ended()]
        return [trial for trial in trials if trial.number % workers == worker]

    def run(
        self, make_trainer: Callable[[dict[str, Any]], Trainer], worker: int = 0, workers: int = 1
    ) -> list[Trial]:
        """Run a worker's trials that have not ended yet, and return all its trials.

        Args:
            make_trainer: returns a trainer for some settings, by recipe key.
            worker: which of the workers this is, from 0; it runs every `workers`-th trial.
            workers: how many there are.

        Raises:
            StudyError: a trainer cannot be made, but not for its settings: memory or a package
                is missing, or that of the unchanged recipe cannot be made either.
        """
        limit = 60 * self.settings.get("minutes", math.inf)
        for number in range(worker, len(self), workers):
            mine = self._share(worker, workers)
            if number in {trial.number for trial in mine}:
                continue
            if sum(trial.seconds for trial in mine) > limit:
                minutes = f"{self.settings['minutes']:g} minutes"
                print(f"{minutes} are over after {len(mine)} trials", file=sys.stderr)
                break
            trial = self._run_trial(number, make_trainer)
            shown = "–" if trial.accuracy is None else f"{trial.accuracy:.4f}"
            print(
                f"trial {number + 1}/{len(self)}  {trial.params}  {trial.state}  "
                f"val accuracy {shown}",
                file=sys.stderr,
                flush=True,
            )
        return self._share(worker, workers)

    def _run_trial(self, number: int, make_trainer: Callable[[dict[str, Any]], Trainer]) -> Trial:
        """Train one trial to its end, or until it diverges or there is no hope for it."""
        clock = time.perf_counter()
        study = self._study(number)
        trial = study.ask(self.distributions)
        params = {key: self._value(key, value) for key, value in trial.params.items()}
        epochs: list[Epoch] = []
        trainer = accuracy = None

        def report(epoch: Epoch) -> None:
            epochs.append(epoch)
            trial.report(epoch.val_accuracy, epoch.epoch)
            if epoch.epoch < trainer.last_epoch and trial.should_prune():
                raise optuna.TrialPruned

        try:
            with memory_advice():
                trainer = make_trainer(params)
                trainer.run(report)
            state, accuracy = "complete", trainer.kept_epoch.val_accuracy
        except optuna.TrialPruned:
            state = "pruned"
        except Diverged:
            state = "diverged"
        except StudyError as error:  # such as too little memory: other settings may fit
            if trainer is None:
                self._blame_settings(error, make_trainer)
            print(error, file=sys.stderr)
            state = "failed"
        ended = Trial(
            number,
            params,
            state,
            [epoch.val_accuracy for epoch in epochs],
            accuracy,
            time.perf_counter() - clock,
            sum(epoch.seconds for epoch in epochs),
        )
        trial.set_user_attr("trial", asdict(ended))
        if state == "pruned":
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            study.tell(trial, _WORST_ACCURACY if ended.accuracy is None else ended.accuracy)
        self.journal.add_trial(study.trials[-1])
        return ended

    def _blame_settings(
        self, error: StudyError, make_trainer: Callable[[dict[str, Any]], Trainer]
    ) -> None:
        """Raise StudyError if a trial's trainer failed to be made, but not for its settings.

        Trials that have ended are never run again: a fault of the machine would end the search.
        """
        if _something_is_missing(error):
            raise error
        with memory_advice():
            make_trainer(self.usual)

    def _study(self, number: int) -> optuna.Study:
        """Return a study in memory of the trials that have ended, from which one is asked next."""
        # Each trial has its own seed, so that a search goes on as if it had not been interrupted.
        seed = stream_seed(self.seed, f"tune/{number}") % 2**32
        halving = optuna.pruners.SuccessiveHalvingPruner(1, reduction_factor=_REDUCTION)
        study = optuna.create_study(
            direction="maximize",
            sampler=optuna.samplers.TPESampler(seed=seed),
            pruner=optuna.pruners.NopPruner() if self.is_grid else halving,
        )
        study.add_trials(self._ended())
        if self.is_grid:
            points = itertools.product(*(range(len(choices)) for choices in self.keys.values()))
            point = next(itertools.islice(points, number, None))
            study.enqueue_trial(dict(zip(self.keys, point, strict=True)))
        return study

    def _value(self, key: str, suggested: Any) -> Any:
        """Return the value of a suggestion: of a list, Optuna suggests positions."""
        choices = self.keys[key]
        return suggested if isinstance(choices, Mapping) else choices[suggested]


def _distribution(choices: Any, usual: Any) -> BaseDistribution:
    """Return what is chosen from; whole numbers where both ends and the recipe's value are."""
    if not isinstance(choices, Mapping):
        # Positions, because Optuna stores no lists and tells equal values from each other.
        return CategoricalDistribution(range(len(choices)))
    low, high, log = choices["low"], choices["high"], choices.get("log", False)
    if all(isinstance(value, int) for value in (low, high, usual)):
        return IntDistribution(low, high, log=log)
    return FloatDistribution(float(low), float(high), log=log)


def _something_is_missing(error: BaseException | None) -> bool:
    """Tell whether memory or a package is missing, by an error or one that it came from."""
    while error is not None:
        if isinstance(error, ImportError | MemoryError) or full_memory(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _open_journal(path: Path, identity: str) -> optuna.Study:
    path.parent.mkdir(parents=True, exist_ok=True)
    backend = JournalFileBackend(str(path), JournalFileOpenLock(str(path)))
    try:
        if not (path.read_bytes() or b"\n").endswith(b"\n"):
            raise ValueError("its last line is not whole")
        return optuna.create_study(
            storage=optuna.storages.JournalStorage(backend),
            study_name=identity,
            direction="maximize",
            load_if_exists=True,
        )
    except ValueError as error:
        raise StudyError(
            f"{path}, the trials of a search that was interrupted, is damaged ({error}); "
            f"to search from the beginning, delete it: rm '{path}'"
        ) from error
