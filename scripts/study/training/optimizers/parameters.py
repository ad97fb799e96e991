"""Which parameters of a model an optimizer changes, and which of them decay."""

from typing import Any

from torch import nn


class OfModel:
    """Comes before one of torch's optimizers, so that it is made of a model, in its fused form.

    Args:
        model: whose parameters are trained.
        lr: learning rate.
        decay_norms_and_biases: see `parameter_groups`.
        options: torch's own.
    """

    def __init__(
        self, model: nn.Module, *, lr: float, decay_norms_and_biases: bool = True, **options: Any
    ):
        groups = parameter_groups(model, decay_norms_and_biases=decay_norms_and_biases)
        super().__init__(groups, lr=lr, fused=True, **options)


def parameter_groups(
    model: nn.Module, *, decay_norms_and_biases: bool = True
) -> list[dict[str, Any]]:
    """Return all trained parameters of a model as groups for one of torch's optimizers.

    Args:
        model: whose parameters are trained.
        decay_norms_and_biases: False puts parameters with fewer than two dimensions into a second
            group without weight decay.
    """
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if decay_norms_and_biases:
        return [{"params": trained}]
    return [
        {"params": [parameter for parameter in trained if parameter.ndim >= 2]},
        {
            "params": [parameter for parameter in trained if parameter.ndim < 2],
            "weight_decay": 0.0,
        },
    ]
