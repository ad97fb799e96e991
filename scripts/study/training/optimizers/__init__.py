"""Optimizers by name.

An optimizer is a file of this folder with a `SCHEMA` and one class, which is made from a model and
a learning rate. It is found by the file's name and imported only for recipes that name it;
CONTRIBUTING.md shows how to add one.
"""

from typing import Any

import torch
from torch import nn

from study.config.components import made


def make_optimizer(model: nn.Module, name: str, lr: float, **options: Any) -> torch.optim.Optimizer:
    """Return the recipe's optimizer over all trained parameters of `model`.

    Args:
        model: whose parameters are trained.
        name: a file of this folder.
        lr: learning rate; the peak where there is a schedule.
        options: the optimizer's own, such as `weight_decay` and `momentum`.

    Raises:
        StudyError: no such optimizer, or it takes other options.
    """
    return made("training.optimizers", name, model, lr=lr, **options)
