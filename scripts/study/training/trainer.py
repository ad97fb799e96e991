"""The training loop: epochs of steps, measured after each, until a recipe's end."""

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from study.config.recipes import epochs_of
from study.errors import StudyError, one_line
from study.job import StartAnew
from study.models.build import build_recipe_model, count_parameters
from study.models.inference import evaluate
from study.models.trained_weights import Taken, head_of, read_weights, take
from study.seeds import stream_seed
from study.training.cuda_graphs import VARIABLE, CudaRecorder, GraphedStep, Recorder
from study.training.epoch import Epoch, weights_digest
from study.training.image_set import ImageSet
from study.training.schedules import changes_momentum, make_schedule
from study.training.step import TrainingStep, require_single_images


class Diverged(StudyError):
    """The loss of a training is no longer finite."""


def new_trainer(
    recipe: Mapping[str, Any],
    seed: int,
    num_classes: int,
    train_set: ImageSet,
    val_set: ImageSet,
    test_set: ImageSet | None = None,
) -> "Trainer":
    """Return a trainer with a fresh model, all of whose randomness comes from the run's seed.

    Args:
        recipe: a resolved recipe; the file of its `trained_weights` is read.
        seed: the run's seed.
        num_classes: number of logits.
        train_set: see `Trainer`, as the others; the model goes to its device.
        val_set: may be empty.
        test_set: may be left out.

    Raises:
        StudyError: see `Trainer`; or the trained weights are damaged or of another network.
    """
    device = train_set.labels.device
    torch.manual_seed(stream_seed(seed, "init"))
    model = build_recipe_model(
        recipe, num_classes=num_classes, image_shape=train_set.images.shape[1:]
    )
    start, taken = recipe.get("trained_weights"), None
    if start:
        head = head_of(model, train_set.images.shape[1:])
        taken = take(model, read_weights(start["file"]), head, start["file"])
    model.to(device, memory_format=torch.channels_last)
    trainer = Trainer(
        model,
        recipe,
        train_set,
        val_set,
        test_set,
        order=torch.Generator().manual_seed(stream_seed(seed, "order")),
        augmentation=torch.Generator(device).manual_seed(stream_seed(seed, "augmentation")),
    )
    trainer.taken = taken
    # Dropout draws from torch's own generator.
    torch.manual_seed(stream_seed(seed, "dropout"))
    return trainer


