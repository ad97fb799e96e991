#!/usr/bin/env python
"""Search hyper-parameters of a recipe: train one trial after the other and score each on validation images."""

import argparse
import json
import math
import sys
import time
from pathlib import Path

from study.code import code_digest
from study.config.components import component_modules
from study.config.recipes import canonical, complete_recipe, laid_over, overlay, value_at
from study.data.index import read_index
from study.data.partitions import read_split, union
from study.devices import memory_advice, take_device
from study.errors import StudyError
from study.files import read_yaml, write_json
from study.job import device_options, run_script, stop_with_ancestors


def main(arguments: argparse.Namespace) -> None:
    """Run this worker's share of the trials that are not in its journal yet, then write all of them."""
    if arguments.job:
        stop_with_ancestors()
    index = read_index(arguments.index)
    splits = [read_split(path) for path in arguments.splits]
    train_ids, val_ids = (union(splits, role) for role in ("train", "val"))
    if len(val_ids) == 0:
        raise StudyError(
            "tuning chooses by validation images and there are none; give 'split.val' (for the combo official "
            "'official.val') a larger share"
        )
    search = json.loads(arguments.search)
    recipe = read_yaml(arguments.recipe)
    searched = search["keys"]
    if "optimizer.lr" not in searched:
        recipe = complete_recipe(arguments.recipe, arguments.lr_find)
    if "epochs" in search:
        recipe["epochs"] = search["epochs"]
        recipe.pop("steps", None)

    whole = [
        key
        for key, choices in searched.items()
        if isinstance(choices, dict)
        and all(
            isinstance(v, int) for v in (choices["low"], choices["high"], value_at(recipe, key))
        )
    ]

    # After the cheap checks: importing torch takes seconds.
    device = take_device(arguments.gpus, arguments.threads, recipe.get("deterministic", False))
    import numpy as np
    import torch

    from study.training.checkpoints import identity
    from study.training.search import Grid, Journal, Tpe, Trial
    from study.training.trainer import Diverged, Epoch, ImageSet, Trainer, new_trainer

    images = np.load(arguments.images, mmap_mode="r")
    train_set, val_set = (
        ImageSet.taken(images, index.labels, ids, device) for ids in (train_ids, val_ids)
    )

    class Hopeless(Exception):
        pass

    modules = component_modules(recipe, searched)
    key = identity(
        [
            code_digest(Path(__file__), *modules), torch.__version__, device.type, arguments.seed, arguments.workers,
            canonical(recipe), canonical({**search, "trials": None, "minutes": None}), train_set.digest(), val_set.digest(),
        ]
    )  # fmt: skip
    folder = Path(arguments.journals)
    own = Journal(folder / f"worker{arguments.worker}.json", key)
    journals = [
        own,
        *(
            Journal(folder / f"worker{w}.json", key)
            for w in range(arguments.workers)
            if w != arguments.worker
        ),
    ]
    sampler = (
        Grid(searched)
        if search["method"] == "grid"
        else Tpe(searched, whole, search["trials"], arguments.seed)
    )

    def trained(number: int, params: dict) -> Trial:
        """Train one trial to its end, or until it diverges or there is no hope for it."""
        clock = time.perf_counter()
        accuracies: list[float] = []

        def report(epoch: Epoch) -> None:
            accuracies.append(epoch.val_accuracy)
            finished = [trial for journal in journals for trial in journal.trials()]
            if len(accuracies) < trainer.last_epoch and sampler.hopeless(
                number, params, accuracies, finished
            ):
                raise Hopeless

        trainer: Trainer = new_trainer(
            laid_over(recipe, overlay(params)),
            arguments.seed,
            len(index.classes),
            train_set,
            val_set,
        )
        try:
            with memory_advice():
                trainer.run(report)
            state = "complete"
        except Hopeless:
            state = "pruned"
        except Diverged:
            state = "diverged"
        except StudyError as error:  # out of memory: other settings may fit
            print(error, file=sys.stderr)
            state = "failed"
        return Trial(
            number,
            params,
            state,
            accuracies,
            trainer.kept_epoch.val_accuracy if state == "complete" else None,
            time.perf_counter() - clock,
            sum(epoch.seconds for epoch in trainer.history),
        )

    limit = 60 * search.get("minutes", math.inf)
    for number in range(arguments.worker, len(sampler), arguments.workers):
        done = {trial.number for trial in own.trials()}
        if number in done:
            continue
        if sum(trial.seconds for trial in own.trials()) > limit:
            print(
                f"{search['minutes']:g} minutes are over after {len(done)} trials", file=sys.stderr
            )
            break
        finished = [trial for journal in journals for trial in journal.trials()]
        params = sampler.suggest(number, finished)
        trial = trained(number, params)
        own.append(trial)
        shown = "–" if trial.accuracy is None else f"{trial.accuracy:.4f}"
        print(
            f"trial {number + 1}/{len(sampler)}  {params}  {trial.state}  val accuracy {shown}",
            file=sys.stderr,
            flush=True,
        )

    # The journal stays until the trials of all workers are brought together: the others may look at it.
    write_json(arguments.output, [vars(trial) for trial in own.trials()])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", required=True, help="array of all images, .npy")
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument(
        "--splits", required=True, nargs="+", help="splits without test images, .csv"
    )
    parser.add_argument("--recipe", required=True, help="resolved recipe, .yaml")
    parser.add_argument(
        "--lr-find", help="learning-rate search, .json, for a recipe that takes its rate from one"
    )
    parser.add_argument(
        "--search",
        required=True,
        help="what to search, as JSON: keys, method, epochs, trials, minutes",
    )
    parser.add_argument(
        "--seed",
        required=True,
        type=int,
        help="seed of every trial's training and of the suggestions",
    )
    parser.add_argument(
        "--workers", type=int, default=1, help="how many share the trials (default: %(default)s)"
    )
    parser.add_argument(
        "--worker", type=int, default=0, help="which of them this is, from 0 (default: %(default)s)"
    )
    device_options(parser)
    parser.add_argument(
        "--journals",
        required=True,
        help="folder for the trials that ended, to go on from after a kill",
    )
    parser.add_argument(
        "--job", action="store_true", help="end when the workflow that started this ends"
    )
    parser.add_argument("--output", required=True, help="trials of this worker to write, .json")
    run_script(parser, main)
