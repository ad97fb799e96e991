"""What `study new` proposes for some images, and the configuration that says it."""

import json
import os
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml

from study.cli.trained_start import MODELS, TrainedStart
from study.data.datasets.listing import Listing
from study.data.likely_groups import Guess
from study.errors import escaped
from study.files import with_home
from study.wording import counted

# Images of each class that each partition gets at least, so that 0.15 of them, for testing, are at
# least one image, however it is rounded.
LEAST = 8
_PARTITIONS = {1: (1.0,), 2: (0.5, 0.5), 3: (0.34, 0.33, 0.33)}
# How many images that number of partitions takes, each with more than some twenty to test on.
_WORTH = {3: 2000, 2: 150, 1: 0}
# Of each partition; of a small one more is for testing: an accuracy on 30 images says little.
_SPLIT, _SMALL_SPLIT = (
    {"train": 0.7, "val": 0.15, "test": 0.15},
    {"train": 0.55, "val": 0.15, "test": 0.3},
)
_FEW_TESTS = 100
_SIZES = (32, 48, 64)
# Of photographs: where the time allows and, of networks with trained weights, 96 at least.
_LARGE_SIZES, TRAINED_SIZES = (96,), (96, 160, 224)
# What these small networks need to settle, in batches of 32; more epochs where an epoch is short.
_MODELS, _STEPS, _BATCH = ("cnn2", "cnn3"), 1000, 32
_EPOCHS = (5, 40)
# The same of a network that was trained before.
_TRAINED_STEPS, _TRAINED_EPOCHS = 100, (3, 12)
_FROM_SCRATCH = """\
# Two small networks, which need no GPU. Better ones, for a GPU or with time: resnet9_tuned and
# resnet18_tuned. For photographs, start from trained weights: study new --weights FILE.
models: [{}]"""
_FROM_WEIGHTS = """\
# One network with trained weights in three ways: its last blocks and a new head are trained on, or
# its features alone are used, by a logistic regression and by a vote of the nearest images.
models: [{}]"""
_TEST = "\n  test_path: {}   # for testing alone: no run trains on them, all are tested on them"
_GROUP = "\n  # group: '{}'   # without the #, if this names patients, bursts or videos"
_CONFIGURATION = """\
# A study of {n_images} images of {n_classes} classes, {spread}.{ignored}
# Keys that are not here are as in the project's config/config.yaml; config/README.md there
# describes all of them.
dataset:
  name: {name}
  path: {path}{test}{group}
  # Images have {sizes}.
  # Twice the size takes four times as long.
  image_size: {image_size}
  {fit:<20} # resize: to a square, whatever their ratio; crop: the largest square in the middle
  skip_broken: false   # true: go on without broken files; results/data/problems.csv lists them

# Disjoint parts of the images, drawn by class; shares of all, or numbers of images such as 500.
partitions:
{partitions}
combos: [{combos}]   # what models are trained on
split: {{{split}}}   # of each partition, for each seed
seeds: [42, 100, 2025]

{models}
overrides:
{overrides}

# Pairs that count as nearly the same: 0.1 is the same picture saved or sized again, or the same
# drawing in other colours. Pictures as varied as CIFAR-10's stand 0.35, which finds crops too;
# results/figures/near_duplicates.svg shows what is taken for the same.
near_duplicates: {{threshold: 0.1}}

# The report says how many seeds it takes to know a difference to ± so much, a share of 1.
compare: {{precision: {precision}}}

device: auto   # a GPU where there is one
"""


class Plan(NamedTuple):
    """What the configuration says of the images, apart from where they are.

    Attributes:
        image_size: height and width, pixels.
        fit: how images get it.
        shares: of the partitions.
        split: shares of each partition for training, validation and testing.
        epochs: of each model.
        precision: of differences, that is worth planning for with this number of test images.
    """

    image_size: int
    fit: str
    shares: tuple[float, ...]
    split: dict[str, float]
    epochs: int
    precision: float


def image_sizes(sizes: np.ndarray, trained: bool) -> list[int]:
    """Return the sizes that images may get, the largest first; the last is always worth its time.

    Args:
        sizes: int, n×2; width and height of some of them, pixels.
        trained: whether a network with trained weights takes them.
    """
    side = float(np.median(sizes.min(axis=1))) if len(sizes) else _SIZES[0]
    small = max([size for size in _SIZES if size <= side], default=_SIZES[0])
    large = [size for size in (TRAINED_SIZES if trained else _LARGE_SIZES) if size <= side]
    return sorted([*large, *([] if trained and large else [small])], reverse=True)


