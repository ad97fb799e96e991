"""Which part of a network is trained, and how fast: all of it, its head, or its last blocks."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from study.errors import StudyError


def blocks(model: nn.Module) -> list[list[nn.Module]]:
    """Return the blocks of a network in the order of its attributes; each is a list of modules.

    A block is an attribute of the network, or a member of one that is a sequence. It has a weight
    of two or more dimensions. Norms and other layers belong to the block before them.
    """
    found: list[list[nn.Module]] = []
    for module in _parts(model):
        if any(parameter.ndim >= 2 for parameter in module.parameters()) or not found:
            found.append([])
        found[-1].append(module)
    return found


def _parts(module: nn.Module) -> Iterator[nn.Module]:
    for child in module.children():
        if isinstance(child, nn.Sequential | nn.ModuleList):
            yield from _parts(child)
        else:
            yield child


def freeze(model: nn.Module, train: str | Mapping[str, int], head: str) -> list[nn.Module]:
    """Make a part of a network keep its weights; return the modules that have none that change.

    These must stay in evaluation mode: their norms keep the statistics they came with, and they
    drop nothing.

    Args:
        model: the network.
        train: "all", "head", or {"last": k} for the head and the last k blocks before it.
        head: name of its last layer.

    Raises:
        StudyError: there are fewer blocks.
    """
    if train == "all":
        return []
    model.requires_grad_(False)
    last = model.get_submodule(head)
    trained = [last]
    if train != "head":
        before = [block for block in blocks(model) if last not in _within(block)]
        count = train["last"]
        if count > len(before):
            raise StudyError(
                f"train: last is {count}, and {type(model).__name__} has {len(before)} blocks "
                f"before its head; write {len(before)} or less, or train: all"
            )
        trained += [module for block in before[-count:] for module in block]
    for module in trained:
        module.requires_grad_(True)
    changing = set(_within(trained))
    return [module for module in model.modules() if not changing & set(module.modules())]


def _within(modules: list[nn.Module]) -> Iterator[nn.Module]:
    for module in modules:
        yield from module.modules()


def speed_up_head(optimizer: torch.optim.Optimizer, head: nn.Module, factor: float) -> None:
    """Multiply the learning rate of a network's head, in groups of its own; keep all other options.

    Args:
        optimizer: that has taken no step yet.
        head: the module.
        factor: of the learning rate.
    """
    own = {id(parameter) for parameter in head.parameters()}
    groups: list[dict[str, Any]] = []
    for group in optimizer.param_groups:
        options = {key: value for key, value in group.items() if key != "params"}
        for is_head, times in ((False, 1), (True, factor)):
            chosen = [p for p in group["params"] if (id(p) in own) == is_head]
            if chosen:
                rate = {"lr": group["lr"] * times, "head_lr": times}
                groups.append({**options, "params": chosen, **rate})
    optimizer.param_groups[:] = groups
