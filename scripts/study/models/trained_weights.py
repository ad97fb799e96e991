"""Weights that were trained elsewhere: read from a file or a library, put into a fresh network."""

import pickle
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from study.errors import StudyError, one_line
from study.models.evaluation import answer_to_black

# A counter of batches decides nothing where batch norm has a momentum.
_COUNTER = "num_batches_tracked"
# What trainers put around a network's own names, or its weights beside other things.
_PREFIXES, _NESTED = ("module.", "_orig_mod."), ("state_dict", "model", "model_state_dict")
_SHOWN = 3


class Taken(NamedTuple):
    """Which tensors a network has taken from elsewhere.

    Attributes:
        loaded: names of the network's tensors that were replaced.
        left_out: names of tensors that the network has no place for, such as the old head.
        new: names of the network's tensors that stay as they were initialised: its head.
    """

    loaded: list[str]
    left_out: list[str]
    new: list[str]


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """Return the tensors of a .safetensors file, or of a .pth file that holds tensors only.

    Raises:
        StudyError: the file is damaged, holds no tensors by name, or is a pickle that could run
            code when it is opened, which is never done.
    """
    try:
        if Path(path).suffix == ".safetensors":
            found = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise StudyError(
            f"{path} holds more than tensors and could run code when it is opened, so it is not; "
            "save its state_dict alone, best with safetensors"
        ) from error
    except (SafetensorError, RuntimeError, EOFError, ValueError, OSError) as error:
        raise StudyError(
            f"{path}: damaged, or no file of weights ({one_line(error)}); copy it here again"
        ) from error
    for key in _NESTED:
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    tensors = (
        {_plain_name(name): value for name, value in found.items() if isinstance(value, Tensor)}
        if isinstance(found, Mapping)
        else {}
    )
    if odd := [name for name, value in tensors.items() if not _is_plain(value)]:
        raise StudyError(
            f"{path}: {odd[0]} is quantized, sparse, complex, expanded or without values, or has "
            "NaN or infinity in it; save a state_dict of finite numbers"
        )
    if not tensors:
        raise StudyError(f"{path} holds no tensors by name; save a network's state_dict")
    return tensors


def _is_plain(tensor: Tensor) -> bool:
    kinds = (tensor.layout != torch.strided, tensor.is_quantized, tensor.is_complex())
    # One number may be shown as millions, which would then be stored.
    if any(kinds) or tensor.nbytes > tensor.untyped_storage().nbytes():
        return False
    return not tensor.is_meta and bool(tensor.float().isfinite().all())


def _plain_name(name: Any) -> str:
    name = str(name)
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return name


def library_weights(name: str) -> dict[str, Tensor]:
    """Return the weights that a library publishes for a model; it downloads what it has not cached.

    Args:
        name: "torchvision/<model>" or "timm/<model>".

    Raises:
        StudyError: the library has none, or they cannot be had without a network.
    """
    library, _, model = name.partition("/")
    try:
        if library == "torchvision":
            from torchvision import models

            return dict(models.get_model_weights(model).DEFAULT.get_state_dict(progress=False))
        import timm

        return timm.create_model(model, pretrained=True).state_dict()
    except Exception as error:  # whatever a library or its download raises
        raise StudyError(
            f"the trained weights of {name} cannot be downloaded from {library} "
            f"({one_line(error)}); connect to the network once, or write the path of a file in "
            "architecture.weights"
        ) from error


def library_normalization(name: str) -> dict[str, list[float]]:
    """Return mean and standard deviation of the pixels that a library's weights were trained on.

    Raises:
        StudyError: the library does not say.
    """
    library, _, model = name.partition("/")
    source: Any = None
    if library == "torchvision":
        from torchvision import models

        weights = next(iter(models.get_model_weights(model)), None)
        source = weights and weights.transforms()
    elif library == "timm":
        import timm

        source = timm.models.get_pretrained_cfg(model)
    if source is None or not getattr(source, "mean", None):
        raise StudyError(
            f"nothing says which normalisation the weights of {name} were trained with; write "
            "numbers or 'data' for normalize"
        )
    return {"mean": [float(v) for v in source.mean], "std": [float(v) for v in source.std]}


def head_of(model: nn.Module, image_shape: Sequence[int]) -> str:
    """Return the name of the last layer with weights that computes: what makes logits of features.

    Args:
        model: takes float B×C×H×W.
        image_shape: (H, W, C) of an image.
    """
    order: list[str] = []
    with ExitStack() as hooks:
        for name, layer in model.named_modules():
            if next(layer.children(), None) is None and next(layer.parameters(), None) is not None:
                hook = layer.register_forward_hook(lambda *_, name=name: order.append(name))
                hooks.enter_context(hook)
        answer_to_black(model, image_shape)
    return order[-1]


def take(model: nn.Module, tensors: Mapping[str, Tensor], head: str, source: str) -> Taken:
    """Put trained weights into a network, all but its head, which stays freshly initialised.

    Args:
        model: the fresh network.
        tensors: by name.
        head: see `head_of`.
        source: what a message calls the tensors.

    Raises:
        StudyError: a tensor of the network is missing among them or has another shape.
    """
    own = model.state_dict()
    body = {name: value for name, value in own.items() if not name.startswith(f"{head}.")}
    wrong = [
        f"{name} ({'missing' if name not in tensors else _shapes(tensors[name], value)})"
        for name, value in body.items()
        if (name not in tensors and not name.endswith(_COUNTER))
        or (name in tensors and tensors[name].shape != value.shape)
    ]
    if wrong:
        more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise StudyError(
            f"{source}: weights of another network than the recipe's: {', '.join(wrong[:_SHOWN])}"
            f"{more}; name the architecture that they were trained with"
        )
    loaded = [name for name in body if name in tensors]
    model.load_state_dict({name: tensors[name] for name in loaded}, strict=False)
    return Taken(
        loaded,
        sorted(tensors.keys() - set(loaded)),
        [name for name in own if name not in loaded and not name.endswith(_COUNTER)],
    )


def _shapes(found: Tensor, expected: Tensor) -> str:
    first, second = ("×".join(map(str, t.shape)) or "a number" for t in (found, expected))
    return f"{first} instead of {second}"
