"""Which layers of a network hold maps for Grad-CAM."""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

from torch import Tensor, nn

from study.errors import StudyError
from study.models.evaluation import answer_to_black

_N_STAGES = 2
_MAKE_MAPS = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d)


class NoMaps(StudyError):
    """A network has no layers whose maps could be shown."""


def gradcam_layers(model: nn.Module, image_shape: Sequence[int]) -> tuple[str, ...]:
    """Return the modules that end the last two stages of a convolutional network, by name.

    The coarser maps come last. The model may name the modules itself, as `CAM_LAYERS`. If it does
    not, a stage is all that is computed at one size of maps (more than one place) that a
    convolution or pooling returns. It ends with the last module that returns maps of this size.

    Args:
        model: takes float B×C×H×W.
        image_shape: (H, W, C) of an image.

    Raises:
        NoMaps: there is no such stage, or what comes after the last one is no classifier of maps,
            as in a transformer.
    """
    named = getattr(model, "CAM_LAYERS", None)
    if named is not None:
        return tuple(named)
    stages = _Stages()
    with ExitStack() as hooks:
        for name, module in model.named_modules():
            hooks.enter_context(module.register_forward_hook(partial(stages.record, name)))
        answer_to_black(model, image_shape)
    kind = type(model).__name__
    if not stages.ends:
        raise NoMaps(
            f"Grad-CAM shows maps of convolutions, and {kind} has none of more than one place"
        )
    last = sorted(stages.ends.values(), key=lambda end: end[1])[-_N_STAGES:]
    if stages.last_vectors > last[-1][1]:
        raise NoMaps(
            f"Grad-CAM shows maps of convolutions, and {kind} goes on from its own with attention "
            "or layers between vectors"
        )
    return tuple(name for name, _ in last)


class _Stages:
    """The stages of a network, recorded module by module while it computes.

    Attributes:
        ends: by size of maps, the last module that returned such maps and its turn.
        last_vectors: the turn of the last module that works on several vectors of an image:
            tokens, or maps whose channels lie last.
    """

    def __init__(self):
        self.ends: dict[tuple[int, int], tuple[str, int]] = {}
        self.last_vectors = 0
        self._turn = 0

    def record(self, name: str, module: nn.Module, given: tuple[Any, ...], output: Any) -> None:
        """Take note of one module and its output."""
        self._turn += 1
        works_on_vectors = isinstance(module, nn.MultiheadAttention | nn.Linear)
        if works_on_vectors and given[0].shape[1:-1].numel() > 1:
            self.last_vectors = self._turn
        if not isinstance(output, Tensor) or output.ndim != 4:
            return
        size = tuple(output.shape[2:])
        begins = isinstance(module, _MAKE_MAPS) and min(size) > 1
        if name and (begins or size in self.ends):
            self.ends[size] = name, self._turn
