"""Optimizers: what their steps are, and what is refused."""

import subprocess
import sys

import pytest
import torch

from study.errors import StudyError
from study.models.build import build_model
from study.training.optimizers import make_optimizer, orthogonalize


def test_unknown_architectures_options_and_optimizers_are_refused():
    with pytest.raises(
        StudyError, match=r"unknown architecture 'resnet99'; did you mean 'resnet9'.* known: cnn2"
    ):
        build_model("resnet99")
    with pytest.raises(StudyError, match="has no option 'depth'; it has: filters"):
        build_model("cnn2", depth=3)
    with pytest.raises(StudyError, match="unknown optimizer 'lion'"):
        make_optimizer(build_model("cnn2"), "lion", 0.1)
    with pytest.raises(StudyError, match="momentum"):
        make_optimizer(build_model("cnn2"), "adam", 0.1, momentum=0.9)


def test_orthogonalised_matrices_have_singular_values_near_one():
    generator = torch.Generator().manual_seed(0)
    for shape in ((16, 72), (72, 16), (20, 20)):
        values = torch.linalg.svdvals(
            orthogonalize(torch.randn(shape, generator=generator), iterations=6)
        )
        assert values.min() > 0.5 and values.max() < 1.3


def test_muon_steps_are_of_its_rates_and_rescaled():
    model = build_model("fastnet", widths=[8, 16, 16])
    muon = make_optimizer(
        model,
        "muon",
        0.1,
        rescale=True,
        vector_lr=0.2,
        classifier_lr=0.3,
        weight_decay=0.01,
        momentum=0.5,
    )
    hidden, vectors, classifier = muon.param_groups
    assert all(weight.ndim == 4 for weight in hidden["params"]) and len(hidden["params"]) == 6
    assert classifier["params"] == [model.classifier.weight] and classifier["lr"] == 0.3
    assert all(weight.ndim == 1 for weight in vectors["params"])
    before = model.classifier.weight.detach().clone()
    model(torch.randn(4, 3, 32, 32)).square().sum().backward()
    gradient = model.classifier.weight.grad.clone()
    muon.step()
    for weight in hidden["params"]:
        # The norm was √n; the step is at most the rate (times 1.2) long in each of n directions.
        assert weight.norm().item() == pytest.approx(len(weight) ** 0.5, rel=0.13)
    # Nesterov's first step is 1 + momentum times the gradient; the decay is of the weight before.
    torch.testing.assert_close(model.classifier.weight, before * 0.99 - 0.3 * 1.9 * gradient)


def test_norms_and_biases_can_be_spared_weight_decay():
    model = build_model("resnet9")
    spared = make_optimizer(model, "sgd", 0.1, weight_decay=0.5, decay_norms_and_biases=False)
    decayed, free = spared.param_groups
    assert decayed["weight_decay"] == 0.5 and all(p.ndim >= 2 for p in decayed["params"])
    assert free["weight_decay"] == 0 and all(p.ndim < 2 for p in free["params"])
    assert sum(len(group["params"]) for group in spared.param_groups) == len(
        list(model.parameters())
    )


def test_training_starts_without_importing_torchs_compiler():
    """It takes seconds, at the start of every run."""
    program = (
        "import sys, torch\n"
        "from study.training.optimizers import make_optimizer\n"
        "for name in ('adam', 'adamw', 'sgd', 'muon'):\n"
        "    model = torch.nn.Linear(2, 2); model(torch.ones(1, 2)).sum().backward()\n"
        "    optimizer = make_optimizer(model, name, 0.1)\n"
        "    optimizer.step(); optimizer.zero_grad()\n"
        "    optimizer.load_state_dict(optimizer.state_dict())\n"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
