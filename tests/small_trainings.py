"""Trainings of seconds, of 120 images that a few steps learn."""

import time
from pathlib import Path

import numpy as np
import torch

from study.files import atomic_path, write_text
from study.models.build import build_model
from study.training.checkpoints import load_checkpoint, save_checkpoint
from study.training.epoch import Epoch
from study.training.image_set import ImageSet
from study.training.trainer import Trainer

FULL_RECIPE = {
    "augment": [
        {"name": "random_crop", "padding": 2},
        {"name": "alternating_flip"},
        {"name": "cutout", "size": 6},
    ],
    "schedule": {"name": "one_cycle"},
    "ema": 0.8,
    "keep": "best",
    "epochs": 4,
    "batch_size": 16,
}
_SMALL = {
    "cnn2": {"filters": 8},
    "cnn3": {"widths": [8, 8, 16], "hidden": 16},
    "fastnet": {"widths": [8, 16, 16]},
}
EVERY_AUGMENTATION = [
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
    {"name": "random_resized_crop"},
    {"name": "vertical_flip"},
    {"name": "quarter_turn"},
    {"name": "trivial_augment", "fill": [125, 123, 114]},
    {"name": "random_erasing", "fill": [125, 123, 114]},
    {"name": "mixup", "alpha": 0.2},
]


def flags(**values: object) -> list[object]:
    """Return a command line's flags: `run=path` becomes --run path, a list several words."""
    words: list[object] = []
    for name, value in values.items():
        words += [f"--{name.replace('_', '-')}", *(value if isinstance(value, list) else [value])]
    return words


def make_image_set() -> ImageSet:
    random = np.random.default_rng(0)
    labels = np.arange(120) % 3
    images = np.clip(
        labels[:, None, None, None] * 80 + random.integers(0, 40, (120, 32, 32, 3)), 0, 255
    )
    return ImageSet(torch.from_numpy(images.astype(np.uint8)), torch.from_numpy(labels))


def trainer(
    image_set, *, val=None, test=None, order=0, architecture="cnn2", device="cpu", **recipe
) -> Trainer:
    """Return a trainer with a small model and these keys of the recipe."""
    torch.manual_seed(0)
    model = build_model(architecture, num_classes=3, **_SMALL.get(architecture, {}))
    torch.manual_seed(1)
    defaults = {
        "augment": [],
        "normalize": {"mean": [0.5] * 3, "std": [0.5] * 3},
        "batch_size": 32,
        "epochs": 3,
        "optimizer": {"name": "adam", "lr": 0.01},
        "schedule": {"name": "constant"},
    }
    return Trainer(
        model.to(device),
        defaults | recipe,
        image_set,
        image_set if val is None else val,
        test,
        order=torch.Generator().manual_seed(order),
        augmentation=torch.Generator(device).manual_seed(order + 1),
    )


def facts(epoch: Epoch) -> tuple:
    """Return what must not depend on when a training was stopped: all but the times."""
    return (
        epoch.epoch,
        epoch.learning_rate,
        epoch.train_loss,
        epoch.train_accuracy,
        epoch.val_loss,
        epoch.val_accuracy,
        epoch.chain,
    )


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    """Tell whether two state dictionaries are equal to the bit."""
    return all(torch.equal(first[key], second[key]) for key in first)


def weights(trained: Trainer) -> dict[str, torch.Tensor]:
    return trained.evaluated.state_dict()


def train_as_a_job(folder: Path) -> None:
    """Train in a separate process, from the checkpoint if there is one, and write the result."""
    torch.set_num_threads(1)
    learner = trainer(make_image_set(), **FULL_RECIPE | {"epochs": 12})
    state = load_checkpoint(folder / "c.pt", "key", torch.device("cpu"))
    if state is not None:
        learner.load_state_dict(state)
    write_text(folder / "started", str(len(learner.history)))
    clock = time.perf_counter()
    learner.run(save=lambda state: save_checkpoint(folder / "c.pt", "key", state), save_every=0.005)
    seconds = time.perf_counter() - clock
    with atomic_path(folder / "result.pt") as temporary:  # the kill may come now
        torch.save(
            [weights(learner), [facts(epoch) for epoch in learner.history], seconds], temporary
        )
