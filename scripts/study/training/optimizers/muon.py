"""Muon: orthogonalised momentum."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from study.training.optimizers.quick_start import quick_to_start

SCHEMA = {
    "description": "Orthogonalised momentum for convolutions and hidden linear layers, whose"
    " learning rate is `lr`; stochastic gradient descent for the rest; both in Nesterov's form.",
    "properties": {
        "weight_decay": {
            "description": "Share of itself that each weight loses in a step at the peak of the"
            " schedule. Default: 0.",
            "type": "number",
            "minimum": 0,
        },
        "momentum": {
            "description": "Momentum of the convolutions and hidden linear layers. Default: 0.95.",
            "type": "number",
            "minimum": 0,
            "exclusiveMaximum": 1,
        },
        "rescale": {
            "description": "Bring each convolution to the norm √(output channels) before each"
            " step, for networks with a norm after every convolution. Default: false.",
            "type": "boolean",
        },
        "vector_lr": {
            "description": "Learning rate of biases and norms. Default: 0.1.",
            "type": "number",
            "exclusiveMinimum": 0,
        },
        "classifier_lr": {
            "description": "Learning rate of the last layer's weight. Default: 0.1.",
            "type": "number",
            "exclusiveMinimum": 0,
        },
        "other_momentum": {
            "description": "Momentum of biases, norms and the last layer. Default: 0.9.",
            "type": "number",
            "minimum": 0,
            "exclusiveMaximum": 1,
        },
    },
}


@quick_to_start
class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised for weight matrices and plain for the rest, both in Nesterov's form.

    The gradient of a convolution or hidden linear layer, with its momentum, is replaced by the
    nearest matrix with all singular values one. So no direction of the weights is changed more than
    another. Biases, norms and the classifier get stochastic gradient descent with other rates.

    Source: K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024.

    Args:
        model: whose parameters are trained. Its last parameter of two or more dimensions is the
            classifier's weight.
        lr: learning rate of the matrices, the length of a step in each direction.
        momentum: of the matrices.
        rescale: bring each matrix to the norm √(output channels) before each step. It is for
            networks with a norm after every convolution: the scale of their weights has no effect.
        vector_lr: learning rate of biases and norms.
        classifier_lr: learning rate of the classifier's weight.
        other_momentum: of all that is no hidden matrix.
        weight_decay: the share of itself that each weight loses in a step at the peak of the
            schedule; rescaled weights lose none.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        lr: float,
        momentum: float = 0.95,
        rescale: bool = False,
        vector_lr: float = 0.1,
        classifier_lr: float = 0.1,
        other_momentum: float = 0.9,
        weight_decay: float = 0.0,
    ):
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        *hidden, classifier = (parameter for parameter in trained if parameter.ndim >= 2)
        vectors = [parameter for parameter in trained if parameter.ndim < 2]
        plain = {"orthogonal": False, "rescale": False, "momentum": other_momentum}
        super().__init__(
            [
                {
                    "params": hidden,
                    "orthogonal": True,
                    "lr": lr,
                    "momentum": momentum,
                    "rescale": rescale,
                },
                {"params": vectors, "lr": vector_lr, **plain},
                {"params": [classifier], "lr": classifier_lr, **plain},
            ],
            {"weight_decay": weight_decay, "momentum": momentum},
        )
        for group in self.param_groups:
            # The schedule multiplies the rate, hence the decay: what is lost at the peak does not
            # depend on the rate.
            group["weight_decay"] = 0.0 if group["rescale"] else weight_decay / group["lr"]

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:
        """Change every weight once by its gradient."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if not state:
                    state["momentum"] = torch.zeros_like(weight)
                state["momentum"].mul_(group["momentum"]).add_(weight.grad)
                update = weight.grad.add(state["momentum"], alpha=group["momentum"])
                if group["orthogonal"]:
                    update = orthogonalize(update.flatten(1)).view_as(weight)
                if group["rescale"]:
                    weight.mul_(len(weight) ** 0.5 / weight.norm())
                else:
                    weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.sub_(update * group["lr"])  # which may be a tensor, unlike `alpha`


def orthogonalize(matrix: Tensor, iterations: int = 3) -> Tensor:
    """Return about the nearest matrix with orthonormal rows (or columns).

    All singular values come to lie between 0.7 and 1.2. A Newton–Schulz iteration, odd polynomials
    of the matrix, with coefficients chosen for speed instead of convergence. Small singular values
    need more iterations: three suffice for training, says the source.

    Source: K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    # bfloat16 is as good here and much faster, but only on GPUs.
    x = matrix.bfloat16() if matrix.is_cuda else matrix
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / (x.norm() + 1e-7)
    for _ in range(iterations):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return (x.T if tall else x).to(matrix.dtype)