class Trainer:
    """Trains one model by a recipe; all that changes from epoch to epoch is in `state_dict`.

    Each epoch visits every training image once. Losses stay on the device and are read once an
    epoch.

    Args:
        model: takes float B×C×H×W, returns logits B×K; on the device of the image sets.
        recipe: a resolved recipe, see workflow/schemas/recipe.schema.yaml.
        train_set: what the model learns from.
        val_set: images for the history's validation columns, by which the best epoch is chosen;
            may be empty (the columns are then NaN).
        test_set: images for the history's test columns; nothing looks at them during training.
            None or empty: the columns are NaN.
        order: a CPU generator, the source of the order of the images.
        augmentation: a generator on the device, the source of what the augmentation draws.

    Attributes:
        step: takes one training step.
        n_parameters: of the model, those that the recipe freezes too.
        taken: which weights the model took from elsewhere before the first step; None: none.
        recorded: whether steps were replayed from a CUDA graph.
        unfinished: an epoch in progress: order, images done, totals and seconds; or None.

    Raises:
        StudyError: the training set is empty, the recipe chooses by an empty validation set, or an
            epoch ends with a single image and a norm of the model needs more.
    """

    def __init__(
        self,
        model: nn.Module,
        recipe: Mapping[str, Any],
        train_set: ImageSet,
        val_set: ImageSet,
        test_set: ImageSet | None = None,
        *,
        order: torch.Generator,
        augmentation: torch.Generator,
    ):
        self.keep_best = recipe.get("keep", "last") == "best"
        self.patience = recipe.get("patience")
        self.model, self.order = model, order
        self.train_set, self.val_set = train_set, val_set
        self.test_set = train_set.empty() if test_set is None else test_set
        self._check_sets()
        self.device = train_set.labels.device
        self.batch_size = recipe["batch_size"]
        if len(train_set) % self.batch_size == 1:
            require_single_images(model, train_set.images.shape[1:])
        steps = math.ceil(len(train_set) / self.batch_size)
        epochs = epochs_of(recipe, steps)
        self.last_epoch = min(epochs, recipe.get("stop_after", epochs))
        self.views = recipe.get("test_time", "plain")
        self.n_parameters = count_parameters(model)
        self.step = TrainingStep(model, recipe, train_set, augmentation)
        self.schedule = make_schedule(
            self.step.optimizer, steps_per_epoch=steps, epochs=epochs, **recipe["schedule"]
        )
        records = (
            recipe.get("cuda_graph", True)
            and not recipe.get("compile")
            and os.environ.get(VARIABLE) != "0"
        )
        self.recorder: Recorder | None = (
            CudaRecorder(augmentation) if records and self.device.type == "cuda" else None
        )
        self.recorded = False
        self.taken: Taken | None = None
        self.initial_weights = weights_digest(model)
        self.history: list[Epoch] = []
        self.best: dict[str, Any] | None = None
        self.unfinished: dict[str, Any] | None = None

    def _check_sets(self) -> None:
        if len(self.train_set) == 0:
            raise StudyError(
                "the training split is empty; "
                "give 'split.train' a larger share or the partition more images"
            )
        if (self.keep_best or self.patience) and len(self.val_set) == 0:
            raise StudyError(
                "the recipe chooses an epoch by the validation split, which is empty; "
                "give 'split.val' (for the combo official 'official.val') a larger share "
                "or write 'keep: last' without 'patience' in the recipe"
            )

    @property
    def evaluated(self) -> nn.Module:
        """The model that is validated and kept: the averaged one if the recipe averages weights."""
        return self.model if self.step.average is None else self.step.average.module

    @property
    def kept_epoch(self) -> Epoch:
        """The epoch whose weights a finished training keeps."""
        return self.history[self.best["epoch"] - 1 if self.keep_best else -1]

    @property
    def seconds(self) -> float:
        """Seconds of training so far: of finished epochs, and of the one in progress."""
        in_progress = self.unfinished["seconds"] if self.unfinished else 0.0
        return sum(epoch.seconds for epoch in self.history) + in_progress

    def finished(self) -> bool:
        """Tell whether the last epoch is done, or `patience` epochs passed without a better one."""
        if len(self.history) >= self.last_epoch:
            return True
        return (
            bool(self.patience)
            and self.best is not None
            and len(self.history) - self.best["epoch"] >= self.patience
        )

    def stepper(self) -> Callable[[Tensor, int], Tensor]:
        """Return what takes steps as `step` does, from a recording where there is a recorder.

        It is of no use after `load_state_dict`.
        """
        if self.recorder is None:
            return self.step
        return GraphedStep(
            self.step,
            self.recorder,
            batch_size=self.batch_size,
            changes_momentum=changes_momentum(self.schedule),
        )

    def state_dict(self) -> dict[str, Any]:
        """Return all that decides how training goes on, as tensors and plain values."""
        return self.step.state_dict() | {
            "schedule": self.schedule.state_dict(),
            "order": self.order.get_state(),
            "history": [epoch._asdict() for epoch in self.history],
            "best": self.best,
            "unfinished": self.unfinished,
            "recorded": self.recorded,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned: to the same bits, on the same kind of device."""
        self.step.load_state_dict(state)
        self.schedule.load_state_dict(state["schedule"])
        self.order.set_state(state["order"].cpu())
        self.history = [Epoch(**row) for row in state["history"]]
        self.best = state["best"]
        self.unfinished = state["unfinished"]
        self.recorded = state["recorded"]

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
            save: called with `state_dict` after every epoch, and within an epoch when `save_every`
                seconds have passed.
            save_every: seconds.

        Raises:
            Diverged: the loss is no longer finite; the history holds the epochs before.
            StartAnew: a CUDA graph failed; it goes on from the last state saved, without one.
        """
        saved = time.monotonic()
        take_step = self.stepper()
        with self.without_graph_after_a_failure(take_step):
            while not self.finished():
                for _ in self.steps(take_step):
                    if time.monotonic() - saved > save_every:
                        save(self.state_dict())
                        saved = time.monotonic()
                self.recorded = isinstance(take_step, GraphedStep) and take_step.recorded
                self.history.append(self._finished_epoch())
                if self.keep_best or self.patience:
                    self._remember_best()
                save(self.state_dict())
                saved = time.monotonic()
                on_epoch(self.history[-1])
        if self.keep_best:
            self.evaluated.load_state_dict(self.best["weights"])
        return self.history

    @contextmanager
    def without_graph_after_a_failure(self, take_step: Callable) -> Iterator[None]:
        """Start the job again without a CUDA graph where an error within may come of one.

        Args:
            take_step: what `stepper` returned.

        Raises:
            StartAnew: the error may not occur without the graph.
        """
        try:
            yield
        except RuntimeError as error:
            if not isinstance(take_step, GraphedStep) or not take_step.may_cause(error):
                raise
            reason = f"{one_line(error)}; training starts again without a CUDA graph"
            raise StartAnew(reason, **{VARIABLE: "0"}) from error

    def steps(self, take_step: Callable[[Tensor, int], Tensor]) -> Iterator[None]:
        """Take all steps of the next epoch, or the rest of an unfinished one.

        After each step it yields, and the state is complete.

        Args:
            take_step: what `stepper` returned.
        """
        self.step.train_mode()
        count = len(self.train_set)
        if self.unfinished is None:
            self.unfinished = {
                "order": torch.randperm(count, generator=self.order).to(self.device),
                "done": 0,
                "totals": torch.zeros(2, dtype=torch.float64, device=self.device),
                "learning_rate": float(self.step.optimizer.param_groups[0]["lr"]),
                "seconds": 0.0,
            }
        epoch = self.unfinished
        clock = time.perf_counter() - epoch["seconds"]
        while epoch["done"] < count:
            positions = epoch["order"][epoch["done"] : epoch["done"] + self.batch_size]
            epoch["totals"] += take_step(positions, len(self.history) + 1)
            self.schedule.step()
            epoch["done"] += len(positions)
            epoch["seconds"] = time.perf_counter() - clock
            yield

    def _finished_epoch(self) -> Epoch:
        """Return the row of the epoch whose steps are all taken: its means and evaluations."""
        number = len(self.history) + 1
        # Reading the totals waits for the device, so it belongs to the time of training.
        clock = time.perf_counter()
        loss, accuracy = (self.unfinished["totals"] / len(self.train_set)).tolist()
        seconds = self.unfinished["seconds"] + time.perf_counter() - clock
        if not math.isfinite(loss):
            raise Diverged(
                f"training diverged in epoch {number} (loss {loss}); "
                "lower 'optimizer.lr' in the recipe"
            )
        val_loss, val_accuracy = self._evaluation(self.val_set)
        test_loss, test_accuracy = self._evaluation(self.test_set)
        row = Epoch(
            epoch=number,
            learning_rate=self.unfinished["learning_rate"],
            train_loss=loss,
            train_accuracy=accuracy,
            val_loss=val_loss,
            val_accuracy=val_accuracy,
            test_loss=test_loss,
            test_accuracy=test_accuracy,
            seconds=seconds,
            images_per_s=len(self.train_set) / seconds,
            chain=weights_digest(
                self.model, after=self.history[-1].chain if self.history else self.initial_weights
            ),
        )
        self.unfinished = None
        return row

    def _evaluation(self, image_set: ImageSet) -> tuple[float, float]:
        return evaluate(
            self.evaluated,
            self.step.normalize,
            image_set.images,
            image_set.labels,
            views=self.views,
            bf16=self.step.bf16,
        )

    def _remember_best(self) -> None:
        accuracy = self.history[-1].val_accuracy
        if self.best is None or accuracy > self.best["accuracy"]:
            weights = {
                name: tensor.detach().clone()
                for name, tensor in self.evaluated.state_dict().items()
            }
            self.best = {"epoch": len(self.history), "accuracy": accuracy, "weights": weights}
