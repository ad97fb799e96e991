"""Which places of an image speak for a class, in the eyes of a model: Grad-CAM."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from study.devices import memory_advice
from study.models.gradcam_layers import cam_layers
from study.models.inference import Normalize, load_model
from study.runs.gradcam_maps import ActivationMaps
from study.runs.predictions import Predictions

_EPSILON = 1e-7


def grad_cam(
    model: nn.Module, images: Tensor, classes: Tensor, layers: Sequence[str]
) -> tuple[Tensor, list[tuple[int, int]]]:
    """Return Grad-CAM's maps of several layers for several classes of each image.

    With A the output of a layer, C×h×w, and G the gradient of a class's score by it: relu(Σ_c w_c·A_c), where w_c is the mean
    of G_c over its places; scaled to 0–1, resized to the image (bilinear), scaled again. A map without any positive place, or with
    numbers that are not finite, is 0 everywhere.

    The score is the logit less the mean of all logits. A network may lower all of them alike, which changes no probability but would leave
    nothing that speaks for any class. The logarithm of the class's probability, free of that too, has a gradient that vanishes the surer the answer
    is.

    The model computes in evaluation mode and in float32; it is left as it was found.

    Args:
        model: takes float B×c×H×W, returns logits B×K; no image's logits depend on other images.
        images: float B×c×H×W, normalised as the model wants them, on its device.
        classes: int64 B×T; the T classes of each image whose scores are asked for.
        layers: names of L modules of the model whose outputs are maps, B×C×h×w.

    Returns:
        Maps, float32 B×L×T×H×W with values 0–1, and the height and width of each layer's own maps.

    Source: R. Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization", ICCV 2017.
    """
    with _evaluating(model), _recording(model, layers) as outputs, torch.enable_grad():
        # The images ask for gradients so that there are some also where weights are frozen.
        logits = model(images.detach().float().requires_grad_())
        scores = logits - logits.mean(dim=1, keepdim=True)
        activations = [outputs[layer] for layer in layers]
        gradients = [
            torch.autograd.grad(
                scores.gather(1, of_class[:, None]).sum(), activations, retain_graph=True
            )
            for of_class in classes.unbind(1)
        ]
        by_class = [
            [
                _class_map(a.detach(), g, images.shape[2:])
                for a, g in zip(activations, of_layers, strict=True)
            ]
            for of_layers in gradients
        ]
    maps = torch.stack([torch.stack(of_layers, dim=1) for of_layers in by_class], dim=2)
    return maps, [tuple(activation.shape[2:]) for activation in activations]


def explain_run(
    combo: str,
    record: Mapping[str, Any],
    weights: str | Path,
    predictions: Predictions,
    images: np.ndarray,
    labels: np.ndarray,
    image_ids: np.ndarray,
    device: torch.device,
) -> ActivationMaps:
    """Return the maps of images in the eyes of one run, for the class it predicted and for the true one.

    Args:
        combo: that the run trained on.
        record: of the run.
        weights: of the run, .safetensors.
        predictions: of the run.
        images: uint8 N×H×W×C, all.
        labels: int64 N, of all images.
        image_ids: int64 n, at least one; what to explain.
        device: where to compute.

    Raises:
        NoMaps: the network is not of the kind that has maps.
        StudyError: the weights are not the run's, or there is too little memory.
    """
    model = load_model(weights, record, device)
    normalize = Normalize(**record["recipe"]["normalize"]).to(device)
    layers = cam_layers(model, record["image_shape"])
    log_probabilities = predictions.log_probabilities()[image_ids]
    predicted, true = log_probabilities.argmax(axis=1), labels[image_ids]
    with memory_advice():
        maps, sizes = explain(
            model,
            normalize,
            torch.from_numpy(images[image_ids]).to(device),
            torch.from_numpy(np.stack([predicted, true], axis=1)).to(device),
            layers,
        )
    return ActivationMaps(
        combo=combo,
        seed=record["seed"],
        image_ids=image_ids,
        predicted=predicted,
        true=true,
        confidence=np.exp(log_probabilities.max(axis=1)),
        roles=predictions.roles[image_ids],
        layers=np.array(layers),
        sizes=sizes,
        maps=maps,
    )


def explain(
    model: nn.Module,
    normalize: Callable[[Tensor], Tensor],
    images: Tensor,
    classes: Tensor,
    layers: Sequence[str],
    *,
    batch_size: int = 32,
) -> tuple[np.ndarray, np.ndarray]:
    """Return Grad-CAM's maps of images as bytes, uint8 n×L×T×H×W, and the sizes of the layers' own maps, int64 L×2.

    Args:
        model: see `grad_cam`, as `layers`.
        normalize: what the model's input went through in training.
        images: uint8 n×H×W×C, at least one, on the model's device.
        classes: int64 n×T, on the same device.
        layers: L names.
        batch_size: how many images at once.
    """
    maps, sizes = [], []
    for batch, asked in zip(images.split(batch_size), classes.split(batch_size), strict=True):
        found, sizes = grad_cam(model, normalize(batch), asked, layers)
        maps.append((255 * found).round().byte().cpu())
    return torch.cat(maps).numpy(), np.array(sizes, np.int64)


def _class_map(activation: Tensor, gradient: Tensor, size: Sequence[int]) -> Tensor:
    """Return the maps of one layer and class, float32 B×H×W."""
    weights = gradient.mean(dim=(2, 3))
    maps = torch.einsum("bc,bchw->bhw", weights, activation).relu()
    maps = torch.where(maps.isfinite().all(dim=(1, 2), keepdim=True), maps, 0)
    resized = F.interpolate(
        _scaled(maps)[:, None], size=tuple(size), mode="bilinear", align_corners=False
    )
    return _scaled(resized[:, 0])


def _scaled(maps: Tensor) -> Tensor:
    """Return each map, of B×h×w, moved to a minimum of 0 and divided by its maximum."""
    low, high = maps.amin(dim=(1, 2), keepdim=True), maps.amax(dim=(1, 2), keepdim=True)
    return (maps - low) / (high - low + _EPSILON)


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Put the model, and autocasting, out of training; module by module it then is what it was."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.autocast(next(model.parameters()).device.type, enabled=False):
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode


@contextmanager
def _recording(model: nn.Module, layers: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """Yield a dictionary that a forward pass fills with the outputs of these layers."""
    outputs: dict[str, Tensor] = {}

    def recorder(layer: str) -> Callable[..., Tensor]:
        def hook(module: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> Tensor:
            outputs[layer] = output
            return (
                output.clone()
            )  # what follows may work in place, and the layer's own output is asked for

        return hook

    hooks = []
    try:
        for layer in layers:
            hooks.append(model.get_submodule(layer).register_forward_hook(recorder(layer)))
        yield outputs
    finally:
        for hook in hooks:
            hook.remove()
