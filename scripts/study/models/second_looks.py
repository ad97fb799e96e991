"""What a network says of images on a second look: over other views, and what it makes of them."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from study.config.views import views_to_add
from study.data.blocks import blocks
from study.data.embedding import directions
from study.models.inference import VIEWS, Normalize, images_at_once
from study.models.trained_weights import head_of


class Answers(NamedTuple):
    """What a network answers for N images.

    Attributes:
        logits: float32, N×K; as the recipe's `test_time` says.
        view_logits: float32, N×K; for the images that are judged the means over the views that
            training showed, else `logits`. None where these are the views of `test_time`, or were
            not asked for.
        directions: float16, N×D; see `study.data.embedding.directions`. None if not asked for.
    """

    logits: np.ndarray
    view_logits: np.ndarray | None
    directions: np.ndarray | None


def answers_to(
    model: nn.Module,
    normalize: Normalize,
    images: np.ndarray,
    recipe: Mapping[str, Any],
    judged: np.ndarray,
    *,
    views: bool,
    neighbours: bool,
    bf16: bool = False,
) -> Answers:
    """Return what a network answers for images.

    Args:
        model: takes float B×C×H×W; on its device, in evaluation mode.
        normalize: what its input went through in training.
        images: uint8, N×H×W×C; may lie on disk.
        recipe: of the model.
        judged: bool, N; the images that are looked at over more views.
        views: whether `view_logits` are asked for.
        neighbours: whether `directions` are.
        bf16: compute the added views in bfloat16; all else is computed in float32.
    """
    test_time, device = recipe.get("test_time", "plain"), next(model.parameters()).device
    mirrors, moves = views_to_add(recipe) if views else (False, False)
    given: list[Tensor] = []
    if neighbours:
        head = model.get_submodule(head_of(model, images.shape[1:]))
        hook = head.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
    logits, means, rows = [], [], []
    for start, block in blocks(images, images_at_once(model, images.shape[1])):
        with torch.inference_mode():
            batch = normalize(torch.from_numpy(block).to(device))
            answer = VIEWS[test_time](model, batch)
            logits.append(answer.cpu().numpy())
            if mirrors or moves:
                some = np.flatnonzero(judged[start : start + len(block)])
                mean = answer.clone()  # on a CPU, what was taken of it shares its memory
                with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
                    mean[some] = _over_more_views(
                        *(model, batch[some], answer[some], test_time, mirrors, moves)
                    )
                means.append(mean.cpu().numpy())
        if neighbours:
            features = given[0].float()  # of the image itself, which came first
            # A head that takes maps or words sees them in all places.
            features = features.flatten(2).mean(2) if features.ndim > 2 else features
            rows.append(directions(features.cpu().numpy()))
            given.clear()
    if neighbours:
        hook.remove()
    joined = (np.concatenate(parts) if parts else None for parts in (logits, means, rows))
    return Answers(*joined)


def _over_more_views(
    model: nn.Module,
    images: Tensor,
    logits: Tensor,
    test_time: str,
    mirrors: bool,
    moves: bool,
) -> Tensor:
    """Return mean logits of normalised images, as `study.models.inference.VIEWS` weighs views.

    Args:
        model: the network.
        images: float B×C×H×W.
        logits: float B×K; those of `test_time`, whose views are not computed twice.
        test_time: of the recipe.
        mirrors: whether mirror images are to be added.
        moves: whether copies are that are moved by a pixel, up and left, and down and right. The
            image counts as much as both.
    """
    if not len(images):
        return logits
    if mirrors:
        logits = (logits + VIEWS["plain"](model, images.flip(3))) / 2
    if not moves:
        return logits
    of_each = VIEWS["flip" if mirrors or test_time == "flip" else "plain"]
    height, width = images.shape[2:]
    padded = F.pad(images, (1, 1, 1, 1), mode="reflect")
    moved = (of_each(model, padded[:, :, i : i + height, i : i + width]) for i in (0, 2))
    return logits / 2 + sum(moved) / 4


def search_by_torch(
    device: torch.device,
) -> Callable[[np.ndarray], Callable[[np.ndarray, int], np.ndarray]]:
    """Return a `study.runs.second_looks.Search` on a device; ties are in order of position."""

    def among(candidates: np.ndarray) -> Callable[[np.ndarray, int], np.ndarray]:
        known = torch.from_numpy(candidates).to(device).float().T

        def nearest(images: np.ndarray, k: int) -> np.ndarray:
            alike = torch.from_numpy(images).to(device).float() @ known
            values, found = alike.topk(min(k + 1, len(candidates)))
            # Which of several that are as near is not said where the last place is shared.
            shared = (
                (values[:, k - 1] == values[:, -1]).nonzero()[:, 0] if k < len(candidates) else []
            )
            for row in shared:
                found[row] = alike[row].sort(descending=True, stable=True).indices[: k + 1]
            found = found[:, :k].sort(dim=1).values
            order = alike.gather(1, found).argsort(dim=1, descending=True, stable=True)
            return found.gather(1, order).cpu().numpy()

        return nearest

    return among
