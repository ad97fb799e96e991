"""What a network consists of: layers with shapes, parameters, multiply-adds, receptive fields."""

import inspect
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from study.models.evaluation import answer_to_black
from study.models.receptive_field import Field, receptive_fields


@dataclass(frozen=True)
class Layer:
    """One layer, or the whole network.

    Attributes:
        name: its path in the network, such as "features.0".
        kind: its class.
        shape: of its output for one image, channels first, such as "64×16×16".
        parameters: number of its numbers, trained or not.
        multiply_adds: for one image, of convolutions and matrix products; other layers count none.
        receptive_field: side of the square of input pixels that one place of its output depends on.
            It is None where the output is no map, or has a single place that sees the whole image.
        jump: input pixels between neighbouring places of its output; None likewise.
    """

    name: str
    kind: str
    shape: str
    parameters: int
    multiply_adds: int
    receptive_field: int | None
    jump: int | None


def describe_layers(
    model: nn.Module, image_shape: Sequence[int], fields: Mapping[str, Field] | None = None
) -> list[Layer]:
    """Return the layers of `model` in the order of computation, and the whole as the last, "total".

    Parameters and multiply-adds that belong to no layer, such as a transformer's places, come
    before it, named "rest".

    Args:
        model: takes float B×C×H×W.
        image_shape: (H, W, C) of an image.
        fields: what `receptive_fields` returns; counted by default.

    Raises:
        NoField: receptive fields are to be counted and cannot be.
    """
    fields = receptive_fields(model) if fields is None else fields
    shapes, n_logits, counts = _run_once(model, image_shape)
    layers = []
    for name, shape in shapes.items():
        layer = model.get_submodule(name)
        field = fields.get(name) if len(shape) == 3 and max(shape[1:]) > 1 else None
        layers.append(
            Layer(
                name=name,
                kind=type(layer).__name__,
                shape=_shape_text(shape),
                parameters=_count(layer),
                multiply_adds=counts.get(name, 0),
                receptive_field=field and field.size,
                jump=field and field.jump,
            )
        )
    kind = type(model).__name__
    total = Layer("total", kind, str(n_logits), _count(model), counts["total"], None, None)
    parameters = total.parameters - sum(layer.parameters for layer in layers)
    multiply_adds = total.multiply_adds - sum(layer.multiply_adds for layer in layers)
    if parameters or multiply_adds:
        layers.append(Layer("rest", "outside of these", "–", parameters, multiply_adds, None, None))
    return [*layers, total]


def _run_once(
    model: nn.Module, image_shape: Sequence[int]
) -> tuple[dict[str, torch.Size], int, dict[str, int]]:
    """Let the model compute one black image in evaluation mode; leave it as it was.

    Returns:
        Shapes of the layers' outputs for one image, by name, in the order of computation; the
        number of logits; multiply-adds by module, and "total".
    """
    shapes: dict[str, torch.Size] = {}

    def record(name: str, layer: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(output, Tensor):
            shapes[name] = output.shape[1:]

    fast_attention = torch.backends.mha.get_fastpath_enabled()
    # The one operation of fast attention hides the products from the counter.
    torch.backends.mha.set_fastpath_enabled(False)
    with ExitStack() as hooks, FlopCounterMode(display=False) as counter:
        for name, layer in model.named_modules():
            is_leaf = next(layer.children(), None) is None
            if is_leaf and not isinstance(layer, nn.Identity | nn.Dropout):
                hooks.enter_context(layer.register_forward_hook(partial(record, name)))
        # Its wrapper tells torch's compiler to leave it alone, whose import takes seconds.
        mode = type(counter.mode)
        mode.__torch_dispatch__ = inspect.unwrap(mode.__torch_dispatch__)
        logits = answer_to_black(model, image_shape)
    torch.backends.mha.set_fastpath_enabled(fast_attention)
    whole = f"{type(model).__name__}."
    counts = {
        "total" if name == "Global" else name.removeprefix(whole): sum(operations.values()) // 2
        for name, operations in counter.get_flop_counts().items()
    }
    return shapes, logits.shape[1], counts


def _count(layer: nn.Module) -> int:
    return sum(parameter.numel() for parameter in layer.parameters())


def _shape_text(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape))
