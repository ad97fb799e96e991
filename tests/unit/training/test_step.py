"""One training step: its loss, and that it never waits for the GPU.

Without a GPU, PyTorch's fake tensors stand in for one.
"""

import math

import pytest
import torch
from conftest import ROOT
from small_trainings import EVERY_AUGMENTATION, make_image_set, trainer
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

import study.training.trainer
from study.config.components import components
from study.files import read_yaml
from study.models.build import build_model
from study.models.fastnet import FastNet
from study.training.ema import MovingAverage
from study.training.image_set import ImageSet
from study.training.trainer import Trainer, new_trainer


@pytest.fixture(scope="module")
def image_set():
    return make_image_set()


def test_mixed_targets_weigh_both_labels(image_set):
    learner = trainer(image_set, augment=[{"name": "mixup", "alpha": 1.0}], epochs=1)
    logits, labels, own = torch.randn(6, 3), torch.tensor([0, 1, 2, 0, 1, 2]), torch.rand(6)
    target = torch.zeros(6, 3)
    for i in range(6):
        target[i, labels[i]] += own[i]
        target[i, labels[i - 1]] += 1 - own[i]
    expected = torch.nn.functional.cross_entropy(logits, target)
    torch.testing.assert_close(learner.step.loss(logits, labels, own), expected)
    assert math.isfinite(learner.run()[0].train_loss)


def test_label_smoothing_and_clipping_do_what_they_say(image_set):
    smooth = trainer(image_set, label_smoothing=0.3, epochs=1)
    assert smooth.run()[0].train_loss != trainer(image_set, epochs=1).run()[0].train_loss
    rate, limit = 1.0, 1e-3
    clipped = trainer(
        image_set,
        optimizer={"name": "sgd", "lr": rate},
        clip_norm=limit,
        epochs=1,
        batch_size=len(image_set),
    )
    before = torch.cat([p.detach().flatten().clone() for p in clipped.model.parameters()])
    clipped.run()
    after = torch.cat([p.detach().flatten() for p in clipped.model.parameters()])
    assert (after - before).norm().item() == pytest.approx(rate * limit, rel=1e-3)


@pytest.mark.parametrize(("side", "fitted"), [(32, 6000), (64, 1500)])
def test_a_network_is_fitted_to_fewer_images_where_they_are_large(side, fitted, monkeypatch):
    given = []
    monkeypatch.setattr(FastNet, "fit_to_data", lambda self, images: given.append(len(images)))
    images = torch.zeros(1, side, side, 3, dtype=torch.uint8).expand(6000, -1, -1, -1)
    trainer(ImageSet(images, torch.zeros(6000, dtype=torch.int64)), architecture="fastnet")
    assert given == [fitted]


@pytest.mark.parametrize(("side", "seen", "fitted"), [(32, 64, 1500), (64, 32, 6000)])
def test_a_network_is_fitted_to_images_scaled_as_it_sees_them(side, seen, fitted, monkeypatch):
    given, whitened = [], []
    monkeypatch.setattr(FastNet, "fit_to_data", lambda self, images: given.append(images))
    random = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (6000, side, side, 3), dtype=torch.uint8, generator=random)
    image_set = ImageSet(images, torch.zeros(6000, dtype=torch.int64))
    recipe = {
        "architecture": {"name": "fastnet", "widths": [8, 16, 16]},
        "augment": [],
        "batch_size": 32,
        "epochs": 1,
        "input_size": seen,
        "normalize": {"mean": [0.5] * 3, "std": [0.25] * 3},
        "optimizer": {"name": "adam", "lr": 0.01},
        "schedule": {"name": "constant"},
    }
    learner = new_trainer(recipe, 1, 3, image_set, image_set.empty())
    assert given[0].shape == (fitted, 3, seen, seen)
    learner.model.whitening.register_forward_pre_hook(lambda _, inputs: whitened.append(inputs[0]))
    learner.model(learner.step.normalize(images[:: 6000 // fitted][-9:]))
    torch.testing.assert_close(given[0][-9:], whitened[0])


def test_whitened_training_patches_are_uncorrelated(image_set):
    learner = trainer(image_set, architecture="fastnet")
    images = learner.step.normalize(image_set.images)
    half = learner.model.whitening(images)[:, :12].permute(0, 2, 3, 1).flatten(0, 2)
    strong = half.var(dim=0) > 0.5  # directions with less variance than the floor stay weaker
    covariance = torch.cov(half[:, strong].T)
    assert strong.sum() >= 4
    torch.testing.assert_close(covariance, torch.eye(len(covariance)), atol=0.1, rtol=0)
    assert learner.model.whitening.weight.requires_grad is False
    assert learner.run()[-1].train_loss < learner.history[0].train_loss


# Of networks that are trained; a probe is fitted.
RECIPES = [
    path
    for path in sorted((ROOT / "config" / "models").glob("*.yaml"))
    if "optimizer" in read_yaml(path)
]


CUDA = torch.device("cuda", 0)


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
    """Stand in for torch's engine, which needs a real device: give gradients without content."""
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
            images.empty(),
            order=torch.Generator("cpu"),
            augmentation=None,  # torch's own: another one wants a real device
        )
        for group in trainer.step.optimizer.param_groups:
            if isinstance(
                trainer.step.optimizer, torch.optim.SGD
            ):  # whose fused form torch cannot trace without content
                group |= {"fused": False, "foreach": True}
        trainer.step.average = MovingAverage(torch.nn.Module(), 0.9)
        trainer.step.average.module = build_model(
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
    recipe = read_yaml(path)
    recipe["architecture"].pop("weights", None)
    if isinstance(recipe["normalize"], str):
        recipe["normalize"] = {"mean": [0.5] * 3, "std": [0.5] * 3}
    take_steps(recipe, monkeypatch)


@pytest.mark.filterwarnings("ignore:User provided device_type of 'cuda'")
@pytest.mark.parametrize(
    "augment", [EVERY_AUGMENTATION, [{"name": "cutmix", "alpha": 1.0}]], ids=["all", "cutmix"]
)
@pytest.mark.parametrize(
    "optimizer", [{"name": "adamw", "lr": 0.01}, {"name": "muon", "lr": 0.01, "rescale": True}]
)
def test_nothing_that_a_recipe_can_ask_for_waits_for_the_gpu(optimizer, augment, monkeypatch):
    tried = {step["name"] for step in EVERY_AUGMENTATION} | {"cutmix"}
    assert tried == components("training.augment").keys()
    asked = {"clip_norm": 1.0, "label_smoothing": 0.1, "augment": augment, "optimizer": optimizer}
    take_steps(read_yaml(RECIPES[0]) | asked, monkeypatch)


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
        trainer.step.transforms.append(lambda images, draw: (wait(images), images)[1])

    with pytest.raises(error):
        take_steps(read_yaml(RECIPES[0]), monkeypatch, waits)
