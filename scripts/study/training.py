"""Train one model on one training set: the loop, its data and its record."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from study.errors import StudyError

OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": torch.optim.SGD,
}


@dataclass(frozen=True)
class ImageSet:
    """Images and labels that lie on one device.

    Attributes:
        images: uint8, N×H×W×C.
        labels: int64, N.
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def batches(self, batch_size: int, order: Tensor | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (images, labels) of at most `batch_size`, in `order` (int64, N) or as stored."""
        for start in range(0, len(self), batch_size):
            chosen = slice(start, start + batch_size) if order is None else order[start : start + batch_size]
            yield self.images[chosen], self.labels[chosen]


class Normalize(nn.Module):
    """Turn uint8 images B×H×W×C into floats B×C×H×W: (x/255 - mean) / std per channel.

    The result is a view with the channels last in memory, the layout in which convolutions are fastest.
    """

    def __init__(self, mean: list[float], std: list[float]):
        super().__init__()
        self.register_buffer("scale", 1 / (255 * torch.tensor(std)))
        self.register_buffer("shift", -torch.tensor(mean) / torch.tensor(std))

    def forward(self, images: Tensor) -> Tensor:
        """Return the normalised batch."""
        return (images.float() * self.scale + self.shift).permute(0, 3, 1, 2)


@dataclass(frozen=True)
class Epoch:
    """One row of the history: means over the epoch; `seconds` is training without validation."""

    epoch: int
    learning_rate: float
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float
    seconds: float
    images_per_s: float

    def __str__(self) -> str:
        return (
            f"train loss {self.train_loss:.4f} accuracy {self.train_accuracy:.4f}  "
            f"val loss {self.val_loss:.4f} accuracy {self.val_accuracy:.4f}  "
            f"{self.seconds:.1f} s  {self.images_per_s:.0f} images/s"
        )

    def row(self) -> dict[str, float]:
        """Return the fields as a dictionary, in order."""
        return asdict(self)


def make_optimizer(model: nn.Module, name: str, lr: float, **options: Any) -> torch.optim.Optimizer:
    """Return the recipe's optimizer over all parameters of `model`, in torch's fused form.

    Raises:
        StudyError: no such optimizer, or it has no such option.
    """
    if name not in OPTIMIZERS:
        raise StudyError(f"unknown optimizer {name!r}; known: {', '.join(OPTIMIZERS)}")
    try:
        return OPTIMIZERS[name](model.parameters(), lr=lr, fused=True, **options)
    except TypeError as error:
        raise StudyError(f"optimizer {name!r}: {error}; correct 'optimizer' in the recipe") from error


def train(
    model: nn.Module,
    normalize: Normalize,
    train_set: ImageSet,
    val_set: ImageSet,
    *,
    optimizer: torch.optim.Optimizer,
    epochs: int,
    batch_size: int,
    order: torch.Generator,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> list[Epoch]:
    """Train `model` in place by cross-entropy and return its history, one entry an epoch.

    Each epoch visits every training image once, in an order drawn from `order`. Losses stay on the device and are
    read once an epoch.

    Args:
        model: takes float B×C×H×W, returns logits B×K; on the device of the image sets.
        normalize: turns uint8 batches into the model's input.
        train_set: what the model learns from.
        val_set: what the history's validation columns are measured on; may be empty (they are then NaN).
        optimizer: over the parameters of `model`.
        epochs: passes over the training set.
        batch_size: images a step; the last step of an epoch may have fewer.
        order: a CPU generator; its state is all the randomness there is here.
        on_epoch: called with each finished epoch.

    Raises:
        StudyError: the training set is empty, or the loss is no longer finite.
    """
    if len(train_set) == 0:
        raise StudyError("the training split is empty; give 'split.train' a larger share or the partition more images")
    history = []
    for number in range(1, epochs + 1):
        start = time.perf_counter()
        loss, accuracy = _train_epoch(model, normalize, train_set, optimizer, batch_size, order)
        seconds = time.perf_counter() - start
        if not math.isfinite(loss):
            raise StudyError(f"training diverged in epoch {number} (loss {loss}); lower 'optimizer.lr' in the recipe")
        val_loss, val_accuracy = evaluate(model, normalize, val_set)
        epoch = Epoch(
            epoch=number,
            learning_rate=optimizer.param_groups[0]["lr"],
            train_loss=loss,
            train_accuracy=accuracy,
            val_loss=val_loss,
            val_accuracy=val_accuracy,
            seconds=seconds,
            images_per_s=len(train_set) / seconds,
        )
        history.append(epoch)
        on_epoch(epoch)
    return history


def _train_epoch(
    model: nn.Module,
    normalize: Normalize,
    train_set: ImageSet,
    optimizer: torch.optim.Optimizer,
    batch_size: int,
    order: torch.Generator,
) -> tuple[float, float]:
    """Return the mean loss and accuracy over the epoch, each batch scored before its own step."""
    model.train()
    device = train_set.labels.device
    permutation = torch.randperm(len(train_set), generator=order).to(device)
    totals = torch.zeros(2, dtype=torch.float64, device=device)
    for images, labels in train_set.batches(batch_size, permutation):
        logits = model(normalize(images))
        loss = F.cross_entropy(logits, labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            totals[0] += loss * len(labels)
            totals[1] += (logits.argmax(1) == labels).sum()
    loss, accuracy = (totals / len(train_set)).tolist()
    return loss, accuracy


def evaluate(model: nn.Module, normalize: Normalize, image_set: ImageSet) -> tuple[float, float]:
    """Return mean cross-entropy and accuracy on `image_set`; NaN for an empty one."""
    if len(image_set) == 0:
        return math.nan, math.nan
    logits = predict(model, normalize, image_set.images)
    loss = F.cross_entropy(logits, image_set.labels).item()
    accuracy = (logits.argmax(1) == image_set.labels).double().mean().item()
    return loss, accuracy


def predict(model: nn.Module, normalize: Normalize, images: Tensor, batch_size: int = 500) -> Tensor:
    """Return the logits, float32 N×K, of uint8 images N×H×W×C, without augmentation, in evaluation mode."""
    model.eval()
    with torch.inference_mode():
        return torch.cat([model(normalize(batch)) for batch in images.split(batch_size)]).float()
