"""Over which views of an image a run is asked how hard it is: those that its training showed.

Another view is another question: a mirrored digit is no digit.
"""

from collections.abc import Mapping
from typing import Any

# The augmentations that show a mirror image, and those that move the image.
MIRRORS = {"horizontal_flip", "alternating_flip"}
MOVES = {"random_crop", "random_resized_crop", "shift_scale_rotate", "trivial_augment"}


def views_to_add(recipe: Mapping[str, Any]) -> tuple[bool, bool]:
    """Return whether mirror images, and whether moved ones, are added to a recipe's `test_time`."""
    shown = {step["name"] for step in recipe.get("augment", []) if step.get("p", 1) > 0}
    test_time = recipe.get("test_time", "plain")
    mirrors = bool(shown & MIRRORS) and "flip" not in test_time
    return mirrors, bool(shown & MOVES) and "shift" not in test_time


def n_predicted(recipe: Mapping[str, Any]) -> int:
    """Return how many views of an image a recipe's `test_time` predicts."""
    return {"plain": 1, "flip": 2, "flip_and_shift": 6}[recipe.get("test_time", "plain")]


def n_added(recipe: Mapping[str, Any]) -> int:
    """Return how many views are added to those of a recipe's `test_time`."""
    mirrors, moves = views_to_add(recipe)
    before = n_predicted(recipe)
    each = 2 if mirrors else before
    return (3 * each if moves else each) - before


def looks(config: Mapping[str, Any]) -> list[str]:
    """Return what a study's runs say of images beside their answers: of "views", "neighbours"."""
    wanted = config.get("hardness", {})
    return [look for look in ("views", "neighbours") if wanted.get(look, True)]
