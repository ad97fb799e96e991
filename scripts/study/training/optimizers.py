"""Optimizers by name, all over one list of parameter groups so that one schedule drives them."""

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from study.errors import StudyError


def quick_to_start(optimizer: type[torch.optim.Optimizer]) -> type[torch.optim.Optimizer]:
    """Return the same optimizer, without the import of torch's compiler before its first use, which takes seconds.

    What torch wraps around these methods, and is taken off here, is that import and support for being compiled.
    """
    methods = ("add_param_group", "zero_grad", "state_dict", "load_state_dict")
    bare: dict[str, Any] = {name: inspect.unwrap(getattr(optimizer, name)) for name in methods}
    bare["step"] = torch.no_grad()(inspect.unwrap(optimizer.step))
    return type(optimizer.__name__, (optimizer,), bare)


@quick_to_start
class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised for weight matrices and plain for the rest, both in Nesterov's form.

    The gradient of a convolution or hidden linear layer, with its momentum, is replaced by the nearest matrix with all
    singular values one, so that no direction of the weights is changed more than another. Biases, norms and the classifier
    get stochastic gradient descent with learning rates of their own.

    Source: K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024.

    Args:
        model: whose parameters are trained. Its last parameter of two or more dimensions is the classifier's weight.
        lr: learning rate of the matrices, the length of a step in each direction.
        momentum: of the matrices.
        rescale: bring each matrix to the norm √(output channels) before each step; for networks with a norm after every
            convolution, to which the scale of the weights makes no difference.
        vector_lr: learning rate of biases and norms.
        classifier_lr: learning rate of the classifier's weight.
        other_momentum: of all that is no hidden matrix.
        weight_decay: the share of itself that each weight but the rescaled loses in a step at the peak of the schedule.
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
            # The schedule multiplies the rate, hence the decay: what is lost at the peak does not depend on the rate.
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
    """Return about the nearest matrix with orthonormal rows (or columns): all singular values between 0.7 and 1.2.

    A Newton–Schulz iteration, odd polynomials of the matrix, with coefficients chosen for speed instead of convergence.
    Small singular values need more iterations: three suffice for training, says the source.

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


_TORCH = {
    "adam": quick_to_start(torch.optim.Adam),
    "adamw": quick_to_start(torch.optim.AdamW),
    "sgd": quick_to_start(torch.optim.SGD),
}
OPTIMIZERS = (*_TORCH, "muon")


def make_optimizer(
    model: nn.Module, name: str, lr: float, *, decay_norms_and_biases: bool = True, **options: Any
) -> torch.optim.Optimizer:
    """Return the recipe's optimizer over all trained parameters of `model`, torch's in their fused form.

    Args:
        model: whose parameters are trained.
        name: one of `OPTIMIZERS`.
        lr: learning rate; the peak where there is a schedule.
        decay_norms_and_biases: False spares parameters with fewer than two dimensions from weight decay (not for muon).
        options: the optimizer's own, such as `weight_decay` and `momentum`.

    Raises:
        StudyError: no such optimizer, or it has no such option.
    """
    if name not in OPTIMIZERS:
        raise StudyError(f"unknown optimizer {name!r}; known: {', '.join(OPTIMIZERS)}")
    try:
        if name == "muon":
            return Muon(model, lr=lr, **options)
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        groups: list[dict[str, Any]] = [{"params": trained}]
        if not decay_norms_and_biases:
            groups = [
                {"params": [parameter for parameter in trained if parameter.ndim >= 2]},
                {
                    "params": [parameter for parameter in trained if parameter.ndim < 2],
                    "weight_decay": 0.0,
                },
            ]
        return _TORCH[name](groups, lr=lr, fused=True, **options)
    except TypeError as error:
        raise StudyError(
            f"optimizer {name!r}: {error}; correct 'optimizer' in the recipe"
        ) from error
