"""Adam, as torch defines it."""

from typing import Any

import torch
from torch import nn

from study.training.optimizers.parameters import parameter_groups
from study.training.optimizers.quick_start import quick_to_start

SCHEMA = {
    "description": "Adam, as torch defines it.",
    "properties": {
        "weight_decay": {
            "description": "L2 penalty. Default: 0.",
            "type": "number",
            "minimum": 0,
        },
        "decay_norms_and_biases": {
            "description": "Whether weight decay applies to norms and biases too. Default: true.",
            "type": "boolean",
        },
    },
}


@quick_to_start
class Adam(torch.optim.Adam):
    """Torch's, in its fused form; `options` are torch's own."""

    def __init__(
        self, model: nn.Module, *, lr: float, decay_norms_and_biases: bool = True, **options: Any
    ):
        groups = parameter_groups(model, decay_norms_and_biases=decay_norms_and_biases)
        super().__init__(groups, lr=lr, fused=True, **options)
