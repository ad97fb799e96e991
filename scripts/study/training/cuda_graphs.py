"""Training steps as a CUDA graph: recorded once, then launched as one.

A step of a small network launches hundreds of kernels, and that takes longer than the kernels do.

Source: "CUDA semantics: CUDA Graphs" in PyTorch's documentation.
"""

import copy
import math
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor

from study.devices import full_memory
from study.errors import one_line
from study.training.step import TrainingStep

# Steps before a recording. PyTorch's documentation asks for some, in which libraries choose and set
# up their kernels.
WARM_UP = 3
# The variable of a job that takes its steps one by one, whatever the recipe says; its value is "0".
VARIABLE = "STUDY_CUDA_GRAPH"
# Relative difference between a batch's loss by the first replay and by the same step taken eagerly.
_TOLERANCE = 0.02
# What torch says where kernels or libraries of a GPU fail, NVIDIA's and AMD's.
_OF_THE_GPU = re.compile(r"\b(CUDA|cuDNN|HIP|MIOpen)( driver)? error", re.IGNORECASE)


class GraphFailed(RuntimeError):
    """Recording or replaying failed; the state of the training and of the GPU is unknown."""


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
        """See `Recorder`."""
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self.generator)
        with torch.cuda.graph(graph, stream=self.stream):
            result = work()
        return graph.replay, result


@contextmanager
def _failing(what: str) -> Iterator[None]:
    """Turn errors within into `GraphFailed`, except a lack of memory without a graph too."""
    try:
        yield
    except RuntimeError as error:
        if what == "warming up" and full_memory(error):
            raise
        raise GraphFailed(f"{what} the CUDA graph failed ({one_line(error)})") from error


class GraphedStep:
    """Replays a recorded CUDA graph for full batches; runs shorter batches eagerly.

    A recording repeats the kernels that were launched, with the same numbers and on the same
    memory. So all that changes from step to step lies in tensors that the kernels read: positions,
    the epoch and the learning rates.

    Every call is one step of training: also the first ones, after which the step is recorded, and
    the short batch at an epoch's end. These too read the rates from tensors, so that a training
    ends the same wherever it was interrupted and resumed.

    The first replay is compared with the same step taken eagerly from the same state. If the loss
    is another one, the training goes on from that state, one by one.

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
        device = step.device
        self._positions = torch.zeros(batch_size, dtype=torch.int64, device=device)
        self._epoch = torch.zeros((), dtype=torch.int64, device=device)
        self._rates = [torch.zeros((), device=device) for _ in groups]
        self._tried = False
        self._obstacle: str | None = None
        self._warm_ups = 0
        self._replay: Callable[[], None] | None = None
        self._totals: Tensor | None = None
        self._gradients: list[tuple[Tensor, Tensor | None]] = []

    @property
    def recorded(self) -> bool:
        """Whether steps are launched as a recording by now."""
        return self._replay is not None

    def may_cause(self, error: RuntimeError) -> bool:
        """Tell whether an error of the training, raised here or elsewhere, may be the graph's.

        Kernels run after they are launched, so what waits for them later raises their errors. A
        recording, and the copies that check it, take memory that all else may then lack.
        """
        if isinstance(error, GraphFailed):
            return True
        if full_memory(error) == "GPU":
            return self._tried
        return _OF_THE_GPU.search(str(error)) is not None

    def __call__(self, positions: Tensor, epoch: int) -> Tensor:
        """Take one step; for arguments and result see `TrainingStep.__call__`.

        The result is valid until the next step.

        Raises:
            GraphFailed: the work could not be recorded or replayed.
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
            return self._first_replay(positions, epoch)
        return self._replayed()

    def _first_replay(self, positions: Tensor, epoch: int) -> Tensor:
        self._tried = True
        before = copy.deepcopy(self._step.state_dict())
        expected = self._eager(positions, epoch).clone()
        self._step.load_state_dict(copy.deepcopy(before))
        with _failing("recording"):
            self._record()
        totals = self._replayed()
        losses = [float(expected[0]), float(totals[0])]
        if math.isclose(*losses, rel_tol=_TOLERANCE) or not any(map(math.isfinite, losses)):
            return totals
        self._replay = None
        self._give_up(
            f"the recorded step has the loss {losses[1] / len(positions):.4g}, and the same step "
            f"taken by itself {losses[0] / len(positions):.4g}"
        )
        self._step.load_state_dict(before)
        return self._eager(positions, epoch)

    def _replayed(self) -> Tensor:
        with _failing("replaying"):
            self._replay()
        if not self._whole:
            for parameter, gradient in self._gradients:
                parameter.grad = gradient  # a short batch has put its own there
            self._step.update()
        return self._totals

    def _give_up(self, obstacle: str) -> None:
        self._obstacle = obstacle
        print(
            f"note: {obstacle}, so it is not recorded as a CUDA graph, which would be faster; "
            "'cuda_graph: false' in the recipe silences this",
            file=sys.stderr,
        )

    def _eager(self, positions: Tensor, epoch: int) -> Tensor:
        totals = self._step.learn(positions, epoch)
        with self._rates_in_tensors():
            self._step.update()
        return totals

    def _warm_up(self, positions: Tensor, epoch: int) -> Tensor:
        self._warm_ups += 1
        with _failing("warming up"):
            totals, obstacle = self._recorder.warm_up(lambda: self._eager(positions, epoch))
        # What sets the kernels up may wait: it is not recorded.
        if obstacle and self._warm_ups == WARM_UP:
            self._give_up(f"a training step waits for the GPU ({obstacle})")
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
