"""No training step waits for its GPU: shown without one, on tensors that have a device and a shape but no content."""

import pytest
import torch
from conftest import ROOT
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

import study.training.trainer
from study.config.components import components
from study.files import read_yaml
from study.models.build import build_model
from study.training.ema import MovingAverage
from study.training.trainer import ImageSet, Trainer

RECIPES = sorted((ROOT / "config" / "models").glob("*.yaml"))
CUDA = torch.device("cuda", 0)
# With every transform that there is, and what a step may have besides.
EVERYTHING = {
    "augment": [
        {"name": "horizontal_flip"},
        {"name": "alternating_flip"},
        {"name": "random_crop", "padding": 4},
        {"name": "random_crop", "padding": 2, "mode": "constant", "fill": [125, 123, 114]},
        {"name": "coarse_dropout", "size": 8, "fill": [125, 123, 114]},
        {"name": "cutout", "size": 8},
        {"name": "shift_scale_rotate", "shift": 0.1, "scale": 0.1, "rotate": 15},
        {
            "name": "colour_jitter",
            "brightness": 0.2,
            "contrast": 0.2,
            "saturation": 0.2,
            "hue": 0.1,
        },
        {"name": "to_grey"},
        {"name": "mixup", "alpha": 0.2},
    ],
    "clip_norm": 1.0,
    "label_smoothing": 0.1,
}


class NothingFromTheHost(TorchDispatchMode):
    """Raises where content is copied between devices, which waits for all work that the GPU has."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if func in (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default):
            source = args[1] if func is torch.ops.aten.copy_.default else args[0]
            assert source.device.type == out.device.type, (
                f"{func} from {source.device} to {out.device}"
            )
        return out


def backward(loss, *_):
    """Stand in for torch's engine, which wants a real device: its gradients are there, and have no content either."""
    for parameter in backward.model.parameters():
        if parameter.requires_grad:
            parameter.grad = torch.empty_like(parameter)


def take_steps(recipe, monkeypatch, change=lambda trainer: None):
    """Take two training steps on a GPU that is not there."""
    monkeypatch.setattr(study.training.trainer, "weights_digest", lambda model, after="": "")
    monkeypatch.setattr(torch.Tensor, "backward", backward)
    monkeypatch.setattr(
        torch, "_sample_dirichlet", lambda concentration, generator: torch.empty_like(concentration)
    )
    with FakeTensorMode(allow_non_fake_inputs=True), torch.device(CUDA):
        images = ImageSet(
            torch.empty(64, 32, 32, 3, dtype=torch.uint8), torch.zeros(64, dtype=torch.int64)
        )
        model = build_model(**recipe["architecture"])
        model.fit_to_data = lambda images: (
            None
        )  # before the steps, and with linear algebra that looks at content
        backward.model = model
        trainer = Trainer(
            model,
            recipe | {"precision": "bf16", "batch_size": 32},
            images,
            ImageSet(images.images[:0], images.labels[:0]),
            order=torch.Generator("cpu"),
            augmentation=None,  # torch's own: another one wants a real device
        )
        for group in trainer.optimizer.param_groups:
            if isinstance(
                trainer.optimizer, torch.optim.SGD
            ):  # whose fused form torch cannot trace without content
                group |= {"fused": False, "foreach": True}
        trainer.average = MovingAverage(torch.nn.Module(), 0.9)
        trainer.average.module = build_model(
            **recipe["architecture"]
        )  # what has no content cannot be copied
        change(trainer)
        trainer.model.train()
        with NothingFromTheHost():
            for epoch in (torch.ones((), dtype=torch.int64), 1):
                totals = trainer.step(torch.arange(32), epoch)
    assert totals.device == CUDA and totals.shape == (2,)


@pytest.mark.filterwarnings("ignore:User provided device_type of 'cuda'")
@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_no_step_of_a_recipe_waits_for_the_gpu(path, monkeypatch):
    take_steps(read_yaml(path), monkeypatch)


@pytest.mark.filterwarnings("ignore:User provided device_type of 'cuda'")
@pytest.mark.parametrize(
    "augment", [EVERYTHING["augment"], [{"name": "cutmix", "alpha": 1.0}]], ids=["all", "cutmix"]
)
@pytest.mark.parametrize(
    "optimizer", [{"name": "adamw", "lr": 0.01}, {"name": "muon", "lr": 0.01, "rescale": True}]
)
def test_nothing_that_a_recipe_can_ask_for_waits_for_the_gpu(optimizer, augment, monkeypatch):
    tried = {step["name"] for step in EVERYTHING["augment"]} | {"cutmix"}
    assert tried == components("training.augment").keys()
    recipe = read_yaml(RECIPES[0]) | EVERYTHING | {"augment": augment, "optimizer": optimizer}
    take_steps(recipe, monkeypatch)


@pytest.mark.filterwarnings("ignore:User provided device_type of 'cuda'")
@pytest.mark.parametrize(
    ("wait", "error"),
    [
        (lambda images: float(images.sum()), DataDependentOutputException),
        (lambda images: torch.tensor([1.0, 2.0], device=images.device), AssertionError),
    ],
    ids=["a value read", "a list copied"],
)
def test_a_step_that_waits_is_found_out(wait, error, monkeypatch):
    def waits(trainer):
        trainer.transforms.append(lambda images, draw: (wait(images), images)[1])

    with pytest.raises(error):
        take_steps(read_yaml(RECIPES[0]), monkeypatch, waits)
