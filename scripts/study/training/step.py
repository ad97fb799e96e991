"""How one batch changes a model: augmentation, loss, gradients, optimizer, average."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _BatchNorm

from study.devices import trains_in_bf16
from study.errors import StudyError, one_line
from study.models.build import scaled
from study.models.inference import Normalize
from study.models.trained_weights import head_of
from study.training.augment import Draw, augmented, make_transforms, partner
from study.training.dynamics import Dynamics
from study.training.ema import MovingAverage
from study.training.frozen import freeze, speed_up_head
from study.training.image_set import ImageSet
from study.training.optimizers import make_optimizer

_SCALED_AT_ONCE = 64


class TrainingStep:
    """Changes a model by one batch of its training set, as a recipe says.

    Args:
        model: takes float B×C×H×W, returns logits B×K; on the device of the training set.
        recipe: a resolved recipe.
        train_set: what the model learns from.
        augmentation: a generator on the device, the source of what the augmentation draws.

    Attributes:
        normalize: makes the model's input of pixels.
        frozen: modules that stay in evaluation mode: those that keep their weights, and norms that
            came with trained ones.
        optimizer: changes the weights.
        average: of the weights over the steps, or None.
        dynamics: statistics of the training images.
        bf16: whether the forward pass computes in bfloat16.
    """

    def __init__(
        self,
        model: nn.Module,
        recipe: Mapping[str, Any],
        train_set: ImageSet,
        augmentation: torch.Generator,
    ):
        self.model, self.train_set, self.augmentation = model, train_set, augmentation
        self.device = train_set.labels.device
        self.label_smoothing = recipe.get("label_smoothing", 0.0)
        self.clip_norm = recipe.get("clip_norm")
        self.bf16 = trains_in_bf16(recipe.get("precision", "auto"), self.device)
        self.transforms = make_transforms(recipe["augment"])
        self.normalize = Normalize(**recipe["normalize"]).to(self.device)
        if hasattr(model, "fit_to_data"):
            model.fit_to_data(_some_as_seen(model, self.normalize, train_set.images))
        self.forward = torch.compile(model) if recipe.get("compile") else model
        self.frozen: list[nn.Module] = []
        if recipe.get("train", "all") != "all" or "head_lr" in recipe:
            head = head_of(model, train_set.images.shape[1:])
            self.frozen = freeze(model, recipe.get("train", "all"), head)
        if recipe.get("trained_weights"):
            # The means and spreads of few steps would not be those of the images that are
            # predicted; what came with the weights serves better, and does not change.
            self.frozen += [m for m in model.modules() if isinstance(m, _BatchNorm)]
        self.optimizer = make_optimizer(model, **recipe["optimizer"])
        if "head_lr" in recipe:
            speed_up_head(self.optimizer, model.get_submodule(head), recipe["head_lr"])
        decay = recipe.get("ema")
        self.average = None if decay is None else MovingAverage(model, decay)
        self.dynamics = Dynamics(len(train_set), self.device)

    def train_mode(self) -> None:
        """Make the model ready for steps: what keeps its weights stays in evaluation mode."""
        self.model.train()
        for module in self.frozen:
            module.eval()

    def __call__(self, positions: Tensor, epoch: int | Tensor) -> Tensor:
        """Change the weights by one batch, without waiting for the device.

        Args:
            positions: int64, B; places in the training set.
            epoch: number of the epoch, from 1; a number, or an int64 scalar on the device.

        Returns:
            The batch's summed loss and its number of right answers before the change,
            float64, 2, on the device.
        """
        totals = self.learn(positions, epoch)
        self.update()
        return totals

    def learn(self, positions: Tensor, epoch: int | Tensor) -> Tensor:
        """Compute the gradients of a batch; for arguments and result see `__call__`."""
        labels = self.train_set.labels[positions]
        images, label_weight = self.input(positions, epoch)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            logits = self.forward(images)
        logits = logits.float()
        loss = self.loss(logits, labels, label_weight)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if self.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.clip_norm)
        with torch.no_grad():
            self.dynamics.see(positions, logits, labels, epoch)
            return torch.stack([loss * len(labels), (logits.argmax(1) == labels).sum()])

    def update(self) -> None:
        """Change the weights, and their average, by the gradients."""
        self.optimizer.step()
        if self.average is not None:
            self.average.update(self.model)

    def input(self, positions: Tensor, epoch: int | Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the model's input, augmented and normalised, and the weight of each label.

        The weight is None where no images are mixed, see `Draw.own`.
        """
        images = self.train_set.images.index_select(0, positions)
        draw = Draw(self.augmentation, positions, epoch)
        return self.normalize(augmented(images, self.transforms, draw)), draw.own

    def loss(self, logits: Tensor, labels: Tensor, label_weight: Tensor | None) -> Tensor:
        """Return the mean loss of a batch; mixed images have their label and their partner's."""
        if label_weight is None:
            return F.cross_entropy(logits, labels, label_smoothing=self.label_smoothing)
        to_label, to_partner = (
            F.cross_entropy(logits, target, label_smoothing=self.label_smoothing, reduction="none")
            for target in (labels, partner(labels))
        )
        return (label_weight * to_label + (1 - label_weight) * to_partner).mean()

    def state_dict(self) -> dict[str, Any]:
        """Return all that steps change, as tensors and plain values."""
        on_gpu = self.device.type == "cuda"
        return {
            "model": self.model.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "augmentation": self.augmentation.get_state(),
            "dropout": torch.get_rng_state(),
            "dropout_cuda": torch.cuda.get_rng_state(self.device) if on_gpu else None,
            "dynamics": self.dynamics.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        self.model.load_state_dict(state["model"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.augmentation.set_state(state["augmentation"].cpu())
        torch.set_rng_state(state["dropout"].cpu())
        if state["dropout_cuda"] is not None:
            torch.cuda.set_rng_state(state["dropout_cuda"].cpu(), self.device)
        self.dynamics.load_state_dict(state["dynamics"])


def _some_as_seen(model: nn.Module, normalize: Normalize, images: Tensor) -> Tensor:
    """Return some training images as the model sees them, float B×C×H×W.

    They have about as many pixels as 5,000 images of 32×32: patches of more fill the memory.

    Args:
        model: scales its input where it has `scaled_to`.
        normalize: makes the model's input of pixels.
        images: uint8 N×H×W×C.
    """
    size = getattr(model, "scaled_to", None)
    per_image = max(1, (size or images.shape[1]) // 32) ** 2
    some = images[:: max(1, len(images) * per_image // 5000)]
    if size is None:
        return normalize(some)
    # Large images are floats only for as long as it takes to make them small.
    return torch.cat([scaled(normalize(few), size) for few in some.split(_SCALED_AT_ONCE)])


def require_single_images(model: nn.Module, image_shape: Sequence[int]) -> None:
    """Raise StudyError if a training step cannot take a batch of one image.

    Where maps have one place, batch norm has nothing to average over.
    """
    height, width, channels = image_shape
    parameter = next(model.parameters())
    devices = [parameter.device] if parameter.is_cuda else []
    with torch.no_grad(), torch.random.fork_rng(devices):
        try:
            copy.deepcopy(model).train()(
                torch.zeros(1, channels, height, width, device=parameter.device)
            )
        except ValueError as error:
            raise StudyError(
                "the last batch of an epoch has one image, of which the network cannot be trained "
                f"({one_line(error)}); change 'batch_size' by one"
            ) from error
