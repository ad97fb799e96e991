"""Adam, as torch defines it."""

import torch

from study.training.optimizers.parameters import OfModel
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
class Adam(OfModel, torch.optim.Adam):
    """Torch's, in its fused form."""
