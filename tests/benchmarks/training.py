#!/usr/bin/env python
"""Measure a training epoch as the five authors run it and as this project does, in turns.

It runs on one CPU thread or an NVIDIA GPU. Sides:

- `authors`: a torchvision-like data set of PIL images, torchvision's transforms and a DataLoader,
  float32, channels first, the loss read every step;
- `authors, 2 workers`: the same with two worker processes;
- `ours`: the Trainer;
- `ours, no graph`, on a GPU only: the Trainer without a CUDA graph of its steps.

All have the same device, images, model, batch size and optimizer. Each side is timed once a round,
and the medians are compared. All have the memory settings that the workflow gives its jobs.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms as T

from study.devices import device_name, take_device, wants_gpu
from study.files import read_yaml, write_csv
from study.job import KEEP_MEMORY
from study.models.build import build_model
from study.training.image_set import ImageSet
from study.training.trainer import Trainer

_MODELS = Path(__file__).resolve().parents[2] / "config" / "models"
_IMAGES = {"cnn2": 2048, "cnn3": 2048, "resnet18": 384, "dilated_separable": 1024, "resnet9": 512}
_GPU_TIMES = 16  # as many images on a GPU
_HALF = T.Normalize((0.5,) * 3, (0.5,) * 3)
# What is timed, and its column.
_SIDES = {
    "authors": "authors_images_per_s",
    "authors, 2 workers": "authors_2_workers_images_per_s",
    "ours": "ours_images_per_s",
    "ours, no graph": "ours_without_graph_images_per_s",
}


def _crop_flip_erase(padding: int, p: float) -> list[Any]:
    return [
        T.Pad(padding, padding_mode="reflect"),
        T.RandomCrop(32),
        T.RandomHorizontalFlip(),
        T.ToTensor(),
        _HALF,
        T.RandomErasing(p, (0.0625, 0.0625), (1, 1)),
    ]


# torchvision's nearest to each author's list; three authors used albumentations.
_TRANSFORMS: dict[str, list[Any]] = {
    "cnn2": [T.ToTensor(), _HALF],
    "cnn3": [T.ToTensor()],
    "resnet18": [
        T.RandomHorizontalFlip(),
        T.RandomApply([T.RandomAffine(15, (0.1, 0.1), (0.9, 1.1))], 0.25),
        T.RandomApply([T.ColorJitter(0.3, 0.3, 0.3, 0.2)], 0.25),
        T.RandomGrayscale(0.15),
        T.ToTensor(),
        _HALF,
        T.RandomErasing(0.5, (0.25, 0.25), (1, 1)),
    ],
    "dilated_separable": [
        T.RandomHorizontalFlip(0.1),
        T.RandomApply([T.RandomAffine(15, (0.1, 0.1), (0.8, 1.2))], 0.1),
        T.ToTensor(),
        _HALF,
        T.RandomErasing(0.3, (0.25, 0.25), (1, 1)),
    ],
    "resnet9": _crop_flip_erase(2, 0.5),
}
_AUGMENTATION = [
    {"name": "random_crop", "padding": 4, "mode": "reflect"},
    {"name": "horizontal_flip"},
    {"name": "cutout", "size": 8, "fill": [125, 122, 113]},
]
_AUGMENTATION_PIL = _crop_flip_erase(4, 1)


class Pictures(Dataset):
    """Images one by one through PIL, as torchvision's CIFAR10 gives them."""

    def __init__(self, images: ImageSet, transforms: list[Any]):
        self.images, self.labels = images.images.cpu().numpy(), images.labels.tolist()
        self.transform = T.Compose(transforms)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        return self.transform(Image.fromarray(self.images[i])), self.labels[i]


def random_images(count: int, device: torch.device) -> ImageSet:
    """Return images of noise: what is measured does not depend on what they show."""
    generator = torch.Generator().manual_seed(0)
    return ImageSet(
        torch.randint(0, 256, (count, 32, 32, 3), generator=generator, dtype=torch.uint8).to(
            device
        ),
        torch.randint(0, 10, (count,), generator=generator).to(device),
    )


def authors_epoch(
    name: str, recipe: dict[str, Any], images: ImageSet, workers: int
) -> Callable[[], None]:
    """Return one epoch as the authors train."""
    model = build_model(**recipe["architecture"])
    # The authors rectify before they pool; where ours pools first, swap back.
    if name in ("cnn2", "cnn3"):
        layers = list(model.features)
        for i, layer in enumerate(layers[:-1]):
            if isinstance(layer, nn.MaxPool2d):
                layers[i], layers[i + 1] = nn.ReLU(), layer
        model.features = nn.Sequential(*layers)
    device = images.labels.device
    model.to(device)
    options = dict(recipe["optimizer"])
    kind = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[options.pop("name")]
    optimizer = kind(model.parameters(), **options)
    loader = DataLoader(
        Pictures(images, _TRANSFORMS[name]),
        recipe["batch_size"],
        shuffle=True,
        num_workers=workers,
        persistent_workers=workers > 0,
    )

    def epoch() -> None:
        total = right = 0.0
        for inputs, labels in loader:
            inputs, labels = inputs.to(device), labels.to(device)
            optimizer.zero_grad()
            logits = model(inputs)
            loss = F.cross_entropy(logits, labels)
            loss.backward()
            optimizer.step()
            total += loss.item()
            right += (logits.argmax(1) == labels).sum().item()

    return epoch


