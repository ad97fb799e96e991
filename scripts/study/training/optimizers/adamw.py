"""AdamW, as torch defines it."""

import torch

from study.training.optimizers.parameters import OfModel
from study.training.optimizers.quick_start import quick_to_start

SCHEMA = {
    "description": "Adam with decoupled weight decay, as torch defines it.",
    "properties": {
        "weight_decay": {
            "description": "Decoupled decay. Default: 0.01.",
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
class AdamW(OfModel, torch.optim.AdamW):
    """Torch's, in its fused form."""
