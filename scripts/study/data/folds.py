"""Cross-validation: seeds take turns, so that each image is tested once in a round of them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

ROLES = ("train", "val", "test")


class Fold(NamedTuple):
    """Which images of a partition one seed tests on.

    Attributes:
        number: of the fold, from 0.
        of: how many folds there are.
        round: the seed that draws the folds, the same for all seeds of a round.
    """

    number: int
    of: int
    round: int


def fold_of(config: Mapping[str, Any], seed: int) -> Fold | None:
    """Return the fold that a seed tests on, None where each seed draws its own test images.

    Args:
        config: of the study; as many of its seeds, in their order, as there are folds are a round.
        seed: one of them.
    """
    n = config["split"].get("folds", 0)
    if not n:
        return None
    seeds = config["seeds"]
    position = seeds.index(seed)
    return Fold(position % n, n, seeds[position - position % n])


def shares(split: Mapping[str, Any]) -> dict[str, float]:
    """Return the share of each role. With folds the test is one, and the others divide the rest."""
    n = split.get("folds", 0)
    if not n:
        return {role: split[role] for role in ROLES}
    rest = (1 - 1 / n) / (split["train"] + split["val"])
    return {"train": split["train"] * rest, "val": split["val"] * rest, "test": 1 / n}
