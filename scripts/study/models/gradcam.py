"""Which places of an image speak for a class, in the eyes of a model: Grad-CAM."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from study.models.evaluation import evaluating
from study.models.gradcam_layers import gradcam_layers
from study.models.inference import images_at_once

_EPSILON = 1e-7
_IMAGES_AT_ONCE = 32  # and fewer of large ones


def grad_cam(
    model: nn.Module, images: Tensor, classes: Tensor, layers: Sequence[str]
) -> tuple[Tensor, list[tuple[int, int]]]:
    """Return Grad-CAM's maps of several layers for several classes of each image.

    With A the output of a layer, C×h×w, and G the gradient of a class's score by it:
    relu(Σ_c w_c·A_c), where w_c is the mean of G_c over its places. The map is scaled to 0–1,
    resized to the image (bilinear) and scaled again. A map without any positive place, or with
    numbers that are not finite, is 0 everywhere.

    The score is the logit minus the mean of all logits. A network may lower all logits alike:
    that changes no probability, but would leave nothing that speaks for any class. The logarithm
    of the probability has no such fault, but its gradient vanishes when the network is sure.

    The model computes in evaluation mode and in float32. Its own modes are restored.

    Args:
        model: takes float B×c×H×W, returns logits B×K; no image's logits depend on other images.
        images: float B×c×H×W, normalised as the model wants them, on its device.
        classes: int64 B×T; the T classes of each image whose scores are asked for.
        layers: names of L modules of the model whose outputs are maps, B×C×h×w.

    Returns:
        Maps, float32 B×L×T×H×W with values 0–1, and the height and width of each layer's own maps.

    Source: R. Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via
    Gradient-based Localization", ICCV 2017.
    """
    exact = torch.autocast(images.device.type, enabled=False)
    with evaluating(model), exact, _recording(model, layers) as outputs, torch.enable_grad():
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


def gradcam_maps(
    model: nn.Module,
    normalize: Callable[[Tensor], Tensor],
    images: np.ndarray,
    classes: np.ndarray,
    layers: Sequence[str],
) -> tuple[np.ndarray, np.ndarray]:
    """Return Grad-CAM's maps of images as bytes, and the sizes of the layers' own maps.

    Args:
        model: see `grad_cam`, as `layers`.
        normalize: function that normalises images as in training.
        images: uint8 n×H×W×C, n ≥ 1.
        classes: int64 n×T.
        layers: L names.

    Returns:
        Maps, uint8 n×L×T×H×W, and sizes, int64 L×2.
    """
    device = next(model.parameters()).device
    maps, sizes = [], []
    batch_size = min(_IMAGES_AT_ONCE, images_at_once(model, images.shape[1]))
    for start in range(0, len(images), batch_size):
        batch, asked = (
            torch.from_numpy(array[start : start + batch_size]).to(device)
            for array in (images, classes)
        )
        batch_maps, sizes = grad_cam(model, normalize(batch), asked, layers)
        maps.append((255 * batch_maps).round().byte().cpu())
    return torch.cat(maps).numpy(), np.array(sizes, np.int64)


def gradcam_of_last_stages(
    model: nn.Module, normalize: Callable[[Tensor], Tensor], images: np.ndarray, classes: np.ndarray
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Return the layers that a network has maps in, the maps and their own sizes.

    Args:
        model: takes float B×C×H×W.
        normalize: function that normalises images as in training.
        images: uint8 n×H×W×C, n ≥ 1.
        classes: int64 n×T.

    Raises:
        NoMaps: the network is not of the kind that has maps.
    """
    layers = gradcam_layers(model, images.shape[1:])
    return layers, *gradcam_maps(model, normalize, images, classes, layers)


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
def _recording(model: nn.Module, layers: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """Yield a dictionary that a forward pass fills with the outputs of these layers."""
    outputs: dict[str, Tensor] = {}

    def recorder(layer: str) -> Callable[..., Tensor]:
        def hook(module: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> Tensor:
            outputs[layer] = output
            # What follows may work in place, and the layer's own output is asked for.
            return output.clone()

        return hook

    with ExitStack() as hooks:
        for layer in layers:
            hook = model.get_submodule(layer).register_forward_hook(recorder(layer))
            hooks.enter_context(hook)
        yield outputs
