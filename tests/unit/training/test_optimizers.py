"""Optimizers: steps by their formula, groups of parameters, and what is refused."""

import importlib
import inspect

import pytest
import torch
from conftest import run_python

from study.config.components import components
from study.errors import StudyError
from study.models.build import build_model
from study.training.optimizers import make_optimizer
from study.training.optimizers.muon import orthogonalize
from study.training.schedules import make_schedule, schedule_values


def test_unknown_optimizers_are_refused():
    with pytest.raises(StudyError, match="unknown optimizer 'no_such'; known: adam, adamw"):
        make_optimizer(build_model("cnn2"), "no_such", 0.1)
    with pytest.raises(StudyError, match="unknown optimizer 'parameters'"):
        make_optimizer(build_model("cnn2"), "parameters", 0.1)


@pytest.mark.parametrize(("name", "known"), components("training.optimizers").items())
def test_an_optimizer_takes_the_options_of_its_schema(name, known):
    optimizer = getattr(importlib.import_module(known.module), known.class_name)
    options = {
        option: parameter.default
        for kind in reversed(optimizer.__mro__)  # a class before those that it is made from
        for option, parameter in inspect.signature(kind.__init__).parameters.items()
    }
    assert known.properties.keys() <= options.keys() and not known.required
    defaults = {option: options[option] for option in known.properties}
    model = build_model("cnn2")
    chosen, unsaid = make_optimizer(model, name, 0.1, **defaults), make_optimizer(model, name, 0.1)
    assert chosen.defaults == unsaid.defaults


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
        # The norm was √n before a step of length at most the rate (times 1.2) in each of the n
        # directions.
        assert weight.norm().item() == pytest.approx(len(weight) ** 0.5, rel=0.13)
    # Nesterov's first step is 1 + momentum times the gradient; the decay is of the weight before.
    torch.testing.assert_close(model.classifier.weight, before * 0.99 - 0.3 * 1.9 * gradient)


def test_training_starts_without_importing_torchs_compiler():
    """It takes seconds, at the start of every run."""
    program = (
        "import sys, torch\n"
        "from study.training.optimizers import make_optimizer\n"
        "for name in sys.argv[1:]:\n"
        "    model = torch.nn.Linear(2, 2); model(torch.ones(1, 2)).sum().backward()\n"
        "    optimizer = make_optimizer(model, name, 0.1)\n"
        "    optimizer.step(); optimizer.zero_grad()\n"
        "    optimizer.load_state_dict(optimizer.state_dict())\n"
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    run_python(program, *components("training.optimizers"))


def test_an_optimizer_without_momentum_can_be_described():
    optimizer = torch.optim.Adagrad([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    schedule = make_schedule(optimizer, name="constant", steps_per_epoch=2, epochs=1)
    assert schedule_values(optimizer, schedule, 2).tolist() == [[0.5, 0.0]] * 2


def test_norms_and_biases_can_be_spared_weight_decay():
    model = build_model("resnet9")
    spared = make_optimizer(model, "sgd", 0.1, weight_decay=0.5, decay_norms_and_biases=False)
    decayed, free = spared.param_groups
    assert decayed["weight_decay"] == 0.5 and all(p.ndim >= 2 for p in decayed["params"])
    assert free["weight_decay"] == 0 and all(p.ndim < 2 for p in free["params"])
    assert sum(len(group["params"]) for group in spared.param_groups) == len(
        list(model.parameters())
    )
