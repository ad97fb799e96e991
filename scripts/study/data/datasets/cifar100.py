"""CIFAR-100: 60,000 images of 32×32 pixels in 100 classes, the fine ones; the archive is read by `study.data.datasets.cifar`."""

from pathlib import Path

from study.data.datasets import Decoded, Source, cifar

CIFAR100 = cifar.Cifar(
    name="CIFAR-100",
    archive="cifar-100-python.tar.gz",
    folder="cifar-100-python",
    urls=("https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",),
    train=("train",),
    test="test",
    meta="meta",
    labels="fine_labels",
    label_names="fine_label_names",
    md5={  # as torchvision has them
        "train": "16019d7e3df5f24257cddd939b257f8d",
        "test": "f0ef6b0ae62326f3e7ffdfab6717acfc",
        "meta": "7973b15100ade9c7d40fb424638fde48",
    },
)


def fetch(raw: Path, source: Source) -> None:
    """Put the verified member files into the new folder `raw`."""
    cifar.fetch(CIFAR100, raw, source)


def decode(raw: Path, source: Source) -> Decoded:
    """Return the images in the official order: 50,000 for training, 10,000 for testing."""
    return cifar.decode(CIFAR100, raw, source)
