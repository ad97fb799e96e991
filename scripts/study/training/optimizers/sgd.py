"""Stochastic gradient descent, as torch defines it."""

import torch

from study.training.optimizers.parameters import OfModel
from study.training.optimizers.quick_start import quick_to_start

SCHEMA = {
    "description": "Stochastic gradient descent, as torch defines it.",
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
        "momentum": {
            "description": "Momentum. Default: 0.",
            "type": "number",
            "minimum": 0,
            "exclusiveMaximum": 1,
        },
        "nesterov": {
            "description": "Nesterov's form of momentum. Default: false.",
            "type": "boolean",
        },
    },
}


@quick_to_start
class SGD(OfModel, torch.optim.SGD):
    """Torch's, in its fused form."""
