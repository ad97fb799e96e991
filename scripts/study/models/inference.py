"""A finished run's model with all that comes before and after it: bytes in, logits and probabilities out."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from study.devices import memory_advice
from study.models.weights import load_model
from study.runs.finished_runs import FinishedRun
from study.training.trainer import VIEWS, Normalize


class Classifier(nn.Module):
    """Normalisation, the network, its test-time views and the temperature of its probabilities.

    Args:
        model: takes float B×C×H×W, returns logits B×K.
        recipe: of the model; its `normalize` and `test_time`.
        temperature: by which logits are divided before the softmax; None: as they are.
    """

    def __init__(self, model: nn.Module, recipe: dict[str, Any], temperature: float | None):
        super().__init__()
        self.normalize = Normalize(**recipe["normalize"])
        self.model = model
        self.views = recipe.get("test_time", "plain")
        self.temperature = temperature or 1.0

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits and probabilities, float32 N×K, of images, uint8 N×H×W×C."""
        logits = VIEWS[self.views](self.model, self.normalize(images))
        return logits, (logits / self.temperature).softmax(1)


def load_classifier(run: FinishedRun, device: torch.device) -> Classifier:
    """Return a run's classifier in evaluation mode, on the device.

    Raises:
        StudyError: the weights are not the run's.
    """
    model = load_model(run.folder / "model.safetensors", run.record, device)
    return Classifier(model, run.record["recipe"], run.metrics["temperature"]).eval().to(device)


def mean_probabilities(
    classifiers: Sequence[Classifier],
    images: np.ndarray,
    device: torch.device,
    batch_size: int = 500,
) -> np.ndarray:
    """Return the mean over classifiers of the probabilities of images, float64 n×K.

    Args:
        classifiers: one or more, on the device.
        images: uint8, n×H×W×C; n ≥ 1.
        device: where to compute.
        batch_size: how many images at once.

    Raises:
        StudyError: there is too little memory.
    """
    batches = torch.from_numpy(images).split(batch_size)
    with torch.inference_mode(), memory_advice():
        return np.concatenate(
            [
                torch.stack([classify(batch.to(device))[1].double() for classify in classifiers])
                .mean(0)
                .cpu()
                .numpy()
                for batch in batches
            ]
        )
