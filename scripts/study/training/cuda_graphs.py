"""Training steps as a CUDA graph: recorded once, then launched as one.

A step of a small network launches hundreds of kernels, and that takes longer than the kernels do.

Source: "CUDA semantics: CUDA Graphs" in PyTorch's documentation.
"""

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor

from study.errors import StudyError, one_line
from study.training.step import TrainingStep

# Steps before a recording. PyTorch's documentation asks for some, in which libraries choose and set
# up their kernels.
WARM_UP = 3


class Recorder(Protocol):
    """Records work on a device so that it can be done again."""

    def warm_up(self, work: Callable[[], Tensor]) -> tuple[Tensor, str | None]:
        """Do the work as it is recorded later.

        Returns:
            Its result, and what keeps it from being recorded, or None.
        """

    def record(self, work: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
        """Record the work; return what does it again, and the tensor that then has its result."""


class CudaRecorder:
    """Records on a GPU, on a separate stream.

    Args:
        generator: a source of randomness on the GPU that the work draws from besides torch's own.
    """

    def __init__(self, generator: torch.Generator):
        self.generator = generator
        self.stream: torch.cuda.Stream | None = None

    def warm_up(self, work: Callable[[], Tensor]) -> tuple[Tensor, str | None]:
        """See `Recorder`: work that makes the host wait for the GPU cannot be recorded."""
        self.stream = self.stream or torch.cuda.Stream()
        current = torch.cuda.current_stream()
        self.stream.wait_stream(current)
        with torch.cuda.stream(self.stream), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")
            try:
                result = work()
            finally:
                torch.cuda.set_sync_debug_mode("default")
        current.wait_stream(self.stream)
        waits = [
            warning for warning in caught if "synchronizing CUDA operation" in str(warning.message)
        ]
        for warning in caught:
            if warning not in waits and not str(warning.message).startswith(
                "Synchronization debug mode"
            ):
                warnings.warn_explicit(
                    warning.message, warning.category, warning.filename, warning.lineno
                )
        return result, f"{waits[0].filename}, line {waits[0].lineno}" if waits else None

    def record(self, work: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
        """See `Recorder`.

        Raises:
            StudyError: the work cannot be recorded.
        """
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self.generator)
        try:
            with torch.cuda.graph(graph, stream=self.stream):
                result = work()
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            raise StudyError(
                f"the training step cannot be recorded as a CUDA graph ({one_line(error)}); "
                "write 'cuda_graph: false' in the recipe"
            ) from error
        return graph.replay, result


class GraphedStep:
    """Replays a recorded CUDA graph for full batches; runs shorter batches eagerly.

    A recording repeats the kernels that were launched, with the same numbers and on the same
    memory. So all that changes from step to step lies in tensors that the kernels read: positions,
    the epoch and the learning rates.

    Every call is one step of training: also the first ones, after which the step is recorded, and
    the short batch at an epoch's end. These too read the rates from tensors, so that a training
    ends the same wherever it was interrupted and resumed.

    torch's fused optimizers take a momentum as a number only. Where the schedule changes it, the
    optimizer's part is not recorded but launched after the rest.

    Args:
        step: to record.
        recorder: of the step's device.
        batch_size: of a full batch.
        changes_momentum: whether the schedule does.
    """

    def __init__(
        self, step: TrainingStep, recorder: Recorder, *, batch_size: int, changes_momentum: bool
    ):
        self._step, self._recorder = step, recorder
        self._whole = not changes_momentum
        groups = step.optimizer.param_groups
        device = groups[0]["params"][0].device
        self._positions = torch.zeros(batch_size, dtype=torch.int64, device=device)
        self._epoch = torch.zeros((), dtype=torch.int64, device=device)
        self._rates = [torch.zeros((), device=device) for _ in groups]
        self._obstacle: str | None = None
        self._warm_ups = 0
        self._replay: Callable[[], None] | None = None
        self._totals: Tensor | None = None
        self._gradients: list[tuple[Tensor, Tensor | None]] = []

    @property
    def recorded(self) -> bool:
        """Whether steps are launched as a recording by now."""
        return self._replay is not None

    def __call__(self, positions: Tensor, epoch: int) -> Tensor:
        """Take one step; for arguments and result see `TrainingStep.__call__`.

        The result is valid until the next step.
        """
        if self._whole:
            for rate, group in zip(self._rates, self._step.optimizer.param_groups, strict=True):
                rate.fill_(group["lr"])
        if len(positions) != len(self._positions) or self._obstacle:
            return self._eager(positions, epoch)
        if self._warm_ups < WARM_UP:
            return self._warm_up(positions, epoch)
        self._positions.copy_(positions)
        self._epoch.fill_(epoch)
        if self._replay is None:
            self._record()
        self._replay()
        if not self._whole:
            for parameter, gradient in self._gradients:
                parameter.grad = gradient  # a short batch has put its own there
            self._step.update()
        return self._totals

    def _eager(self, positions: Tensor, epoch: int) -> Tensor:
        totals = self._step.learn(positions, epoch)
        with self._rates_in_tensors():
            self._step.update()
        return totals

    def _warm_up(self, positions: Tensor, epoch: int) -> Tensor:
        self._warm_ups += 1
        totals, obstacle = self._recorder.warm_up(lambda: self._eager(positions, epoch))
        # What sets the kernels up may wait: it is not recorded.
        self._obstacle = obstacle if self._warm_ups == WARM_UP else None
        if self._obstacle:
            print(
                f"note: a training step waits for the GPU ({self._obstacle}), so it is not "
                "recorded as a CUDA graph, which would be faster; "
                "'cuda_graph: false' in the recipe silences this",
                file=sys.stderr,
            )
        return totals

    def _record(self) -> None:
        def work() -> Tensor:
            totals = self._step.learn(self._positions, self._epoch)
            if self._whole:
                self._step.update()
            return totals

        with self._rates_in_tensors(capturable=True):
            self._replay, self._totals = self._recorder.record(work)
        self._gradients = [
            (parameter, parameter.grad)
            for group in self._step.optimizer.param_groups
            for parameter in group["params"]
        ]

    @contextmanager
    def _rates_in_tensors(self, capturable: bool = False) -> Iterator[None]:
        """Let the optimizer read its rates from tensors for a while, if its part is recorded.

        The schedule reads and writes numbers. `capturable` is what Adam requires while it is
        recorded and warns of elsewhere; to its fused form it makes no difference.
        """
        groups = self._step.optimizer.param_groups
        kept = [
            {key: group[key] for key in ("lr", "capturable") if key in group} for group in groups
        ]
        if self._whole:
            for group, rate, before in zip(groups, self._rates, kept, strict=True):
                group["lr"] = rate
                if "capturable" in before:
                    group["capturable"] = capturable
        try:
            yield
        finally:
            for group, before in zip(groups, kept, strict=True):
                group.update(before)
