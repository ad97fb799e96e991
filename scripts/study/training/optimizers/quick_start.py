"""Optimizers that start at once."""

import inspect
from typing import Any

import torch


def quick_to_start(optimizer: type[torch.optim.Optimizer]) -> type[torch.optim.Optimizer]:
    """Return the same optimizer class, without the import of torch's compiler before its first use.

    The import takes seconds. What torch wraps around these methods, and is taken off here, is that
    import and support for being compiled.
    """
    methods = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
    bare: dict[str, Any] = {name: inspect.unwrap(getattr(optimizer, name)) for name in methods}
    bare["step"] = torch.no_grad()(inspect.unwrap(optimizer.step))
    return type(optimizer.__name__, (optimizer,), bare)
