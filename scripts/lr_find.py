#!/usr/bin/env python
"""Find a learning rate for a recipe: the loss on training images while the rate grows."""

import argparse
import sys
import time

from study.data.pixel_statistics import with_normalization
from study.data.splits import index_of_splits, roles_of
from study.devices import device_name, memory_advice, take_device, trains_in_bf16
from study.errors import StudyError
from study.files import read_array, read_yaml, write_csv, write_json
from study.job import device_options, run_script


@memory_advice()
def main(arguments: argparse.Namespace) -> None:
    """Write the losses and the suggestions."""
    if not 0 < arguments.start < arguments.end:
        raise StudyError(
            f"--start is {arguments.start:g} and --end {arguments.end:g}; "
            "expected 0 < start < end, such as 1e-7 and 10"
        )
    index = index_of_splits(arguments.index, arguments.splits)
    train_ids = roles_of(arguments.splits)["train"]
    recipe = read_yaml(arguments.recipe)
    # After the cheap checks: importing torch takes seconds.
    device = take_device(arguments.gpus, arguments.threads, recipe.get("deterministic", False))

    from study.training.image_set import ImageSet
    from study.training.rate_search import range_test, search_recipe, suggestions
    from study.training.trainer import new_trainer

    images = read_array(arguments.images)
    recipe = with_normalization(recipe, images, train_ids)
    train_set = ImageSet.taken(images, index.labels, train_ids, device)
    recipe = search_recipe(recipe, arguments.start)
    names = ("start", "end", "steps", "smoothing", "divergence")
    settings = {name: getattr(arguments, name) for name in names}
    clock = time.perf_counter()
    nothing = train_set.empty()
    trainer = new_trainer(recipe, arguments.seed, len(index.classes), train_set, nothing)
    test = range_test(trainer, **settings)
    seconds = time.perf_counter() - clock
    # A search may be wanted for its figure alone: a training that needs a suggestion asks for it.
    steps, failures = suggestions(test)
    rates = {name: float(test.learning_rates[step]) for name, step in steps.items()}
    for name, reason in failures.items():
        print(f"{name}: {reason}", file=sys.stderr)
    print(", ".join(f"{name}: {rate:.3g}" for name, rate in rates.items()), file=sys.stderr)

    header = ["step", "learning_rate", "loss", "smoothed_loss"]
    write_csv(arguments.table, header, zip(range(len(test.losses)), *test[:3], strict=True))
    bf16 = trains_in_bf16(recipe.get("precision", "auto"), device)
    write_json(
        arguments.suggestion,
        {
            "learning_rate": rates.get(arguments.rule),
            "rule": arguments.rule,
            "suggestions": rates,
            "failures": failures,
            "steps": len(test.losses),
            "ended": "the loss diverged" if test.diverged else "all steps taken",
            "settings": settings | {"seed": arguments.seed},
            "recipe": recipe,
            "n_train": len(train_set),
            "epochs": round(len(test.losses) * recipe["batch_size"] / len(train_set), 3),
            "seconds": seconds,
            "device": device_name(device),
            "precision": "bf16" if bf16 else "fp32",
        },
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", required=True, help="array of all images, .npy")
    parser.add_argument("--index", required=True, help="table of all images, .csv")
    parser.add_argument(
        "--splits", required=True, nargs="+", help="splits whose training images are used, .csv"
    )
    parser.add_argument(
        "--recipe",
        required=True,
        help="resolved recipe, .yaml; its learning rate and schedule are not used",
    )
    parser.add_argument(
        "--seed", required=True, type=int, help="seed of weights, order and augmentation"
    )
    parser.add_argument(
        "--start", type=float, default=1e-7, help="first learning rate (default: %(default)s)"
    )
    parser.add_argument(
        "--end", type=float, default=10.0, help="last learning rate (default: %(default)s)"
    )
    parser.add_argument(
        "--steps", type=int, default=100, help="training steps (default: %(default)s)"
    )
    parser.add_argument(
        "--smoothing",
        type=float,
        default=0.05,
        help="weight of the newest loss in the average (default: %(default)s)",
    )
    parser.add_argument(
        "--divergence",
        type=float,
        default=5.0,
        help="stop when the loss exceeds its smallest value by this factor (default: %(default)s)",
    )
    parser.add_argument(
        "--rule",
        choices=["steepest", "valley"],
        default="steepest",
        help="the suggestion to take (default: %(default)s)",
    )
    device_options(parser)
    parser.add_argument("--table", required=True, help="table to write: one row per step, .csv")
    parser.add_argument("--suggestion", required=True, help="suggestions to write, .json")
    run_script(parser, main)