def our_trainer(recipe: dict[str, Any], images: ImageSet) -> Trainer:
    """Return a trainer without an end."""
    device = images.labels.device
    model = build_model(**recipe["architecture"]).to(device, memory_format=torch.channels_last)
    return Trainer(
        model,
        recipe | {"epochs": 10**6, "precision": "auto", "schedule": {"name": "constant"}},
        images,
        images.empty(),
        order=torch.Generator(),
        augmentation=torch.Generator(device),
    )


def our_epoch(recipe: dict[str, Any], images: ImageSet) -> Callable[[], None]:
    """Return one epoch of the Trainer, without validation, which the authors' side has not."""
    trainer = our_trainer(recipe, images)
    take_step = trainer.stepper()

    def epoch() -> None:
        for _ in trainer.steps(take_step):
            pass
        trainer.unfinished["totals"].tolist()  # waits for the device
        trainer.unfinished = None

    return epoch


def augmentation_sides(count: int, device: torch.device) -> dict[str, Callable[[], None]]:
    """Return crop, flip, cutout and normalisation of `count` images, one by one and in batches."""
    images = random_images(count, device)
    recipe = read_yaml(_MODELS / "cnn2.yaml") | {"augment": _AUGMENTATION}
    trainer, pictures = our_trainer(recipe, images), Pictures(images, _AUGMENTATION_PIL)

    def ours() -> None:
        for positions in torch.randperm(count).to(device).split(128):
            batch, _ = trainer.step.input(positions, 1)
        batch.sum().item()  # waits for the device

    def pil() -> None:
        for i in range(count):
            pictures[i]

    return {"authors": pil, "ours": ours}


def measured(
    sides: Mapping[str, Callable[[], None]],
    counts: Mapping[str, int],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Return the median images per second of each side, timed in turns.

    The first round is not counted.

    Args:
        sides: each trains one epoch.
        counts: images in an epoch of each side.
        rounds: that count.
        clock: seconds, on the wall or of the processor.
    """
    rates: dict[str, list[float]] = {side: [] for side in sides}
    for turn in range(rounds + 1):
        for side, epoch in sides.items():
            start = clock()
            epoch()
            if turn:
                rates[side].append(counts[side] / (clock() - start))
    return {side: statistics.median(values) for side, values in rates.items()}


def comparisons(
    models: list[str], rounds: int, device: torch.device
) -> Iterator[tuple[str, int, dict[str, float]]]:
    """Yield what is compared, its batch size and the rates of its sides."""
    for name in models:
        recipe = read_yaml(_MODELS / f"{name}.yaml")
        recipe["batch_size"] = min(recipe["batch_size"], 128)
        gpu = device.type == "cuda"
        images = random_images(_IMAGES[name] * (_GPU_TIMES if gpu else 1), device)
        sides = {
            "authors": authors_epoch(name, recipe, images, 0),
            "authors, 2 workers": authors_epoch(name, recipe, images, 2),
            "ours": our_epoch(recipe, images),
        }
        if gpu:
            sides["ours, no graph"] = our_epoch(recipe | {"cuda_graph": False}, images)
        counts = dict.fromkeys(sides, len(images))
        yield name, recipe["batch_size"], measured(sides, counts, rounds)
    sides = augmentation_sides(2048, device)
    yield "augmentation alone", 128, measured(sides, dict.fromkeys(sides, 2048), rounds)


def keep_memory() -> None:
    """Start this program again with the memory settings, which are read when a process starts."""
    if not os.environ.keys() >= KEEP_MEMORY.keys():
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | KEEP_MEMORY)


def main() -> None:
    """Print the table and write it as CSV."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--models", nargs="*", default=list(_IMAGES), choices=list(_IMAGES), metavar="MODEL"
    )
    parser.add_argument(
        "--rounds", type=int, default=5, help="rounds that count (default: %(default)s)"
    )
    parser.add_argument(
        "--device",
        choices=["cpu", "cuda"],
        default="cuda" if wants_gpu("auto") else "cpu",
        help="(default: %(default)s)",
    )
    parser.add_argument("--output", required=True, help="table to write, .csv")
    arguments = parser.parse_args()
    keep_memory()
    device = take_device(int(arguments.device == "cuda"), 1)
    rows = []
    print(f"Images per second on {device_name(device)}, torch {torch.__version__}")
    print(
        "| | batch | "
        + " | ".join(_SIDES)
        + " | ours / authors |\n|---|---|"
        + "---|" * (len(_SIDES) + 1)
    )
    for name, batch, rates in comparisons(arguments.models, arguments.rounds, device):
        ratio = rates["ours"] / rates["authors"]
        rows.append([name, batch, *(rates.get(side) for side in _SIDES), ratio])
        shown = [f"{rates[side]:,.0f}" if side in rates else "–" for side in _SIDES]
        print(f"| {name} | {batch} | {' | '.join(shown)} | {ratio:.1f} |", flush=True)
    write_csv(arguments.output, ["what", "batch_size", *_SIDES.values(), "ours_over_authors"], rows)


if __name__ == "__main__":
    main()
