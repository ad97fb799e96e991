"""A stand-in for CUDA graphs on a CPU: records torch's operations and repeats them in place.

As with a graph, numbers are those of the recording, code in between is not run again, and
randomness goes on. Unlike a graph, recording computes: the first replay has then been done already.
"""

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten


class Tape(TorchDispatchMode):
    """Writes down every operation while it is entered."""

    def __init__(self):
        super().__init__()
        self.operations = []
        self.fresh = True

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        self.operations.append((func, args, kwargs, out))
        return out

    @torch.no_grad()
    def replay(self):
        """Do it all again."""
        if self.fresh:
            self.fresh = False
            return
        for func, args, kwargs, out in self.operations:
            for old, new in zip(
                tree_flatten(out)[0], tree_flatten(func(*args, **kwargs))[0], strict=True
            ):
                if (
                    isinstance(old, torch.Tensor)
                    and old.untyped_storage().data_ptr() != new.untyped_storage().data_ptr()
                ):
                    old.copy_(new)


class TapeRecorder:
    """Records on the CPU; `obstacle` is what warming up finds."""

    def __init__(self, obstacle=None):
        self.obstacle = obstacle
        self.warm_ups = self.recordings = 0

    def warm_up(self, work):
        self.warm_ups += 1
        return work(), self.obstacle

    def record(self, work):
        self.recordings += 1
        with Tape() as tape:
            result = work()
        return tape.replay, result
