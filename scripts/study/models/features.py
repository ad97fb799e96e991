"""What a network says of images before its head: the numbers that the head makes logits of."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from study.data.blocks import blocks
from study.errors import StudyError
from study.models.inference import Normalize, images_at_once


def n_features(model: nn.Module, head: str) -> int:
    """Return how many features a network's head takes.

    Args:
        model: the network.
        head: name of its last layer, see `study.models.trained_weights.head_of`.

    Raises:
        StudyError: the head is not a linear layer.
    """
    layer = model.get_submodule(head)
    if not isinstance(layer, nn.Linear):
        raise StudyError(
            f"{type(model).__name__} ends in the layer {head}, a {type(layer).__name__}: its "
            "features are maps; name a network that ends in a Linear layer"
        )
    return layer.in_features


def features_of_batches(
    model: nn.Module,
    head: str,
    normalize: Normalize,
    images: np.ndarray,
    device: torch.device,
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the features of images, batch by batch: the first image's number, and float16 B×D.

    Args:
        model: takes float B×C×H×W; on the device, in evaluation mode.
        head: name of its last layer, a linear one.
        normalize: what the pixels go through first.
        images: uint8, N×H×W×C; may lie on disk.
        device: where the model computes.

    Raises:
        StudyError: a feature is no finite number in float16.
    """
    given: list[Tensor] = []
    model.get_submodule(head).register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
    size = images_at_once(model, images.shape[1])
    for start, block in blocks(images, size):
        with torch.inference_mode():
            model(normalize(torch.from_numpy(block).to(device)))
        features = given.pop().half()
        if not (finite := features.isfinite().all(1)).all():
            raise StudyError(
                f"image {start + int(finite.int().argmin())} has features that are no finite "
                "numbers: the weights are of a training that diverged, or normalize is not theirs; "
                "write the path of other weights, or normalize: weights"
            )
        yield start, features.cpu().numpy()