def planned(
    n_images: int, fewest: int, sizes: np.ndarray, most: int = 3, trained: bool = False
) -> Plan:
    """Return what suits some images.

    Args:
        n_images: in all.
        fewest: images of the smallest class.
        sizes: int, n×2; width and height of some of them, pixels.
        most: partitions that there are groups of images for.
        trained: whether models start from trained weights.
    """
    wanted = next(n for n, worth in _WORTH.items() if n_images >= worth)
    shares = _PARTITIONS[min(fewest // LEAST, wanted, most)]
    split = _SPLIT if _SPLIT["test"] * shares[-1] * n_images >= _FEW_TESTS else _SMALL_SPLIT
    ratio = float(np.median(sizes.max(axis=1) / sizes.min(axis=1))) if len(sizes) else 1.0
    n_train = max(int(split["train"] * sum(shares) * n_images), 1)
    steps, bounds = (_TRAINED_STEPS, _TRAINED_EPOCHS) if trained else (_STEPS, _EPOCHS)
    epochs = int(np.clip(round(steps * _BATCH / n_train), *bounds))
    precision = 0.005 if split["test"] * n_images >= 2000 else 0.02
    image_size = image_sizes(sizes, trained)[-1]
    return Plan(image_size, "crop" if ratio > 1.1 else "resize", shares, split, epochs, precision)


def configuration(
    images: str,
    test_images: str,
    base: Path,
    listing: Listing,
    counts: Mapping[str, int],
    sizes: np.ndarray,
    plan: Plan,
    guess: Guess | None = None,
    start: TrainedStart | None = None,
) -> str:
    """Return the text of the configuration, with paths as seen from the folder `base`."""
    names = [f"v{number}" for number in range(1, len(plan.shares) + 1)]
    partitions = "\n".join(
        f"  - {{name: {name}, size: {share}}}"
        for name, share in zip(names, plan.shares, strict=True)
    )
    unions = ["+".join(names[:n]) for n in range(2, len(names) + 1)]
    combos = ", ".join([*names, *unions, *(["official"] if test_images else [])])
    (most, many), (least, few) = (
        choose(counts.items(), key=lambda item: (item[1], item[0])) for choose in (max, min)
    )
    spread = (
        f"{few} each" if many == few else f"{few} ({shown(least)}) to {many} ({shown(most)}) each"
    )
    by_area = sizes[np.lexsort((sizes[:, 0], sizes.prod(axis=1)))]
    low, middle, high = (
        "×".join(map(str, by_area[rank])) if len(sizes) else "?"
        for rank in (0, len(sizes) // 2, -1)
    )
    span = low if low == high else f"{low} to {high}"
    between = "" if low == high else f", the median {middle}"
    return _CONFIGURATION.format(
        n_images=f"{sum(counts.values()):,}",
        n_classes=len(counts),
        spread=spread,
        ignored=f" {_left_alone(listing.ignored)}" if listing.ignored else "",
        name="csv" if with_home(images).is_file() else "folder",
        path=_quoted(_seen_from(base, images)),
        test=_TEST.format(_quoted(_seen_from(base, test_images))) if test_images else "",
        group=_GROUP.format(guess.pattern) if guess else "",
        image_size=plan.image_size,
        sizes=f"{span} pixels{between} ({len(sizes):,} looked at)",
        fit=f"fit: {plan.fit}",
        partitions=partitions,
        combos=combos,
        split=", ".join(f"{role}: {share:g}" for role, share in plan.split.items()),
        models=(
            _FROM_WEIGHTS.format(", ".join(MODELS))
            if start
            else _FROM_SCRATCH.format(", ".join(_MODELS))
        ),
        overrides=(
            start.overrides(_quoted(_seen_from(base, start.weights)), plan.image_size, plan.epochs)
            if start
            else "\n".join(f"  {model}: {{epochs: {plan.epochs}}}" for model in _MODELS)
        ),
        precision=plan.precision,
    )


def _left_alone(ignored: Counter[str]) -> str:
    kinds = ", ".join(f"{n:,} {shown(kind)}" for kind, n in ignored.most_common(5))
    n = ignored.total()
    return f"{counted(n, 'other file')} {'is' if n == 1 else 'are'} left alone ({kinds})."


def shown(name: str) -> str:
    """Return a name so short that it fits a line, on one line."""
    name = escaped(name)
    return name if len(name) <= 40 else f"{name[:39]}…"


def _seen_from(base: Path, path: str) -> str:
    relative = base != Path() and not with_home(path).is_absolute()
    # From a folder that a link leads to, "../.." is where that folder is.
    return os.path.relpath(path, os.path.realpath(base)) if relative else path


def _quoted(path: str) -> str:
    """Return a path as YAML takes it for text: in quotes, as JSON has them, unless it is plain."""
    plain = re.fullmatch(r"[A-Za-z./][A-Za-z0-9_./-]*", path) and yaml.safe_load(path) == path
    return path if plain else json.dumps(path, ensure_ascii=False)
