"""Train one model on one training set: the loop, its data and its record."""

import hashlib
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from study.augment import Draw, make_transforms
from study.devices import trains_in_bf16
from study.errors import StudyError
from study.schedules import make_schedule

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

    def digest(self) -> str:
        """Return a digest of the content."""
        content = hashlib.sha256()
        for tensor in (self.images, self.labels):
            content.update(tensor.cpu().numpy().tobytes())
        return content.hexdigest()


class Normalize(nn.Module):
    """Turn images B×H×W×C with values 0–255 into floats B×C×H×W: (x/255 - mean) / std per channel.

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


def make_optimizer(
    model: nn.Module, name: str, lr: float, *, decay_norms_and_biases: bool = True, **options: Any
) -> torch.optim.Optimizer:
    """Return the recipe's optimizer over all parameters of `model`, in torch's fused form.

    Args:
        model: whose parameters are trained.
        name: a key of `OPTIMIZERS`.
        lr: learning rate; the peak where there is a schedule.
        decay_norms_and_biases: False spares parameters with fewer than two dimensions from weight decay.
        options: torch's own, such as `weight_decay` and `momentum`.

    Raises:
        StudyError: no such optimizer, or it has no such option.
    """
    if name not in OPTIMIZERS:
        raise StudyError(f"unknown optimizer {name!r}; known: {', '.join(OPTIMIZERS)}")
    groups: list[dict[str, Any]] = [{"params": list(model.parameters())}]
    if not decay_norms_and_biases:
        groups = [
            {"params": [p for p in model.parameters() if p.ndim >= 2]},
            {"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0},
        ]
    try:
        return OPTIMIZERS[name](groups, lr=lr, fused=True, **options)
    except TypeError as error:
        raise StudyError(f"optimizer {name!r}: {error}; correct 'optimizer' in the recipe") from error


class Trainer:
    """Trains one model by a recipe; all that changes from epoch to epoch is in `state_dict`.

    Each epoch visits every training image once. Losses stay on the device and are read once an epoch.

    Args:
        model: takes float B×C×H×W, returns logits B×K; on the device of the image sets.
        recipe: a resolved recipe, see workflow/schemas/recipe.schema.yaml.
        train_set: what the model learns from.
        val_set: what the history's validation columns are measured on and the best epoch is chosen by; may be empty (the
            columns are then NaN).
        order: a CPU generator, the source of the order of the images.
        augmentation: a generator on the device, the source of what the augmentation draws.

    Raises:
        StudyError: the training set is empty, or the recipe asks to choose by an empty validation set.
    """

    def __init__(
        self,
        model: nn.Module,
        recipe: Mapping[str, Any],
        train_set: ImageSet,
        val_set: ImageSet,
        *,
        order: torch.Generator,
        augmentation: torch.Generator,
    ):
        if len(train_set) == 0:
            raise StudyError(
                "the training split is empty; give 'split.train' a larger share or the partition more images"
            )
        self.keep_best = recipe.get("keep", "last") == "best"
        self.patience = recipe.get("patience")
        if (self.keep_best or self.patience) and len(val_set) == 0:
            raise StudyError(
                "the recipe chooses an epoch by the validation split, which is empty; give 'split.val' a larger share or "
                "write 'keep: last' without 'patience' in the recipe"
            )
        self.model = model
        self.train_set, self.val_set = train_set, val_set
        self.order, self.augmentation = order, augmentation
        self.device = train_set.labels.device
        self.epochs, self.batch_size = recipe["epochs"], recipe["batch_size"]
        self.label_smoothing = recipe.get("label_smoothing", 0.0)
        self.clip_norm = recipe.get("clip_norm")
        self.bf16 = trains_in_bf16(recipe.get("precision", "auto"), self.device)
        self.transforms = make_transforms(recipe["augment"])
        self.normalize = Normalize(**recipe["normalize"]).to(self.device)
        self.optimizer = make_optimizer(model, **recipe["optimizer"])
        steps = math.ceil(len(train_set) / self.batch_size)
        self.schedule = make_schedule(self.optimizer, steps_per_epoch=steps, epochs=self.epochs, **recipe["schedule"])
        decay = recipe.get("ema")
        self.average = (
            None if decay is None else AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)
        )
        self.history: list[Epoch] = []
        self.best: dict[str, Any] | None = None
        self.unfinished: dict[str, Any] | None = None  # an epoch in progress: order, position, totals, seconds

    @property
    def evaluated(self) -> nn.Module:
        """The model that is validated and kept: the average of the weights where the recipe asks for one."""
        return self.model if self.average is None else self.average.module

    def finished(self) -> bool:
        """Tell whether all epochs are done or `patience` epochs went by without a better validation accuracy."""
        if len(self.history) >= self.epochs:
            return True
        return bool(self.patience) and self.best is not None and len(self.history) - self.best["epoch"] >= self.patience

    def state_dict(self) -> dict[str, Any]:
        """Return all that decides how training goes on, as tensors and plain values."""
        return {
            "model": self.model.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "order": self.order.get_state(),
            "augmentation": self.augmentation.get_state(),
            "dropout": torch.get_rng_state(),
            "dropout_cuda": torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None,
            "history": [epoch.row() for epoch in self.history],
            "best": self.best,
            "unfinished": self.unfinished,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned; on the same kind of device the rest is the same to the bit."""
        self.model.load_state_dict(state["model"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.order.set_state(state["order"].cpu())
        self.augmentation.set_state(state["augmentation"].cpu())
        torch.set_rng_state(state["dropout"].cpu())
        if state["dropout_cuda"] is not None:
            torch.cuda.set_rng_state(state["dropout_cuda"].cpu(), self.device)
        self.history = [Epoch(**row) for row in state["history"]]
        self.best = state["best"]
        self.unfinished = state["unfinished"]

    def run(
        self,
        on_epoch: Callable[[Epoch], None] = lambda epoch: None,
        *,
        save: Callable[[dict[str, Any]], None] = lambda state: None,
        save_every: float = 60,
    ) -> list[Epoch]:
        """Train until finished and leave the weights to keep in `evaluated`; return the history.

        Args:
            on_epoch: called with each finished epoch.
            save: called with `state_dict` after every epoch, and within an epoch when `save_every` seconds have passed.
            save_every: seconds.

        Raises:
            StudyError: the loss is no longer finite.
        """
        self._saved = time.monotonic()

        def save_state() -> None:
            save(self.state_dict())
            self._saved = time.monotonic()

        def save_when_due() -> None:
            if time.monotonic() - self._saved > save_every:
                save_state()

        while not self.finished():
            self.history.append(self._epoch(len(self.history) + 1, save_when_due))
            if self.keep_best or self.patience:
                self._remember_best()
            save_state()
            on_epoch(self.history[-1])
        if self.keep_best:
            self.evaluated.load_state_dict(self.best["weights"])
        return self.history

    def _remember_best(self) -> None:
        accuracy = self.history[-1].val_accuracy
        if self.best is None or accuracy > self.best["accuracy"]:
            weights = {name: tensor.detach().clone() for name, tensor in self.evaluated.state_dict().items()}
            self.best = {"epoch": len(self.history), "accuracy": accuracy, "weights": weights}

    def _epoch(self, number: int, pause: Callable[[], None]) -> Epoch:
        loss, accuracy, learning_rate, seconds = self._train_epoch(number, pause)
        if not math.isfinite(loss):
            raise StudyError(f"training diverged in epoch {number} (loss {loss}); lower 'optimizer.lr' in the recipe")
        val_loss, val_accuracy = evaluate(self.evaluated, self.normalize, self.val_set)
        return Epoch(
            epoch=number,
            learning_rate=learning_rate,
            train_loss=loss,
            train_accuracy=accuracy,
            val_loss=val_loss,
            val_accuracy=val_accuracy,
            seconds=seconds,
            images_per_s=len(self.train_set) / seconds,
        )

    def _train_epoch(self, number: int, pause: Callable[[], None]) -> tuple[float, float, float, float]:
        """Return the epoch's mean loss and accuracy (each batch scored before its own step), first rate and seconds.

        `pause` is called after each step, when the state is complete.
        """
        self.model.train()
        count = len(self.train_set)
        if self.unfinished is None:
            self.unfinished = {
                "order": torch.randperm(count, generator=self.order).to(self.device),
                "done": 0,
                "totals": torch.zeros(2, dtype=torch.float64, device=self.device),
                "learning_rate": float(self.optimizer.param_groups[0]["lr"]),
                "seconds": 0.0,
            }
        epoch = self.unfinished
        totals = epoch["totals"]
        clock = time.perf_counter() - epoch["seconds"]
        while epoch["done"] < count:
            positions = epoch["order"][epoch["done"] : epoch["done"] + self.batch_size]
            labels = self.train_set.labels[positions]
            images = self._input(positions, number)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
                logits = self.model(images)
            logits = logits.float()
            loss = F.cross_entropy(logits, labels, label_smoothing=self.label_smoothing)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            if self.clip_norm is not None:
                nn.utils.clip_grad_norm_(self.model.parameters(), self.clip_norm)
            self.optimizer.step()
            self.schedule.step()
            if self.average is not None:
                self.average.update_parameters(self.model)
            with torch.no_grad():
                totals[0] += loss * len(labels)
                totals[1] += (logits.argmax(1) == labels).sum()
            epoch["done"] += len(positions)
            epoch["seconds"] = time.perf_counter() - clock
            pause()
        loss, accuracy = (totals / count).tolist()
        seconds = time.perf_counter() - clock
        self.unfinished = None
        return loss, accuracy, epoch["learning_rate"], seconds

    def _input(self, positions: Tensor, epoch: int) -> Tensor:
        """Return the model's input for these places of the training set: augmented, then normalised."""
        images = self.train_set.images[positions]
        if not self.transforms:
            return self.normalize(images)
        draw = Draw(self.augmentation, positions, epoch)
        planes = images.permute(0, 3, 1, 2).float()
        for transform in self.transforms:
            planes = transform(planes, draw)
        return self.normalize(planes.permute(0, 2, 3, 1))


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
