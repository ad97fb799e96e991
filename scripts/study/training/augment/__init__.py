"""Random changes to training images: whole batches on their device, one draw per image.

An augmentation is a file of this folder with a `SCHEMA` and one class, the transform. It is found
by the file's name and imported only for recipes that name it; CONTRIBUTING.md shows how to add one.

Every transform takes images B×H×W×C with values 0–255 and a `Draw`, and returns images of the same
shape. Images start as uint8 and stay so while pixels are only moved or replaced; a transform that
blends them returns float32. A recipe lists transforms in the order in which they are applied;
normalisation follows them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from study.config.components import made
from study.errors import StudyError
from study.training.augment.draw import Draw, Transform, partner

__all__ = ["Draw", "Transform", "augmented", "make_transforms", "partner"]


def make_transforms(steps: Sequence[Mapping[str, Any]]) -> list[Transform]:
    """Return the transforms of a recipe's `augment`: mappings of `name` and options.

    Raises:
        StudyError: no such transform, or two of them mix images.
    """
    transforms = [_make_transform(**step) for step in steps]
    if sum(getattr(transform, "mixes", False) for transform in transforms) > 1:
        raise StudyError("the recipe's 'augment' mixes images twice; keep one of mixup and cutmix")
    return transforms


def _make_transform(name: str, **options: Any) -> Transform:
    return made("training.augment", name, **options)


def augmented(images: Tensor, transforms: Sequence[Transform], draw: Draw) -> Tensor:
    """Return the images after all transforms, in their order."""
    for transform in transforms:
        images = transform(images, draw)
    return images
